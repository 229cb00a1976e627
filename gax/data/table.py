"""Tables from .csv files: `table:FILE.csv`, rows encoded for a network (see gax.data.encoded).

The kinds of the columns are inferred and logged; config.data.columns overrides them. The encoding is fitted
to the training split, or to all rows if config.data.split is empty. It is part of the spec, hence of a run's
data.json: a run is sampled without the file.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gax import errors, paths
from gax.core.spec import Field, Spec
from gax.data import cells, columns, encoded, mixture, splits
from gax.data.source import Source, read_resident

log = logging.getLogger('gax')


class Table(NamedTuple):
    """A file of rows.

    Attributes:
      columns: What is known of each column before its encoding is fitted.
      rows: The cells of all rows.
      dropped: The names of the columns that are left out.
    """

    columns: tuple[columns.Column, ...]
    rows: Mapping[str, columns.Cells]
    dropped: tuple[str, ...]

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(next(iter(self.rows.values())))


def named(path: str, data: Any) -> Source:
    """The rows of a .csv file, encoded.

    Args:
      path: The file.
      data: The `data` section of a config. `columns`: kinds that override the inferred ones,
        'age:integer,id:drop'. `target`: the category that classifiers predict; '' for the last one. `split`:
        see gax.data.splits.

    Returns:
      A source of 'table', float32 [B, encoding.width].

    Raises:
      GaxError: The file or a column cannot be used, or a category of the split is not in the training split.
    """
    table = opened(paths.user(path), data.get('columns', ''))
    split = data.get('split', '')
    rows = splits.dealt(table.size) if split else {}
    if split:
        splits.refuse_unknown(split, rows, f'table:{path}')
    encoding = fitted(table, rows['train'] if split else np.arange(table.size), data.get('target', ''))
    for column in encoding.columns:
        log.info('%s', description(column))
    if table.dropped:
        log.info('left out: %s', ', '.join(table.dropped))
    part = cells.chosen(table.rows, rows[split]) if split else table.rows
    source = of_rows(f'table:{path}', encoding, part)
    return source._replace(split=split, splits=splits.sizes(rows)) if split else source


def of_rows(name: str, encoding: columns.Encoding, rows: columns.Rows) -> Source:
    """A source of these rows, encoded.

    Args:
      name: The name of the source.
      encoding: The encoding.
      rows: The cells of its columns.
    """
    x = encoded.encode(encoding, rows)
    field = Field(x.shape[1:], 'table', info=columns.info_of(encoding))
    return Source(Spec(name, {'table': field}, size=len(x)), {'table': x}, read_resident)


def from_file(path: Path, encoding: columns.Encoding) -> Source:
    """The rows of a .csv file of any tool, as a known encoding has them. Other columns are left out.

    Numbers beyond the range of the encoding are moved to it, and rounded as it says, as real rows are.

    Raises:
      GaxError: The file cannot be read, lacks a column, or a cell is none of the column's.
    """
    frame = cells.read(path)
    names = dict.fromkeys(frame.columns)
    used = [column for column in encoding.columns if column.kind != 'constant']
    for column in used:
        errors.lookup(f'column of {path}:', column.name, names)
    if extra := sorted(names.keys() - {column.name for column in encoding.columns}):
        log.info('%s: left out: %s', path, ', '.join(extra))
    rows = {column.name: cells.of_known(column, frame[column.name], str(path)) for column in used}
    return of_rows(f'table:{path}', encoding, rows)


def opened(path: Path, kinds: str = '') -> Table:
    """The cells of a file.

    Args:
      path: The file.
      kinds: The kinds that the user wants, see `cells.overrides`.
    """
    frame = cells.read(path)
    wanted = cells.overrides(kinds, frame)
    dropped = tuple(name for name, kind in wanted.items() if kind == cells.DROP)
    kept = [name for name in frame.columns if name not in dropped]
    described = {name: cells.described(name, frame[name], wanted.get(name, '')) for name in kept}
    if all(column.kind == 'constant' for column, _ in described.values()):
        raise errors.GaxError(f'{path} has no column with more than one value')
    return Table(
        tuple(column for column, _ in described.values()),
        {name: values for name, (_, values) in described.items()},
        dropped,
    )


def fitted(table: Table, train: np.ndarray, target: str = '') -> columns.Encoding:
    """The encoding of a table.

    Args:
      table: The table.
      train: The rows that it is fitted to.
      target: The name of the category that classifiers predict; '' for the last category.

    Raises:
      GaxError: A column has no value in these rows, or the target is no category.
    """
    fitted_columns = []
    for column in table.columns:
        values = table.rows[column.name][train]
        if all(value is None or value != value for value in values.tolist()):
            raise errors.GaxError(
                f"column {column.name!r}: all values of the training split are missing; '{column.name}:drop' "
                'in config.data.columns leaves it out'
            )
        fitted_columns.append(mixture.fit(column, values))
    encoding = columns.Encoding(tuple(fitted_columns))
    of_categories = {place.column.name: None for place in columns.categories(encoding)}
    if target:
        columns.find(encoding, target, 'config.data.target')
        errors.lookup('category in config.data.target', target, of_categories)
    return encoding._replace(target=target or next(reversed(of_categories), ''))


def description(column: columns.Column) -> str:
    """A line about a column."""
    about = {
        'constant': f'constant {column.values[:1]}',
        'category': f'category, {len(column.values)} values ({", ".join(column.values[:4])}'
        f'{", ..." * (len(column.values) > 4)})',
        'date': f'date {column.format}, {len(column.means)} modes',
    }
    numbers = f'{column.kind}, {column.low:g} to {column.high:g}, {len(column.means)} modes'
    return f'column {column.name}: {about.get(column.kind, numbers)}{", some missing" * column.missing}'
