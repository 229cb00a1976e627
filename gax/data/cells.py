"""The cells of a .csv file, and the kinds of its columns, as pandas infers them from the texts."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from gax import errors
from gax.data import columns

DROP = 'drop'  # in place of a kind: the column is left out
OVERRIDES = (*columns.KINDS, DROP)
CODES = 20  # integers of at most so many different values are categories,
REPEATED = 10  # if there are so many rows for each
MOST_VALUES = 1000  # of a category
MOST_DECIMALS = 12
DATES = (
    *('%Y-%m-%d', '%d.%m.%Y', '%d/%m/%Y', '%m/%d/%Y', '%Y/%m/%d'),
    *('%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S', '%d/%m/%Y %H:%M', '%m/%d/%Y %H:%M'),
)


def require() -> Any:
    """pandas.

    Raises:
      GaxError: It, or scikit-learn, is not installed.
    """
    if missing := [name for name in ('pandas', 'sklearn') if find_spec(name) is None]:
        raise errors.GaxError(f"tables need {missing[0]}: pip install 'gax[tables]'")
    import pandas

    return pandas


def read(path: Path) -> Any:
    """The texts of a .csv file, a pandas.DataFrame of str with NaN where missing.

    The separator is the one of comma, semicolon and tab that the first line has most of.

    Raises:
      GaxError: The file does not exist, cannot be read, has no rows, or two columns of one name.
    """
    pandas = require()
    if not path.is_file():
        raise errors.GaxError(f'table {path} {"is not a file" if path.exists() else "does not exist"}')
    try:
        with open(path, encoding='utf-8-sig', newline='') as file:
            first = file.readline()
            separator = max(',;\t', key=first.count)
            file.seek(0)
            names = next(csv.reader(file, delimiter=separator), [])
        frame = pandas.read_csv(path, dtype=str, sep=separator, encoding='utf-8-sig')
    except (OSError, ValueError, csv.Error, UnicodeDecodeError) as error:
        raise errors.GaxError(f'cannot read {path} as a table: {" ".join(str(error).split())}') from error
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        raise errors.GaxError(f'{path} has two columns called {twice[0]!r}')
    if not len(frame):
        raise errors.GaxError(f'{path} has no rows below the names of the columns')
    return frame


def overrides(text: str, frame: Any) -> dict[str, str]:
    """The kinds that config.data.columns sets: 'age:integer, id:drop' -> {'age': 'integer', 'id': 'drop'}.

    Raises:
      GaxError: A column or a kind is unknown.
    """
    chosen = {}
    for part in filter(None, (part.strip() for part in text.split(','))):
        name, colon, kind = part.rpartition(':')
        if not colon:
            raise errors.GaxError(f'config.data.columns: {part!r} must be COLUMN:KIND, such as age:integer')
        errors.lookup('column in config.data.columns', name, dict.fromkeys(frame.columns))
        errors.lookup(f'kind of the column {name!r}', kind, dict.fromkeys(OVERRIDES))
        chosen[name] = kind
    return chosen


def described(name: str, column: Any, kind: str = '') -> tuple[columns.Column, columns.Cells]:
    """A column with its kind, and its cells; no mixture is fitted, and no values are listed yet.

    Args:
      name: The name of the column.
      column: Its texts, a pandas.Series.
      kind: The kind that the user wants; '' to infer it.

    Raises:
      GaxError: All values are missing, they are not of the kind that is wanted, or a category has too many.
    """
    present = column.dropna()
    if not len(present):
        raise errors.GaxError(
            f"column {name!r}: all {len(column)} values are missing; leave it out, '{name}:drop' in "
            'config.data.columns'
        )
    date_format = format_of(name, present, kind == 'date') if kind in ('', 'date') else ''
    kind = kind or inferred(column, date_format)
    missing = len(present) < len(column)
    if kind in ('category', 'constant'):
        refuse_many(name, present, kind)
        cells = column.astype(object).where(column.notna(), None).to_numpy(object)
        return columns.Column(name, kind, missing=missing), cells
    if kind == 'date':
        return columns.Column(name, kind, decimals=0, format=date_format, missing=missing), since_1970(
            column, date_format
        )
    cells = require().to_numeric(column, errors='coerce').to_numpy(np.float64)
    wrong = column[column.notna().to_numpy() & ~np.isfinite(cells)]
    if len(wrong):
        raise errors.GaxError(f'column {name!r}: {wrong.iloc[0]!r} is no finite number')
    decimals = 0 if kind == 'integer' else decimals_of(present)
    return columns.Column(name, kind, decimals=decimals, missing=missing), cells


def of_known(column: columns.Column, texts: Any, where: str) -> columns.Cells:
    """The cells of a column of known kind, from the texts of another file, such as of another tool.

    Args:
      column: The column.
      texts: A pandas.Series of str, NaN where missing.
      where: The file, for messages.

    Raises:
      GaxError: A text is no number, no date of the column's format or none of its values; or one is missing,
        and the column has none missing.
    """
    absent = texts.isna().to_numpy()
    if absent.any() and not column.missing:
        raise errors.GaxError(
            f'{where}, column {column.name!r}: {absent.sum()} values are missing, and in the table none is'
        )
    if column.kind == 'category':
        for text in texts[~absent].unique():
            errors.lookup(
                f'value of the column {column.name!r} of {where}:', text, dict.fromkeys(column.values)
            )
        return texts.astype(object).where(texts.notna(), None).to_numpy(object)
    if column.kind == 'date':
        numbers = since_1970(texts, column.format)
    else:
        numbers = require().to_numeric(texts, errors='coerce').to_numpy(np.float64)
    wrong = texts[~absent & ~np.isfinite(numbers)]
    if len(wrong):
        wanted = f'no date like {column.format}' if column.kind == 'date' else 'no finite number'
        raise errors.GaxError(f'{where}, column {column.name!r}: {wrong.iloc[0]!r} is {wanted}')
    return numbers


def inferred(column: Any, date_format: str) -> str:
    """The kind of a column, from its texts.

    Numbers are continuous if a text has a point or an exponent, else integers. Integers that begin with a 0,
    such as postal codes, are categories, and so are those of few values (CODES), which are mostly codes.

    Args:
      column: The texts, a pandas.Series.
      date_format: The format that all of them have; '' if they are no dates.
    """
    present = column.dropna()
    different = present.nunique()
    if different == 1 and len(present) == len(column):
        return 'constant'
    if require().to_numeric(present, errors='coerce').notna().all():
        plain = present.str.fullmatch(r'\s*[+-]?\d+\s*').all()
        if not plain:
            return 'continuous'
        padded = present.str.match(r'\s*[+-]?0\d').any()
        few = different <= min(CODES, len(present) / REPEATED)
        return 'category' if padded or few else 'integer'
    return 'date' if date_format else 'category'


def format_of(name: str, present: Any, wanted: bool) -> str:
    """The format of dates.

    Args:
      name: The name of the column.
      present: Its texts without missing ones.
      wanted: Whether the user says that it has dates.

    Returns:
      The first one of DATES that all texts have; '' if they are no dates.

    Raises:
      GaxError: Most texts are dates of one format, or the user says so, and one is not.
    """
    pandas = require()
    best, readable = '', None
    for date_format in DATES:
        if not wanted and not pandas.notna(parsed(present.iloc[:100], date_format)).any():
            continue
        good = pandas.notna(parsed(present, date_format))
        if good.all():
            return date_format
        if readable is None or good.sum() > readable.sum():
            best, readable = date_format, good
    share = 0.0 if readable is None else readable.mean()
    if wanted or share > 0.5:
        bad = present.iloc[0] if readable is None else present[~readable].iloc[0]
        like = f'the others are like {best}' if share else f'formats that are read: {", ".join(DATES)}'
        raise errors.GaxError(
            f'column {name!r}: the date {bad!r} cannot be read ({like}); correct it, or say '
            f"'{name}:category' "
            'in config.data.columns'
        )
    return ''


def parsed(texts: Any, date_format: str) -> Any:
    """Dates as a pandas.Series of datetimes, NaT where a text has another format."""
    return require().to_datetime(texts, format=date_format, errors='coerce')


def since_1970(column: Any, date_format: str) -> np.ndarray:
    """Days, or seconds where the format has a time, since 1970-01-01; float64 [N], NaN where missing."""
    seconds = (parsed(column, date_format) - require().Timestamp(0)).dt.total_seconds().to_numpy(np.float64)
    return seconds if columns.has_time(date_format) else seconds / columns.DAY


def decimals_of(present: Any) -> int:
    """The most digits after the point; EXACT where a number has an exponent, or very many digits."""
    matches = [re.fullmatch(r'\s*[+-]?\d*\.?(\d*)\s*', text) for text in present.unique()]
    if not all(matches):
        return columns.EXACT
    most = max(len(match.group(1)) for match in matches if match)
    return most if most <= MOST_DECIMALS else columns.EXACT


def refuse_many(name: str, present: Any, kind: str) -> None:
    """Raises GaxError for a category of more than MOST_VALUES values, or a constant of two."""
    different = present.nunique()
    if kind == 'constant' and different > 1:
        raise errors.GaxError(f'column {name!r} is no constant: it has {different} values')
    if different > MOST_VALUES:
        raise errors.GaxError(
            f'column {name!r}: {different:,} different texts, such as {present.iloc[0]!r}, are too many '
            f"for a category (at most {MOST_VALUES:,}); leave it out, '{name}:drop' in config.data.columns"
        )


def chosen(rows: Mapping[str, columns.Cells], indices: np.ndarray) -> dict[str, columns.Cells]:
    """The rows at `indices`."""
    return {name: cells[indices] for name, cells in rows.items()}


def framed(encoding: columns.Encoding, rows: columns.Rows) -> Any:
    """Cells as a pandas.DataFrame with the types of the table.

    Integers are int64 (Int64 where some are missing), dates datetime64, other numbers float64, categories and
    constants texts (object).

    Args:
      encoding: The encoding.
      rows: The cells of its columns, see `encoded.decode`.
    """
    pandas = require()

    def typed(column: columns.Column, values: columns.Cells) -> Any:
        if column.kind == 'integer':
            whole = pandas.array(values, dtype='Int64')
            return whole if np.isnan(values).any() else whole.astype('int64')
        if column.kind == 'date':
            unit = 's' if columns.has_time(column.format) else 'D'
            return pandas.to_datetime(pandas.Series(values), unit=unit)
        return values

    return pandas.DataFrame({c.name: typed(c, rows[c.name]) for c in encoding.columns})
