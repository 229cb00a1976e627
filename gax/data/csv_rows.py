"""Rows of numbers from a CSV file, with their dates."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gax import errors

MISSING = ('', 'na', 'nan', 'n/a', 'null', 'none', '?')  # values that say that there is none, in lower case
DATES = ('date', 'time', 'datetime', 'timestamp')  # usual names of a column of dates, in lower case


class Rows(NamedTuple):
    """The rows of a file in the order of time.

    Attributes:
      values: float64 [n, columns]; NaN where a value is missing.
      columns: The names of the columns.
      dates: datetime64[s] [n], ascending; None where the file has none.
    """

    values: np.ndarray
    columns: tuple[str, ...]
    dates: np.ndarray | None = None


def cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of a file, as texts.

    Args:
      path: A .csv, or a .csv.gz, in UTF-8.

    Raises:
      GaxError: It cannot be read, has no rows, names a column twice, or has a row of another length.
    """
    if not path.is_file():
        raise errors.GaxError(
            f'data file {path} does not exist' if not path.exists() else f'{path} is no file'
        )
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b'\x1f\x8b' else raw).decode('utf-8-sig')
        lines = [line for line in csv.reader(io.StringIO(text, newline='')) if line]
    except (OSError, UnicodeDecodeError, EOFError, csv.Error) as error:
        raise errors.GaxError(f'cannot read {path}: truncated, or no CSV file in UTF-8 ({error})') from error
    if len(lines) < 2:
        raise errors.GaxError(
            f'{path} must have a line of names and lines of values, and has {len(lines)} lines'
        )
    header = [name.strip() for name in lines[0]]
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise errors.GaxError(f'{path} names the column {twice[0]!r} twice')
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise errors.GaxError(f'{path}, line {number}, has {len(line)} values for {len(header)} columns')
    return header, lines[1:]


def read(path: Path, columns: Sequence[str] = (), date: str = '', date_format: str = '') -> Rows:
    """The rows of a file.

    Args:
      path: A .csv or a .csv.gz.
      columns: The columns to read; () for all but that of the dates.
      date: The column of dates, by which rows are sorted; '' for one that `is_date`, or none: then the file's
        order is that of time.
      date_format: How a date is written, as in `datetime.strptime`; '' for ISO 8601 (2022-12-28).

    Returns:
      The rows.

    Raises:
      GaxError: The file cannot be read, has no such column, or a value is no number or no date.
    """
    header, lines = cells(path)
    of_dates = date or next((name for name in header if is_date(name, lines[0][header.index(name)])), '')
    wanted = list(columns) or [name for name in header if name != of_dates]
    for name in [*wanted, *([of_dates] if of_dates else [])]:
        errors.lookup(f'column of {path}', name, dict.fromkeys(header))
    table = list(zip(*lines, strict=True))
    values = np.stack([numbers(table[header.index(name)], name, path) for name in wanted], axis=1)
    if not of_dates:
        return Rows(values, tuple(wanted))
    when = dates(table[header.index(of_dates)], of_dates, path, date_format)
    order = np.argsort(when, kind='stable')
    when = when[order]
    if (same := np.flatnonzero(when[1:] == when[:-1])).size:
        raise errors.GaxError(
            f'column {of_dates!r} of {path} has {when[same[0]]} twice: keep one row of a date'
        )
    return Rows(values[order], tuple(wanted), when)


def is_date(name: str, text: str) -> bool:
    """Whether a column is one of dates by its name and its first value, which is no plain number."""
    plain = text.strip().lower()
    return (
        name.lower() in DATES
        and plain not in MISSING
        and not plain.removeprefix('-').replace('.', '').isdigit()
    )


def numbers(texts: Sequence[str], name: str, path: Path) -> np.ndarray:
    """float64 [n] of the texts of a column; NaN for MISSING.

    Raises:
      GaxError: One is no finite number.
    """
    result = np.empty(len(texts))
    for row, text in enumerate(texts):
        if text.strip().lower() in MISSING:
            result[row] = np.nan
            continue
        try:
            result[row] = float(text)
        except ValueError:
            result[row] = np.inf
        if np.isinf(result[row]):
            raise errors.GaxError(
                f'column {name!r} of {path}, line {row + 2}: {text!r} is no number; name the columns to read '
                'with --config.data.columns=NAME,NAME'
            )
    return result


def dates(texts: Sequence[str], name: str, path: Path, date_format: str) -> np.ndarray:
    """datetime64[s] [n] of the texts of a column of dates.

    Raises:
      GaxError: One cannot be read.
    """
    result: list[Any] = []
    for row, text in enumerate(texts):
        try:
            one = (
                datetime.strptime(text, date_format) if date_format else datetime.fromisoformat(text.strip())
            )
        except ValueError as error:
            how = repr(date_format) if date_format else 'ISO 8601 (2022-12-28)'
            raise errors.GaxError(
                f'column {name!r} of {path}, line {row + 2}: {text!r} is no date written as {how}; say how '
                'with --config.data.date_format=%d.%m.%Y'
            ) from error
        result.append(one.replace(tzinfo=None))
    return np.array(result, 'datetime64[s]')
