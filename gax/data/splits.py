"""Train, validation and test: disjoint parts of a finite set.

A set that defines splits keeps them. Any other is split 80 : 10 : 10 by a permutation that depends only on
its size, so that training, evaluation and sampling use the same parts on every machine. If examples belong to
groups (the frames of one recording), whole groups are assigned to splits.
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
KEY = 0x6761782D73706C69  # of the Philox stream; it must never change
LIMIT_KEY = KEY + 1  # likewise


class Part(NamedTuple):
    """Some examples of a set that is fetched. It can be sent to worker processes.

    Attributes:
      fetch: The `fetch` of the entire set.
      rows: The indices of this part in the entire set, int32 [size].
    """

    fetch: Callable[[Any], Any]
    rows: np.ndarray

    def take(self, indices: np.ndarray) -> Any:
        """The examples at `indices` of this part."""
        return self.fetch(self.rows[indices])


def standard(name: str) -> str:
    """'validation' for 'val' and other aliases, in any case; other names in lower case."""
    return ALIASES.get(name.lower(), name.lower())


def dealt(size: int, groups: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """The examples of each split of a set that defines none.

    Args:
      size: The number of examples.
      groups: [size], any values: examples of equal value go into the same split. None: each is a group.

    Returns:
      Split -> int32 indices in ascending order; disjoint, and together all indices.

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
    """The examples of each split of a set whose file names the split of every example.

    Args:
      names: Texts [size], such as 'train', 'val' and 'test'.
      size: The number of examples.
      what: The array's name in messages.

    Returns:
      Split -> int32 indices in ascending order, for the splits that occur.

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
    """The split `split` of a source.

    Args:
      source: An entire set.
      split: One of `SPLITS`, or '' for the entire set with the sizes of its splits.
      rows: The indices of each split, if the set defines them; None: see `dealt`.

    Returns:
      A source of these examples, in the order of the entire set.

    Raises:
      GaxError: The source is infinite, or its splits lack this one.
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
    return only(source, rows[split])._replace(split=split, splits=sizes(rows))


def only(source: Source, rows: np.ndarray) -> Source:
    """A source of the examples `rows`, int32, in their order."""
    arrays, fetch = source.arrays, source.fetch
    if fetch is None:
        arrays = jax.tree.map(lambda x: x[rows], arrays)
    return source._replace(
        spec=source.spec._replace(size=len(rows)),
        arrays=arrays,
        fetch=Part(fetch, rows).take if fetch else None,
    )


def limited(source: Source, limit: int) -> Source:
    """A source of `limit` examples, chosen by a permutation that depends only on the size of the set.

    The examples of a lower limit are among those of a higher one.

    Args:
      source: A finite source.
      limit: How many; 0 for all.

    Returns:
      A source of these examples, in the order of the set.

    Raises:
      GaxError: The source is infinite, has an order of its own, or fewer examples.
    """
    size, name = source.spec.size, source.spec.name
    if not limit:
        return source
    if not size or source.order:
        raise errors.GaxError(f'config.data.limit={limit}: {name} has no examples that could be counted')
    if limit > size:
        raise errors.GaxError(f'config.data.limit={limit}: {name} has {size} examples here')
    order = np.random.Generator(np.random.Philox(key=LIMIT_KEY)).permutation(size)
    return only(source, np.sort(order[:limit]).astype(np.int32))


def sizes(rows: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Split -> its number of examples."""
    return {name: len(indices) for name, indices in rows.items()}


def refuse_unknown(split: str, there: Mapping[str, Any], name: str) -> None:
    """Raises GaxError if a set that defines splits lacks this one."""
    if split not in there:
        raise errors.GaxError(
            f'config.data.split={split}: {name} has its own splits, and they are {", ".join(there) or "none"}'
        )


def held_out(data: Any, split: str, trained: str, run: str, flag: str = '--split') -> Any:
    """The `data` section of a run's config, with another split to evaluate on, or to condition on.

    Args:
      data: The section that the run was trained with.
      split: One of `SPLITS`; '' for the examples that it was trained on.
      trained: The split that it was trained on, from data.json: `Identity.split`, or `Source.split`.
      run: The run's name in messages.
      flag: What asked for the split, in messages.

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
            f'{flag}={split}: {run} was trained on all examples of {data.name}, so none are held out: train '
            f'with --config.data.split=train, or leave {flag} out'
        )
    with copy.unlocked():
        copy.split = split
        if 'limit' in copy:
            del copy['limit']  # of the training set
    return copy
