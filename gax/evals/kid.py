"""Kernel distance (of Inception features: KID): the squared maximum mean discrepancy with a cubic kernel, unbiased.

Binkowski et al., "Demystifying MMD GANs", 2018: k(x, y) = (x.y / D + 1)^3, and the unbiased estimate of equation 4
(Gretton et al., 2012, lemma 6): mean k(x, x') over x != x' + mean k(y, y') over y != y' - 2 mean k(x, y).
It is averaged over random subsets of both sets. 0 is best; as the estimate is unbiased, it may be below zero, and its
expectation does not depend on how many samples there are; its noise does. Reported as it is, not times 1000.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gax import errors
from gax.evals import precise

SUBSETS, SIZE, SEED = 100, 1000, 2020  # torch-fidelity's


class Kernel(NamedTuple):
    """mean: the distance. std: its standard deviation over the subsets (divided by their number, as torch-fidelity's)."""

    mean: float
    std: float


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x.y / D + 1)^3, float64 [N, M] of float64 [N, D] and [M, D]."""
    inner = x @ y.T
    inner /= x.shape[1]
    inner += 1.0
    return inner * inner * inner


def mmd2(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate for x float [N, D] and y [M, D], N and M >= 2; float64 on the host."""
    x, y = x.astype(np.float64), y.astype(np.float64)

    def within(z: np.ndarray) -> float:
        k = kernel(z, z)
        return (k.sum() - np.trace(k)) / (len(z) * (len(z) - 1))

    return float(within(x) + within(y) - 2 * kernel(x, y).mean())


def distance(real: Any, fake: Any, subsets: int = SUBSETS, size: int = SIZE, seed: int = SEED) -> Kernel:
    """The kernel distance of features float [N, D] and [M, D].

    Subsets are drawn without replacement as torch-fidelity draws them (RandomState(seed).choice, first from the first
    set), so that the numbers are the same. GaxError where a set is smaller than `size`; below 2 no estimate exists.
    """
    real, fake = precise.pair(real, fake, 2)
    if size < 2 or subsets < 1:
        raise errors.GaxError(f'kernel distance: {subsets} subsets of {size}, but it takes 1 of 2 at least')
    if size > min(len(real), len(fake)):
        raise errors.GaxError(
            f'kernel distance: subsets of {size} cannot be drawn from {len(real)} real and {len(fake)} fake samples; '
            f'the largest that can is {min(len(real), len(fake))}'
        )
    rng = np.random.RandomState(seed)

    def draw(x: np.ndarray) -> np.ndarray:
        return x[rng.choice(len(x), size, replace=False)]

    found = [mmd2(draw(real), draw(fake)) for _ in range(subsets)]
    return Kernel(float(np.mean(found)), float(np.std(found)))
