"""Columns of a table, and how they are encoded as numbers for a network (gax.data.encoded does it).

Xu et al., "Modeling Tabular Data using Conditional GAN" (CTGAN), 2019, section 4.2, mode-specific
normalisation. A number is one scalar and one choice: the choice is the mode of a Gaussian mixture that the
number belongs to (drawn by its posterior), the scalar is (x - mean) / (4 std) within that mode, clipped to
[-1, 1]. A category is one choice among its values. A choice is one-hot, a scalar comes before its choice. A
missing value is one more element of the choice, the last one, and its scalar is 0. Columns that hold one
value are not encoded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gax import errors
from gax.core.layout import Layout
from gax.core.spec import Spec

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
    result, start = [], 0
    for column in encoding.columns:
        if column.width:
            first = start + column.width - column.choices
            result.append(Place(column, first, start + column.width))
        start += column.width
    return result


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


def has_time(date_format: str) -> bool:
    """Whether dates of this format have a time of day."""
    return '%H' in date_format


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
    all_places, discrete = places(encoding), categories(encoding)
    return Layout(
        encoding.width,
        tuple(place.start - 1 for place in all_places if place.column.kind in NUMBERS),
        tuple((place.start, place.stop) for place in all_places),
        tuple((place.start, place.stop) for place in discrete),
        tuple(place.column.counts for place in discrete),
    )
