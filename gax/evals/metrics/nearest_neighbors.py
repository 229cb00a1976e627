"""Nearest neighbours of samples, and the two-sample test that is built on them.

The two-sample accuracy is that of the leave-one-out nearest-neighbour classifier on reals and fakes together:
Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", 2017; split in two by Xu et al., "An Empirical
Study on Evaluation Metrics of GANs", 2018. Chance, 0.5, is best, from either side: 1 says that the sets are
apart; 0 that every sample has its nearest neighbour in the other set, as where fakes are copies of the reals.
Few samples bring noise of about 0.5 / sqrt(N) and, in many dimensions, too little density to see small
faults: the accuracy rises with N until it does.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from gax import errors
from gax.core.types import Array
from gax.evals.metrics import distances, float64


class Neighbours(NamedTuple):
    """The nearest neighbours of N points.

    Attributes:
      indices: Into the data, int [N, k].
      distances: Euclidean, float64 [N, k], ascending.
    """

    indices: np.ndarray
    distances: np.ndarray


class TwoSample(NamedTuple):
    """Shares, 0 to 1, of points whose nearest other point is of the same kind.

    If `real` is low and `fake` is high, fakes cluster in few places, and the reals there have fakes for
    neighbours (mode collapse).

    Attributes:
      accuracy: The share of all points.
      real: The share of the reals.
      fake: The share of the fakes.
    """

    accuracy: float
    real: float
    fake: float


@partial(jax.jit, static_argnames='k')
def _search(gaps: Array, k: int) -> Array:
    return distances.smallest(gaps, k)[1]


def neighbours(queries: Any, data: Any, k: int = 1, others: bool = False) -> Neighbours:
    """The k nearest of `data` to each of `queries`, nearest first.

    Of equal distances (relative 1e-7) the first in the data is taken. The k distances are computed anew from
    differences, so that a copy is at distance 0 exactly.

    Args:
      queries: float [N, D].
      data: float [M, D].
      k: The number of neighbours, 1 to M.
      others: The queries are the data, and no point is its own neighbour.

    Returns:
      Their indices and distances, [N, k].

    Raises:
      GaxError: Other shapes, values that are not finite, and a k that exceeds the data.

    >>> nearest = neighbours([[0.0], [5.0]], [[1.0], [4.0], [7.0]], k=2)
    >>> nearest.indices.tolist(), nearest.distances.tolist()
    ([[0, 1], [1, 2]], [[1.0, 4.0], [1.0, 2.0]])
    """
    queries, data = float64.pair(queries, data, 1, ('query', 'data'))
    available = len(data) - others
    if not 1 <= k <= available:
        raise errors.GaxError(
            f'{k} neighbours among {available} points; between 1 and {available} can be had'
        )
    which = distances.by_rows(partial(_search, k=k), queries, data, others=others)
    gaps = [
        np.linalg.norm(queries.astype(np.float64) - data[column], axis=1) for column in which.T
    ]  # one of k at a time: [N, k, D] may be large
    return Neighbours(which, np.stack(gaps, axis=1))


def two_sample(real: Any, fake: Any) -> TwoSample:
    """Leave-one-out 1-NN accuracy.

    With unequal sizes a classifier that sees nothing would not score 0.5. A point as near to a real as to a
    fake counts as near the real.

    Args:
      real, fake: Features float [N, D] each, N >= 2.

    Returns:
      The shares. Of two sets that are apart: 1.

    Raises:
      GaxError: Other shapes, values that are not finite, and sets that are not of one size >= 2.

    >>> two_sample([[0.0], [1.0]], [[8.0], [9.0]])
    TwoSample(accuracy=1.0, real=1.0, fake=1.0)
    """
    real, fake = float64.pair(real, fake, 2)
    if len(real) != len(fake):
        raise errors.GaxError(
            f'{len(real)} real and {len(fake)} fake samples: the two-sample accuracy takes as many of each'
        )
    both = np.concatenate([real, fake])
    which = neighbours(both, both, others=True).indices[:, 0]
    of_reals, of_fakes = np.split(which, 2)
    right = float((of_reals < len(real)).mean()), float((of_fakes >= len(real)).mean())
    return TwoSample(sum(right) / 2, *right)
