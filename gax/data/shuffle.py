"""The order in which examples are read: a pure function of (seed, position).

A resumed run needs no iterator state.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np


def indices(seed: int, start: int, count: int, size: int) -> np.ndarray:
    """Positions start .. start + count - 1 of the endless stream of shuffled epochs, int32 [count].

    Each epoch is a permutation of all `size` examples (an epoch may end within a batch, and none is dropped).
    For an infinite source (size 0) the result is the positions themselves, modulo 2^31.
    """
    positions: np.ndarray = np.arange(start, start + count, dtype=np.int64)
    if size == 0:
        return (positions % 2**31).astype(np.int32)
    epochs: np.ndarray = positions // size
    parts = [remembered(seed, size)(int(e))[positions[epochs == e] % size] for e in np.unique(epochs)]
    return np.concatenate(parts)


@lru_cache(maxsize=1024)
def remembered(seed: int, size: int) -> Callable[[int], np.ndarray]:
    """epoch -> its order; the last two epochs are cached.

    Each seed has its cache, as several runs may read in turn.
    """
    return lru_cache(maxsize=2)(lambda epoch: permutation(seed, epoch, size))


def permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    """The order of one epoch, int32 [size], from a Philox stream keyed by (seed, epoch)."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(size).astype(np.int32)
