"""Rows of a table as numbers for a network, and back: pure functions of NumPy arrays and an `Encoding`.

The cells of a column are float64 [N] with NaN where missing (numbers; dates as days, or seconds, since
1970-01-01), or texts, object [N], with None where missing (categories and constants).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from gax import errors
from gax.core.spec import Field
from gax.data.columns import (
    DAY,
    EXACT,
    NUMBERS,
    WIDTH,
    Cells,
    Column,
    Encoding,
    Rows,
    has_time,
    of_info,
    places,
)


def encode(encoding: Encoding, rows: Rows, seed: int = 0) -> np.ndarray:
    """Rows as numbers.

    Args:
      encoding: The encoding.
      rows: The cells of its columns.
      seed: Of the modes, which are drawn by their posteriors.

    Returns:
      float32 [N, encoding.width].

    Raises:
      GaxError: A category or a missing value does not occur in what the encoding was fitted to.
    """
    count = len(next(iter(rows.values())))
    encoded: np.ndarray = np.zeros((count, encoding.width), np.float32)
    for number, (column, start, _) in enumerate(places(encoding)):
        cells = rows[column.name]
        if column.kind in NUMBERS:
            random = np.random.Generator(np.random.Philox(key=[seed, number]))
            chosen, scalar = _modes_of(column, cells, random)
            encoded[:, start - 1] = scalar
        else:
            chosen = codes(column, cells)
        encoded[np.arange(count), start + chosen] = 1.0
    return encoded


def codes(column: Column, cells: Cells) -> np.ndarray:
    """The places of texts among the values of a category, int64 [N]; a missing one's is the last.

    Raises:
      GaxError: A text is none of the values, or a missing one was not known.
    """
    known: dict[Any, int] = {value: i for i, value in enumerate(column.values)}
    if column.missing:
        known[None] = len(column.values)
    for cell in dict.fromkeys(cells.tolist()):
        if cell not in known:
            what = 'a missing value' if cell is None else f'the category {cell!r}'
            raise errors.GaxError(
                f'column {column.name!r}: {what} is not among the rows that the encoding was '
                f'fitted to (it is '
                f"in another split only): leave config.data.split empty, or the column out, '{column.name}:"
                "drop' in config.data.columns"
            )
    return np.array([known[cell] for cell in cells.tolist()], np.int64)


def _modes_of(column: Column, cells: Cells, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(the mode of each number, int64 [N]; its scalar, float64 [N])."""
    absent = np.isnan(cells)
    if absent.any() and not column.missing:
        raise errors.GaxError(
            f'column {column.name!r}: a missing value is not among the rows that the encoding was fitted to'
        )
    x = np.where(absent, column.means[0], cells)[:, None]
    means, stds, weights = (np.array(part) for part in (column.means, column.stds, column.weights))
    fits = np.log(weights) - np.log(stds) - 0.5 * np.square((x - means) / stds)
    chosen = np.argmax(fits + random.gumbel(size=fits.shape), axis=1)
    scalar = np.clip((x[:, 0] - means[chosen]) / (WIDTH * stds[chosen]), -1, 1)
    return np.where(absent, len(means), chosen), np.where(absent, 0.0, scalar)


def decode(encoding: Encoding, encoded: np.ndarray) -> dict[str, Cells]:
    """The inverse of `encode`: the cells of every column, constants too.

    Of a choice the largest element counts. Numbers are within the range of those that the encoding was fitted
    to, and rounded as they were.

    Args:
      encoding: The encoding.
      encoded: float [N, encoding.width], such as a generator's rows.
    """
    where = {place.column.name: place for place in places(encoding)}
    rows: dict[str, Cells] = {}
    for column in encoding.columns:
        if column.kind == 'constant':
            rows[column.name] = np.full(len(encoded), column.values[0], object)
            continue
        place = where[column.name]
        chosen = np.argmax(encoded[:, place.start : place.stop], axis=1)
        if column.kind in NUMBERS:
            rows[column.name] = _numbers(column, chosen, encoded[:, place.start - 1])
        else:
            values = np.array([*column.values, *[None] * column.missing], object)
            rows[column.name] = values[chosen]
    return rows


def _numbers(column: Column, chosen: np.ndarray, scalar: np.ndarray) -> np.ndarray:
    """Numbers float64 [N] from modes and scalars."""
    means, stds = (np.array([*part, np.nan]) for part in (column.means, column.stds))
    x = means[chosen] + WIDTH * stds[chosen] * np.clip(scalar.astype(np.float64), -1, 1)
    x = np.clip(x, column.low, column.high)
    return x if column.decimals == EXACT else np.round(x, column.decimals)


def texts(column: Column, cells: Cells) -> list[str]:
    """Cells as a file of the table has them; '' where missing."""
    if column.kind not in NUMBERS:
        return ['' if cell is None else cell for cell in cells.tolist()]
    write = {'integer': _integer, 'date': _date, 'continuous': _number}[column.kind]
    return ['' if np.isnan(x) else write(column, x) for x in cells.tolist()]


def _integer(column: Column, x: float) -> str:
    return str(round(x))


def _number(column: Column, x: float) -> str:
    if column.decimals == EXACT:
        return format(x, '.9g')
    text = f'{x + 0.0:.{column.decimals}f}'
    whole, point, digits = text.partition('.')
    return f'{whole}.{digits.rstrip("0") or "0"}' if point else whole


def _date(column: Column, x: float) -> str:
    seconds = round(x) * (1 if has_time(column.format) else DAY)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime(column.format)


def lines(encoding: Encoding, encoded: np.ndarray) -> list[list[str]]:
    """Encoded rows as the cells of a .csv file, the names of the columns first."""
    rows = decode(encoding, encoded)
    cells = [texts(column, rows[column.name]) for column in encoding.columns]
    return [[column.name for column in encoding.columns], *map(list, zip(*cells, strict=True))]


def pictured(batch: Mapping[str, Any] | None, spec: Any) -> tuple[Any, Any]:
    """A batch for pictures: its encoded rows as one number for each column that is not constant.

    A category's number is its place among the values. Missing numbers are NaN.

    Args:
      batch: Arrays by field, or None.
      spec: The spec of the data, or None.

    Returns:
      (the batch, its spec); both unchanged if the target of the data is no encoded table.
    """
    encoding = of_info(spec.fields[spec.target].info) if spec else None
    if spec is None or encoding is None:
        return batch, spec
    used = [column for column in encoding.columns if column.kind != 'constant']
    names = tuple(column.name for column in used)
    categories = tuple(column.name for column in used if column.kind == 'category')
    plain = Field((len(used),), 'table', info={'columns': names, 'categories': categories})
    spec = spec._replace(fields={**spec.fields, spec.target: plain})
    if batch is None:
        return None, spec
    rows = decode(encoding, np.asarray(batch[spec.target]))
    numbers = [
        rows[column.name] if column.kind in NUMBERS else codes(column, rows[column.name]) for column in used
    ]
    return {**batch, spec.target: np.stack(numbers, axis=1).astype(np.float64)}, spec
