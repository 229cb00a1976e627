"""A random order of a set that depends on its contents, and not on the order of its file.

Metrics that split, or that draw (subsets, pairs, patches), draw positions in an order. A file may be sorted
by class, so a prefix of it is not a random sample, and a choice of positions depends on the file's order.
Here examples are sorted by two random projections, and the sorted positions are shuffled. The result is a
uniformly random order (to anything independent of the projections), and the same for every order of the set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gax.data import shuffle

LIMIT = 200_000  # larger sets are not read once more to be ranked: they are shuffled by place
BLOCK = 2**24  # numbers held at once as float64
REAL, FAKE = 1, 2  # salts: where fakes are copies of reals, their orders must have nothing in common


def projections(x: Any) -> np.ndarray:
    """Two numbers for each example of [N, ...], float64 [N, 2].

    For uint8 they are exact, whatever the order of summation.

    >>> images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    >>> bool((projections(images)[::-1] == projections(images[::-1])).all())
    True
    """
    flat = np.asarray(x).reshape(len(x), -1)
    axes = np.random.RandomState(0).randint(-(2**20), 2**20, (flat.shape[1], 2)).astype(np.float64)
    size = max(1, BLOCK // flat.shape[1])
    parts = [flat[i : i + size].astype(np.float64) @ axes for i in range(0, len(flat), size)]
    return np.concatenate(parts)


def shuffled(keys: np.ndarray, labels: np.ndarray | None, salt: int) -> np.ndarray:
    """The random order, int32 [N], of examples with these projections [N, 2].

    Of equal ones the lower label comes first.

    >>> keys = np.array([[3.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    >>> first, again = shuffled(keys, None, REAL), shuffled(keys[::-1], None, REAL)
    >>> bool((keys[first] == keys[::-1][again]).all())
    True
    """
    columns = (keys[:, 1], keys[:, 0]) if labels is None else (labels, keys[:, 1], keys[:, 0])
    ranked: np.ndarray = np.lexsort(columns)
    return ranked[shuffle.permutation(0, salt, len(ranked))].astype(np.int32)


def of_source(read: Callable[[np.ndarray, int, int], Iterator[Any]], size: int, salt: int) -> np.ndarray:
    """The random order, int32 [size], of all examples, each read once by `read` (see collect.reader).

    For more than LIMIT examples it is a random order of positions, and so depends on the order of the set.
    """
    if size > LIMIT or not size:
        return shuffle.permutation(0, salt, size)
    parts, labels = [], []
    for chunk in read(np.arange(size, dtype=np.int32), 256, 0):
        parts.append(projections(np.asarray(chunk.x)[: chunk.valid]))
        if chunk.label is not None:
            labels.append(np.asarray(chunk.label)[: chunk.valid])
    return shuffled(np.concatenate(parts), np.concatenate(labels) if labels else None, salt)
