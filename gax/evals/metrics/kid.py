"""Kernel distance (KID on Inception features): the unbiased squared MMD with a cubic kernel.

Binkowski et al., "Demystifying MMD GANs", 2018: k(x, y) = (x.y / D + 1)^3, and the unbiased estimate of
equation 4 of the squared maximum mean discrepancy (Gretton et al., 2012, lemma 6): mean k(x, x') over
x != x' + mean k(y, y') over y != y' - 2 mean k(x, y).
It is averaged over random subsets of both sets. 0 is best; as the estimate is unbiased, it may be below zero,
and its expectation does not depend on how many samples there are; its noise does. Reported as it is, not
times 1000.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gax import errors
from gax.evals.metrics import float64

SUBSETS, SIZE, SEED = 100, 1000, 2020  # torch-fidelity's


class Kernel(NamedTuple):
    """A kernel distance.

    Attributes:
      mean: The distance.
      std: Its standard deviation over the subsets (divided by their number, as in torch-fidelity).
    """

    mean: float
    std: float


def kernel(x: np.ndarray, y: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """(x.y / D + 1)^3, but for terms in x alone and in y alone; float64 [N, M] of float64 [N, D] and [M, D].

    With x = m + u, y = m + v, c = m.m / D + 1, p = m.u / D, q = m.v / D, w = u.v / D and s = c + p + q the
    kernel is (s + w)^3 = s^3 + 3 s^2 w + 3 s w^2 + w^3. In the unbiased estimate any f(x) + g(y) cancels,
    so that of s^3 only 3 p q (2 c + p + q) counts. With features far from 0 the cancelling terms are large,
    and would take all digits along.

    >>> kernel(np.array([[1.0]]), np.array([[2.0]]), np.array([0.0]))  # (1 * 2 + 1)^3 - 1
    array([[26.]])
    """
    count = x.shape[1]
    u, v = x - middle, y - middle
    p, q = (u @ middle / count)[:, None], v @ middle / count
    constant = middle @ middle / count + 1.0
    w, s = u @ v.T / count, constant + p + q
    return 3.0 * p * q * (s + constant) + w * (3.0 * s * s + w * (3.0 * s + w))


def mmd2(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate for x float [N, D] and y [M, D], N and M >= 2; float64 on the host.

    >>> mmd2(np.array([[0.0], [0.0]]), np.array([[1.0], [1.0]]))  # 1 + (1 + 1)^3 - 2
    7.0
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    middle = (x.mean(axis=0) + y.mean(axis=0)) / 2

    def within(z: np.ndarray) -> float:
        k = kernel(z, z, middle)
        return (k.sum() - np.trace(k)) / (len(z) * (len(z) - 1))

    return float(within(x) + within(y) - 2 * kernel(x, y, middle).mean())


def distance(real: Any, fake: Any, subsets: int = SUBSETS, size: int = SIZE, seed: int = SEED) -> Kernel:
    """The kernel distance of features float [N, D] and [M, D].

    Subsets are drawn without replacement as torch-fidelity draws them (RandomState(seed).choice, first from
    the first set), so that the numbers are the same.

    Args:
      real: Features float [N, D].
      fake: Features float [M, D].
      subsets: The number of estimates that are averaged, 1 or more.
      size: The size of a subset, 2 to min(N, M).
      seed: The seed of the subsets.

    Returns:
      The mean and the standard deviation of the estimates.

    Raises:
      GaxError: Other shapes, values that are not finite, and subsets that cannot be drawn.

    >>> distance(np.zeros((3, 1)), np.ones((3, 1)), subsets=2, size=2)
    Kernel(mean=7.0, std=0.0)
    """
    real, fake = float64.pair(real, fake, 2)
    if size < 2 or subsets < 1:
        raise errors.GaxError(f'kernel distance: {subsets} subsets of {size}, but it takes 1 of 2 at least')
    if size > min(len(real), len(fake)):
        raise errors.GaxError(
            f'kernel distance: subsets of {size} cannot be drawn from {len(real)} real and {len(fake)} fake '
            f'samples; the largest that can is {min(len(real), len(fake))}'
        )
    rng = np.random.RandomState(seed)

    def draw(x: np.ndarray) -> np.ndarray:
        return x[rng.choice(len(x), size, replace=False)]

    estimates = [mmd2(draw(real), draw(fake)) for _ in range(subsets)]
    return Kernel(float(np.mean(estimates)), float(np.std(estimates)))
