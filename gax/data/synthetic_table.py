"""A small table of mixed columns whose distribution is known: no file is read, and nothing is fitted."""

from __future__ import annotations

import numpy as np

from gax.data import columns, table
from gax.data.source import Source

SIZE = 2000
NAME = 'synthetic:table'
GROUPS, SHARES = ('a', 'b', 'c'), (0.6, 0.3, 0.1)
LEVELS = (-2.0, 0.0, 3.0)  # mean of `amount` in each group; its standard deviation is SPREAD
SPREAD = 0.5
CHANCE = (0.1, 0.5, 0.9)  # of flag=yes in each group
LACKING = 0.1  # share of missing numbers in `count`
RATE = 4.0  # of `count`, which is Poisson


def rows(size: int = SIZE) -> dict[str, columns.Cells]:
    """Rows drawn from the distribution, the same every time.

    `group` is a, b or c. Given it, `amount` is normal and `flag` is yes or no. `count` is Poisson and missing
    at random. `source` is a constant.
    """
    random = np.random.Generator(np.random.Philox(key=17))
    group = random.choice(len(GROUPS), size=size, p=SHARES)
    amount = np.round(np.array(LEVELS)[group] + SPREAD * random.standard_normal(size), 2)
    count = random.poisson(RATE, size).astype(np.float64)
    count[random.random(size) < LACKING] = np.nan
    flag = np.where(random.random(size) < np.array(CHANCE)[group], 'yes', 'no').astype(object)
    source: np.ndarray = np.full(size, 'gax', object)
    return {
        'amount': amount,
        'count': count,
        'source': source,
        'group': np.array(GROUPS, object)[group],
        'flag': flag,
    }


def encoding(drawn: columns.Rows) -> columns.Encoding:
    """The encoding with the modes of the distribution."""

    def counted(name: str) -> columns.Column:
        values, counts = np.unique(drawn[name].astype(str), return_counts=True)
        return columns.Column(name, 'category', tuple(values.tolist()), tuple(counts.tolist()))

    amount = columns.Column(
        *('amount', 'continuous'),
        means=LEVELS,
        stds=(SPREAD,) * len(LEVELS),
        weights=SHARES,
        low=float(drawn['amount'].min()),
        high=float(drawn['amount'].max()),
        decimals=2,
    )
    count = columns.Column(
        *('count', 'integer'),
        means=(RATE,),
        stds=(RATE**0.5,),
        weights=(1.0,),
        high=float(np.nanmax(drawn['count'])),
        decimals=0,
        missing=True,
    )
    source = columns.Column('source', 'constant', ('gax',))
    return columns.Encoding((amount, count, source, counted('group'), counted('flag')), 'flag')


def synthetic_table() -> Source:
    """The rows as a source of 'table', float32 [B, 12]."""
    drawn = rows()
    return table.of_rows(NAME, encoding(drawn), drawn)
