"""Train, validation and test: parts of a finite set that are never mixed.

A set that brings splits of its own keeps them. Any other is dealt out 80 : 10 : 10 by a permutation that
depends on nothing but its size, so that training, evaluating and sampling see the same parts on every
machine. Where examples belong to groups (the frames of one recording), whole groups are dealt out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from gax import errors
from gax.data.source import Source

SPLITS = ('train', 'validation', 'test')
ALIASES = {'val': 'validation', 'valid': 'validation', 'dev': 'validation', 'eval': 'validation'}
SHARE = 0.1  # of the examples, in validation and in test each
KEY = 0x6761782D73706C69  # of the Philox stream, the same for ever


class Part(NamedTuple):
    """Some rows of a set that is fetched: a value that worker processes can be sent."""

    fetch: Callable[[Any], Any]
    rows: np.ndarray

    def take(self, indices: np.ndarray) -> Any:
        return self.fetch(self.rows[indices])


def standard(name: str) -> str:
    """'validation' of 'val' and the like, in any case; other names as they are, in lower case."""
    return ALIASES.get(name.lower(), name.lower())


def dealt(size: int, groups: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """The rows of each split of a set that has none of its own.

    Args:
      size: The number of examples.
      groups: [size], any values: examples of equal value go into the same split. None: each by itself.

    Returns:
      Split -> int32 rows in ascending order; disjoint, and together all rows.

    Raises:
      GaxError: There are fewer than three examples, or groups.
    """
    labels = np.arange(size) if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1)
    count = int(labels.max(initial=-1)) + 1
    if count < len(SPLITS):
        what = 'examples' if groups is None else 'groups of examples'
        raise errors.GaxError(
            f'config.data.split: three splits cannot be made of {count} {what}; leave it empty'
        )
    order = np.random.Generator(np.random.Philox(key=KEY)).permutation(count)
    few = max(1, round(SHARE * count))
    split_of: np.ndarray = np.zeros(count, np.int8)
    split_of[order[:few]], split_of[order[few : 2 * few]] = 1, 2
    return {name: np.flatnonzero(split_of[labels] == i).astype(np.int32) for i, name in enumerate(SPLITS)}


def named_rows(names: np.ndarray, size: int, what: str) -> dict[str, np.ndarray]:
    """The rows of each split of a set whose file names the split of every example.

    Args:
      names: Texts [size], such as 'train', 'val' and 'test'.
      size: The number of examples.
      what: How messages call the array.

    Returns:
      Split -> int32 rows in ascending order, for the splits that occur.

    Raises:
      GaxError: It is no such array.
    """
    if names.shape != (size,) or names.dtype.kind != 'U':
        raise errors.GaxError(
            f'{what} must be {size} texts of {", ".join(SPLITS)}, one per example, and is {names.dtype} of '
            f'shape {names.shape}'
        )
    plain = np.array([standard(name) for name in names.tolist()])
    for name in np.unique(plain).tolist():
        errors.lookup(f'split in {what}:', name, dict.fromkeys(SPLITS))
    return {name: np.flatnonzero(plain == name).astype(np.int32) for name in SPLITS if (plain == name).any()}


def part(source: Source, split: str, rows: Mapping[str, np.ndarray] | None = None) -> Source:
    """The split `split` of a source; all of it, with the sizes of its splits, where that is ''.

    Args:
      source: A whole set.
      split: One of `SPLITS`, or ''.
      rows: The rows of each split, where the set brings its own; None: see `dealt`.

    Returns:
      The rows in the order in which the whole set has them.

    Raises:
      GaxError: The source has no end, or its own splits lack this one.
    """
    name = source.spec.name
    if not split:
        return source._replace(splits=sizes(rows)) if rows else source
    if not source.spec.size:
        raise errors.GaxError(
            f'config.data.split={split}: {name} has no end, each example is drawn anew; leave it empty'
        )
    rows = rows or dealt(source.spec.size)
    refuse_unknown(split, rows, name)
    chosen = rows[split]
    arrays, fetch = source.arrays, source.fetch
    if fetch is None:
        arrays = jax.tree.map(lambda x: x[chosen], arrays)
    return source._replace(
        spec=source.spec._replace(size=len(chosen)),
        arrays=arrays,
        fetch=Part(fetch, chosen).take if fetch else None,
        split=split,
        splits=sizes(rows),
    )


def sizes(rows: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Split -> its number of examples."""
    return {name: len(indices) for name, indices in rows.items()}


def refuse_unknown(split: str, there: Mapping[str, Any], name: str) -> None:
    """Raises GaxError where a set that brings its own splits has not this one."""
    if split not in there:
        raise errors.GaxError(
            f'config.data.split={split}: {name} has its own splits, and they are {", ".join(there) or "none"}'
        )


def held_out(data: Any, split: str, trained: str, run: str) -> Any:
    """The `data` section of a run's config, with another split: what it is evaluated on, or conditioned by.

    Args:
      data: The section that the run was trained with.
      split: One of `SPLITS`; '' for the examples that it was trained on.
      trained: The split that it was trained on, as data.json has it: `Identity.split`, or `Source.split`.
      run: How messages call the run.

    Returns:
      A copy of the section.

    Raises:
      GaxError: The run was trained on all examples, so that none are held out.
    """
    copy = data.copy_and_resolve_references()
    if not split:
        return copy
    errors.lookup('split', split, dict.fromkeys(SPLITS))
    if not trained:
        raise errors.GaxError(
            f'--split={split}: {run} was trained on all examples of {data.name}, so none are held out: train '
            'with --config.data.split=train, or leave --split out'
        )
    with copy.unlocked():
        copy.split = split
    return copy
