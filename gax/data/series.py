"""Windows of a series of rows: a CSV file of a user, or the share prices that come with gax.

Rows are first filled where values are missing, then turned into log-returns where the config asks for it, cut
into splits by time, scaled by numbers that are fitted on the training rows, and cut into windows. No window
reaches from one split into another. `Field.info` has the names of the columns and the scaling.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gax import errors, paths
from gax.core.spec import Field, Spec
from gax.data import csv_rows, scaling, splits
from gax.data.csv_rows import Rows
from gax.data.source import Source, read_resident

log = logging.getLogger('gax')
LOG_RETURN = '_log_return'  # what the name of a column ends in after that transformation

# The fields of a `data` section of a series; see `named`.
OFFERS: dict[str, Any] = {
    'columns': '',  # names with commas between; '': all numbers
    'date': '',  # the column of dates; '': one that is called date, time ..., or none
    'date_format': '',  # such as %d.%m.%Y; '': ISO 8601
    'length': 24,  # steps in a window
    'stride': 1,  # steps from the start of a window to that of the next one
    'transform': 'none',  # or log_return
    'scaling': 'min_max',  # or standard, gaussianized, none; fitted on the training rows. data.scaling
    'missing': 'refuse',  # or previous, interpolate, drop: what becomes of missing values
    'backwards': False,  # turn time around, as TimeGAN's code does with its stock prices
}


def named(path: str, data: Any) -> Source:
    """The windows of the rows of a file; the fields of the `data` section are OFFERS.

    Args:
      path: The path of a .csv or .csv.gz, with a line of names.
      data: The `data` section of a config.

    Returns:
      A source of 'series' float32 [length, columns]. Its splits are the first 80 % of the rows, the next 10 %
      and the last 10 %.

    Raises:
      GaxError: The file cannot be read, or a field of the section does not go with it.
    """
    columns = chosen(data.get('columns', ''))
    rows = csv_rows.read(paths.user(path), columns, data.get('date', ''), data.get('date_format', ''))
    return windows(f'series:{path}', rows, data)


def sp500(data: Any) -> Source:
    """The S&P 500 and 20 of its shares, daily closes from 1990-01-02 to 2022-12-28: 8,313 rows.

    From the package skfolio; see embedded/LICENSE.md. The fields are OFFERS; `columns` are SP500 and the
    symbols of the shares.
    """
    with np.load(Path(__file__).parent / 'embedded' / 'sp500.npz') as file:
        changes, days, names = file['changes'], file['days'], file['columns'].tolist()
    prices = (
        np.cumsum(changes, axis=0, dtype=np.int64) / 1000.0
    )  # stored as changes of thousandths of dollars
    wanted = chosen(data.get('columns', '')) or names
    for name in wanted:
        errors.lookup('column of embedded:sp500', name, dict.fromkeys(names))
    values = prices[:, [names.index(name) for name in wanted]]
    dates = days.astype('datetime64[D]').astype('datetime64[s]')
    return windows('embedded:sp500', Rows(values, tuple(wanted), dates), data)


def chosen(columns: str) -> list[str]:
    """'a, b' -> ['a', 'b']; [] of ''."""
    return [name.strip() for name in columns.split(',') if name.strip()]


def windows(name: str, rows: Rows, data: Any) -> Source:
    """The windows of rows, as the `data` section says; see `named`."""
    section = {field: data.get(field, default) for field, default in OFFERS.items()}
    split = splits.standard(data.get('split', ''))
    if split:
        errors.lookup('config.data.split', split, dict.fromkeys(splits.SPLITS))
    for field in ('length', 'stride'):
        if section[field] < 1:
            raise errors.GaxError(f'config.data.{field} must be positive, and is {section[field]}')
    rows = filled(rows, section['missing'], name)
    if section['backwards']:
        rows = Rows(rows.values[::-1], rows.columns, None if rows.dates is None else rows.dates[::-1])
    rows = errors.lookup('config.data.transform', section['transform'], TRANSFORMS)(rows, name)
    parts = by_time(len(rows.values)) if split else {'': slice(0, len(rows.values))}
    fitted = scaling.fit(section['scaling'], rows.values[parts['train' if split else '']])
    scaled: np.ndarray = fitted.apply(rows.values).astype(np.float32)
    cut = {part: cut_into(scaled[where], section) for part, where in parts.items()}
    x = cut[split]
    if not len(x):
        steps = len(scaled[parts[split]])
        raise errors.GaxError(
            f'config.data.length={section["length"]}: {split or "all"} of {name} has {steps} steps, too few '
            'for one window'
        )
    info = {'columns': rows.columns, **fitted._asdict()}
    if rows.dates is not None:
        info['dates'] = tuple(str(date) for date in rows.dates[[0, -1]])
    spec = Spec(name, {'series': Field(x.shape[1:], 'series', info=info)}, size=len(x))
    sizes = {part: len(windows) for part, windows in cut.items()} if split else {}
    log.info('%s: %d windows of %d steps of %s', name, len(x), x.shape[1], ', '.join(rows.columns))
    return Source(spec, {'series': x}, read_resident, split=split, splits=sizes)


def cut_into(x: np.ndarray, section: dict[str, Any]) -> np.ndarray:
    """[n, columns] -> [windows, length, columns], windows `stride` apart."""
    length, stride = section['length'], section['stride']
    if len(x) < length:
        return np.empty((0, length, x.shape[1]), x.dtype)
    view = np.lib.stride_tricks.sliding_window_view(x, length, axis=0)[::stride]
    return np.ascontiguousarray(view.transpose(0, 2, 1))


def by_time(count: int) -> dict[str, slice]:
    """The rows of each split: train is the first, validation and test the last SHARE of them each."""
    few = round(splits.SHARE * count)
    first, second = count - 2 * few, count - few
    return {'train': slice(0, first), 'validation': slice(first, second), 'test': slice(second, count)}


def filled(rows: Rows, policy: str, name: str) -> Rows:
    """The rows without missing values.

    Args:
      rows: The rows, NaN where a value is missing.
      policy: 'refuse'; 'previous': the last value before, and rows before the first value of a column are
        left out; 'interpolate': on a straight line by the number of the row, likewise; 'drop': rows with a
        missing value are left out.
      name: The name of the data, for messages.

    Raises:
      GaxError: A value is missing and the policy is to refuse, or a column has no value at all.
    """
    policies = errors.lookup('config.data.missing', policy, POLICIES)
    lacking = np.isnan(rows.values)
    if not lacking.any():
        return rows
    column = int(lacking.any(0).argmax())
    if lacking.all(0).any():
        empty = rows.columns[int(lacking.all(0).argmax())]
        raise errors.GaxError(f'column {empty!r} of {name} has no value: leave it out of config.data.columns')
    if policy == 'refuse':
        raise errors.GaxError(
            f'{name} lacks {int(lacking.sum())} values, the first in column {rows.columns[column]!r}, row '
            f'{int(lacking[:, column].argmax()) + 1}: say what becomes of them with '
            '--config.data.missing=previous, interpolate or drop'
        )
    values = policies(rows.values)
    keep = ~np.isnan(values).any(1)
    return Rows(values[keep], rows.columns, None if rows.dates is None else rows.dates[keep])


def previous(x: np.ndarray) -> np.ndarray:
    """Each missing value of [n, columns] replaced by the last one before it, if there is any."""
    last = np.maximum.accumulate(np.where(np.isnan(x), 0, np.arange(len(x))[:, None]), axis=0)
    return np.take_along_axis(x, last, axis=0)


def interpolate(x: np.ndarray) -> np.ndarray:
    """Missing values of [n, columns] on straight lines between their neighbours, by the number of the row."""
    at, result = np.arange(len(x)), x.copy()
    for column in result.T:
        there = ~np.isnan(column)
        column[:] = np.interp(at, at[there], column[there], left=np.nan, right=np.nan)
    return result


POLICIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'refuse': lambda x: x,
    'previous': previous,
    'interpolate': interpolate,
    'drop': lambda x: x,
}


def log_return(rows: Rows, name: str) -> Rows:
    """log(x_t / x_(t - 1)), one row less.

    Raises:
      GaxError: A value is not positive.
    """
    if (rows.values <= 0).any():
        row, column = (int(i[0]) for i in np.nonzero(rows.values <= 0))
        raise errors.GaxError(
            f'config.data.transform=log_return is of positive values, and column {rows.columns[column]!r} of '
            f'{name} has {rows.values[row, column]:g} in row {row + 1}'
        )
    dates = None if rows.dates is None else rows.dates[1:]
    return Rows(np.diff(np.log(rows.values), axis=0), tuple(c + LOG_RETURN for c in rows.columns), dates)


TRANSFORMS: dict[str, Callable[[Rows, str], Rows]] = {
    'none': lambda rows, name: rows,
    'log_return': log_return,
}
