"""Columns of a table as numbers for a network, and back. Pure functions of NumPy arrays and an `Encoding`.

Xu et al., "Modeling Tabular Data using Conditional GAN" (CTGAN), 2019, section 4.2, mode-specific
normalisation. A number is one scalar and one choice: the choice is the mode of a Gaussian mixture that the
number belongs to (drawn by its posterior), the scalar is (x - mean) / (4 std) within that mode, clipped to
[-1, 1]. A category is one choice among its values. A choice is one-hot, a scalar comes before its choice. A
missing value is one more element of the choice, the last one, and its scalar is 0. Columns that hold one
value are not encoded.

The cells of a column are float64 [N] with NaN where missing (numbers; dates as days, or seconds, since
1970-01-01), or texts, object [N], with None where missing (categories and constants).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from gax import errors
from gax.core.layout import Layout
from gax.core.spec import Field, Spec

NUMBERS = ('continuous', 'integer', 'date')
KINDS = (*NUMBERS, 'category', 'constant')
WIDTH = 4.0  # standard deviations of a mode that the scalar 1 stands for
EXACT = -1  # decimals of a column that is not rounded
DAY = 86_400  # seconds
Cells = np.ndarray
Rows = Mapping[str, Cells]  # the cells of each column by its name


class Column(NamedTuple):
    """A column, and what its encoding was fitted to.

    Attributes:
      name: Its name.
      kind: One of KINDS.
      values: The texts of a category's values, or of the one value of a constant.
      counts: How many rows have each value of a category, the missing ones last.
      means: The means of a number's modes.
      stds: Their standard deviations, positive.
      weights: Their weights.
      low: The smallest number.
      high: The largest number.
      decimals: Digits after the point that numbers are rounded to; EXACT: none.
      format: Of dates, as strptime has it.
      missing: Whether values are missing.
    """

    name: str
    kind: str
    values: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    means: tuple[float, ...] = ()
    stds: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 0.0
    decimals: int = EXACT
    format: str = ''
    missing: bool = False

    @property
    def choices(self) -> int:
        """The number of elements of its choice."""
        if self.kind == 'constant':
            return 0
        return len(self.means if self.kind in NUMBERS else self.values) + self.missing

    @property
    def width(self) -> int:
        """The numbers that one cell is encoded as."""
        return self.choices + (self.kind in NUMBERS)


class Encoding(NamedTuple):
    """The encoding of a table.

    Attributes:
      columns: All columns, in the order of the table.
      target: The name of the category that classifiers predict; '' for none.
    """

    columns: tuple[Column, ...]
    target: str = ''

    @property
    def width(self) -> int:
        """The numbers that one row is encoded as."""
        return sum(column.width for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each number of an encoded row: 'age', 'age mode 0', 'sex=male', 'sex missing'."""
        return tuple(name for column in self.columns for name in _names(column))


class Place(NamedTuple):
    """Where a column is in an encoded row.

    Attributes:
      column: The column.
      start: The first number of its choice. The scalar of a number is right before.
      stop: The end of its choice.
    """

    column: Column
    start: int
    stop: int


def _names(column: Column) -> list[str]:
    if column.kind == 'constant':
        return []
    numeric = column.kind in NUMBERS
    modes = [f'{column.name} mode {i}' for i in range(len(column.means))]
    names = [column.name, *modes] if numeric else [f'{column.name}={value}' for value in column.values]
    return [*names, f'{column.name} missing'] if column.missing else names


def places(encoding: Encoding) -> list[Place]:
    """Where each column that is encoded is in a row, in order."""
    found, start = [], 0
    for column in encoding.columns:
        if column.width:
            first = start + column.width - column.choices
            found.append(Place(column, first, start + column.width))
        start += column.width
    return found


def to_text(encoding: Encoding) -> str:
    """The encoding as JSON, without the fields that have their defaults."""
    usual = Column('', '')._asdict()
    listed = [
        {name: value for name, value in column._asdict().items() if value != usual[name]}
        for column in encoding.columns
    ]
    return json.dumps({'columns': listed, 'target': encoding.target}, separators=(',', ':'))


def from_text(text: str) -> Encoding:
    """The encoding that `to_text` wrote."""
    content = json.loads(text)

    def column(stored: Mapping[str, Any]) -> Column:
        fields: dict[str, Any] = dict(stored)
        lists = {name: tuple(value) for name, value in stored.items() if isinstance(value, list)}
        return Column(**(fields | lists))

    return Encoding(tuple(map(column, content['columns'])), content['target'])


def of_info(info: Mapping[str, Any]) -> Encoding | None:
    """The encoding of a field of tables, from its info; None for a table that is not encoded."""
    return from_text(info['encoding']) if 'encoding' in info else None


def info_of(encoding: Encoding) -> dict[str, Any]:
    """The info of a field of encoded rows."""
    return {'columns': encoding.names, 'encoding': to_text(encoding)}


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
                f'column {column.name!r}: {what} is not among the rows that the encoding was fitted to (it is '
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


def has_time(date_format: str) -> bool:
    """Whether dates of this format have a time of day."""
    return '%H' in date_format


def lines(encoding: Encoding, encoded: np.ndarray) -> list[list[str]]:
    """Encoded rows as the cells of a .csv file, the names of the columns first."""
    rows = decode(encoding, encoded)
    cells = [texts(column, rows[column.name]) for column in encoding.columns]
    return [[column.name for column in encoding.columns], *map(list, zip(*cells, strict=True))]


def find(encoding: Encoding, name: str, what: str) -> Column:
    """The column of this name.

    Args:
      encoding: The encoding.
      name: The name.
      what: What asks for it, for the message.

    Raises:
      GaxError: There is none; the message has the nearest name.
    """
    return errors.lookup(f'column in {what}', name, {column.name: column for column in encoding.columns})


def categories(encoding: Encoding) -> list[Place]:
    """The places of the categories."""
    return [place for place in places(encoding) if place.column.kind == 'category']


def layout_of(spec: Spec) -> Layout:
    """The layout of the encoded rows of a table.

    Raises:
      GaxError: The data is no encoded table.
    """
    encoding = of_info(spec.fields[spec.target].info)
    if encoding is None:
        raise errors.GaxError(
            f'this gan is for tables, and {spec.name} is none: config.data.name=table:FILE.csv, or '
            'synthetic:table'
        )
    found, discrete = places(encoding), categories(encoding)
    return Layout(
        encoding.width,
        tuple(place.start - 1 for place in found if place.column.kind in NUMBERS),
        tuple((place.start, place.stop) for place in found),
        tuple((place.start, place.stop) for place in discrete),
        tuple(place.column.counts for place in discrete),
    )


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
    plain = Field((len(used),), 'table', info={'columns': names})
    spec = spec._replace(fields={**spec.fields, spec.target: plain})
    if batch is None:
        return None, spec
    rows = decode(encoding, np.asarray(batch[spec.target]))
    numbers = [
        rows[column.name] if column.kind in NUMBERS else codes(column, rows[column.name]) for column in used
    ]
    return {**batch, spec.target: np.stack(numbers, axis=1).astype(np.float64)}, spec
