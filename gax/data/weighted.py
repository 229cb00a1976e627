"""An order in which some examples are read more often than others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gax.data.source import Order

BLOCK = 4096  # positions that share a random stream


class Weighted(NamedTuple):
    """Examples drawn independently, with replacement. It can be sent to worker processes.

    Attributes:
      cumulative: float64 [size], the cumulative sum of the examples' probabilities; the last one is 1.
    """

    cumulative: np.ndarray

    def at(self, seed: int, start: int, count: int) -> np.ndarray:
        """The examples at positions start .. start + count - 1, int32 [count]; a pure function."""
        first, last = start // BLOCK, (start + count - 1) // BLOCK
        draws = [
            np.random.Generator(np.random.Philox(key=[seed, block])).random(BLOCK)
            for block in range(first, last + 1)
        ]
        drawn = np.concatenate(draws)[start - first * BLOCK :][:count]
        return np.searchsorted(self.cumulative, drawn, side='right').astype(np.int32)


def weighted(weights: np.ndarray) -> Order:
    """The order that draws example i with a probability proportional to weights[i].

    Args:
      weights: [size], not negative, one of them positive.
    """
    cumulative = np.cumsum(np.asarray(weights, np.float64))
    return Weighted(cumulative / cumulative[-1]).at
