"""Precision, recall, density and coverage: the fidelity and the diversity of fakes.

Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", 2019, equations 1
to 3, and Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", 2020, equations 3 to
6. A point's ball reaches to its k-th nearest neighbour within its set, itself not counted. More is better in
all four.

precision  share of fakes in the ball of any real             0 to 1
recall     share of reals in the ball of any fake             0 to 1
density    mean over fakes of the number of reals' balls they
           are in, over k                                     >= 0, unbounded; 1 for equal distributions
coverage   share of reals with a fake in their ball           0 to 1; about 1 - 2^-k for equal distributions

Conventions are those of the `prdc` package: balls are open (strictly nearer than the radius; Kynkaanniemi et
al. have <=, which differs for ties only), and k = 5. (Kynkaanniemi et al. use k = 3, and torch-fidelity,
too.) One outlier among the reals has a large ball and raises precision, one among the fakes recall; density
and coverage are robust to them.
All depend on N and k: radii shrink as N grows, so compare at equal N and k, and with as many reals as fakes.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core.types import Array
from gax.evals.metrics import distances, float64

K = 5


class PRDC(NamedTuple):
    """The four numbers, floats."""

    precision: float
    recall: float
    density: float
    coverage: float


@partial(jax.jit, static_argnames='k')
def _radii(others: Array, k: int) -> Array:
    return distances.smallest(others, k)[0][:, -1]


@jax.jit
def _of_fakes(gaps: Array, radii: Array) -> Array:
    """The number of reals' balls that each fake is in, int [R], from its distances to the reals [R, N]."""
    return jnp.sum(gaps < radii[None], axis=1)


@jax.jit
def _of_reals(gaps: Array, radii: Array) -> tuple[Array, Array]:
    """For each real: whether it is in a fake's ball, bool [R], and the nearest fake's distance [R]."""
    return jnp.any(gaps < radii[None], axis=1), jnp.min(gaps, axis=1)


def radii(points: np.ndarray, k: int) -> np.ndarray:
    """Distances to the k-th nearest other point, float32 [N] of [N, D].

    >>> radii(np.array([[0.0], [1.0], [3.0]]), k=1).tolist()
    [1.0, 1.0, 2.0]
    """
    return distances.by_rows(partial(_radii, k=k), points, points, others=True)


def prdc(real: Any, fake: Any, k: int = K) -> PRDC:
    """Precision, recall, density and coverage.

    Args:
      real: Features float [N, D].
      fake: Features float [M, D].
      k: Which nearest neighbour a ball reaches to, 1 to min(N, M) - 1.

    Returns:
      The four numbers. In the example the balls of the reals have the radius 1: one fake of two is in any
      (precision 1/2), and that one in two (density 1); two reals of three have a fake within (coverage
      2/3). The fakes' balls reach to one another, 8.5, and hold all reals.

    Raises:
      GaxError: Other shapes, values that are not finite, and another k.

    >>> print(prdc([[0.0], [1.0], [2.0]], [[0.5], [9.0]], k=1))
    PRDC(precision=0.5, recall=1.0, density=1.0, coverage=0.6666666666666666)
    """
    real, fake = float64.pair(real, fake)
    if not 1 <= k < min(len(real), len(fake)):
        raise errors.GaxError(
            f'{len(real)} real and {len(fake)} fake samples with k = {k}: each needs {k} others at least, '
            'and k 1 or more'
        )
    of_real, of_fake = radii(real, k), radii(fake, k)
    inside = distances.by_rows(_of_fakes, fake, real, of_real)
    recalled, nearest = distances.by_rows(_of_reals, real, fake, of_fake)
    return PRDC(
        precision=float((inside > 0).mean()),
        recall=float(recalled.mean()),
        density=float(inside.mean() / k),
        coverage=float((nearest < of_real).mean()),
    )
