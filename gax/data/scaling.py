"""Scalings of the columns of a series: fitted on training rows, applied to all, and undone when samples are
written.

A scaling maps a column x to y = (w((x - offset) / scale) - shift) / spread. w is the identity, or the inverse
of Lambert's map with heavy tails (`gaussianized`). Its numbers are kept in `Field.info`, so that a run can
write samples in the units of the file without that file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, special

from gax import errors

MOST_TAIL = 2.0  # of a Lambert map; data with heavier tails get this one


class Scaling(NamedTuple):
    """The numbers of a scaling, a tuple of one float for each column.

    Attributes:
      offset: Subtracted first.
      scale: What the difference is divided by, positive.
      tail: delta of Lambert's map, 0 for none.
      shift: Subtracted from the result.
      spread: What that is divided by, positive.
    """

    offset: tuple[float, ...]
    scale: tuple[float, ...]
    tail: tuple[float, ...]
    shift: tuple[float, ...]
    spread: tuple[float, ...]

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Float [..., columns] in the units of the file -> the same shape, scaled."""
        offset, scale, tail, shift, spread = (np.asarray(numbers, np.float64) for numbers in self)
        return (lighter((x - offset) / scale, tail) - shift) / spread

    def inverse(self, y: np.ndarray) -> np.ndarray:
        """Float [..., columns], scaled -> the same shape in the units of the file."""
        offset, scale, tail, shift, spread = (np.asarray(numbers, np.float64) for numbers in self)
        return heavier(np.asarray(y, np.float64) * spread + shift, tail) * scale + offset


def heavier(u: np.ndarray, tail: Any) -> np.ndarray:
    """u exp(tail u^2 / 2): Lambert's map of a Gaussian to heavy tails.

    Goerg, "The Lambert Way to Gaussianize Heavy-Tailed Data with the Inverse of Tukey's h Transformation as a
    Special Case", 2015, eq. 6.
    """
    return u * np.exp(tail * np.square(u) / 2)


def lighter(z: np.ndarray, tail: Any) -> np.ndarray:
    """The inverse of `heavier`: sign(z) sqrt(W(tail z^2) / tail), eq. 7; z itself where tail is 0."""
    tail = np.broadcast_to(tail, z.shape)
    safe = np.where(tail > 0, tail, 1.0)
    inner = np.sqrt(special.lambertw(safe * np.square(z)).real / safe)
    return np.where(tail > 0, np.sign(z) * inner, z)


def tail_of(z: np.ndarray) -> float:
    """The tail for which `lighter(z)` has the kurtosis 3 of a Gaussian.

    Goerg, 2015, section 4.2 (IGMM), for one column of zero mean.

    Args:
      z: float [n].

    Returns:
      From 0 (no heavier than a Gaussian) to MOST_TAIL.
    """

    def excess(tail: float) -> float:
        u = lighter(z, tail)
        u = u - u.mean()
        return float(np.mean(u**4) / np.mean(u**2) ** 2 - 3.0)

    if excess(0.0) <= 0:
        return 0.0
    return MOST_TAIL if excess(MOST_TAIL) >= 0 else float(optimize.brentq(excess, 0.0, MOST_TAIL, xtol=1e-8))


def plain(x: np.ndarray) -> Scaling:
    """No change."""
    zeros, ones = (tuple([number] * x.shape[-1]) for number in (0.0, 1.0))
    return Scaling(zeros, ones, zeros, zeros, ones)


def min_max(x: np.ndarray) -> Scaling:
    """[least, largest] -> [0, 1]; a constant column -> 0."""
    low, high = x.min(0), x.max(0)
    return plain(x)._replace(offset=numbers(low), scale=numbers(np.where(high > low, high - low, 1.0)))


def standard(x: np.ndarray) -> Scaling:
    """Mean 0 and standard deviation 1; a constant column -> 0."""
    std = x.std(0)
    return plain(x)._replace(offset=numbers(x.mean(0)), scale=numbers(np.where(std > 0, std, 1.0)))


def gaussianized(x: np.ndarray) -> Scaling:
    """Standardised, the heavy tails taken away by the inverse of Lambert's map, and standardised again.

    Wiese et al., "Quant GANs: Deep Generation of Financial Time Series", 2020, section 4.
    """
    first = standard(x)
    z = first.apply(x)
    tail = np.array([tail_of(column) for column in z.T])
    u = lighter(z, tail)
    spread = u.std(0)
    return first._replace(
        tail=numbers(tail), shift=numbers(u.mean(0)), spread=numbers(np.where(spread > 0, spread, 1.0))
    )


def numbers(x: np.ndarray) -> tuple[float, ...]:
    """An array as a tuple of Python floats, which JSON restores exactly."""
    return tuple(float(number) for number in x)


# name -> (float64 rows [n, columns]) -> the scaling fitted to them
SCALINGS: dict[str, Callable[[np.ndarray], Scaling]] = {
    'none': plain,
    'min_max': min_max,
    'standard': standard,
    'gaussianized': gaussianized,
}


def fit(name: str, rows: np.ndarray) -> Scaling:
    """The scaling `name`, fitted to float64 rows [n, columns].

    Raises:
      GaxError: There is no such scaling.
    """
    return errors.lookup('config.data.scaling', name, SCALINGS)(rows)


def of_info(info: Mapping[str, Any]) -> Scaling | None:
    """The scaling that `Scaling._asdict()` put into `Field.info`; None where there is none."""
    if not all(name in info for name in Scaling._fields):
        return None
    return Scaling(*(tuple(info[name]) for name in Scaling._fields))
