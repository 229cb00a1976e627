"""Results over seeds: a mean and its confidence interval, and two settings compared over the same seeds.

Seeds are few, mostly three to ten, so the interval is Student's ("The Probable Error of a Mean", 1908), which
is exact for normal values at any number of them. Two settings are compared by the paired t test: they share
their seeds (the order of the data, the first weights), and the effect of a seed on both drops out of the
difference. It is the default because the exact test, flipping the signs of the differences (Fisher, "The
Design of Experiments", 1935, section 21), cannot go below 2^(1-n): with five seeds it never calls anything
different at 5 %. Both are reported: if they disagree widely, one seed dominates the result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gax import errors

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean and its confidence interval.

    Attributes:
      mean: The mean.
      low: The lower end; nan of a single value, whose error is unknown.
      high: The upper end; nan of a single value.
      n: How many values.
    """

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """'12.3 ± 0.4', with half the width of the interval; the value alone if there is one seed."""
        if self.n < 2:
            return f'{self.mean:.4g}'
        return f'{self.mean:.4g} ± {(self.high - self.low) / 2:.2g}'


class Comparison(NamedTuple):
    """The comparison of two settings, over the seeds that both have.

    Attributes:
      a: The interval of the first setting.
      b: The interval of the second setting.
      difference: The interval of a - b.
      p: Of the paired t test, two-sided.
      p_signs: Of the exact sign flips.
    """

    a: Interval
    b: Interval
    difference: Interval
    p: float
    p_signs: float


def interval(values: Sequence[float] | np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """Mean +- t_{(1+confidence)/2, n-1} s / sqrt(n), s with n - 1.

    Args:
      values: [n].
      confidence: In (0, 1).

    Returns:
      The interval.

    Raises:
      GaxError: There is no value, or one is not finite.
    """
    from scipy import stats

    x = finite(values)
    mean = float(np.mean(x))
    if len(x) < 2:
        return Interval(mean, math.nan, math.nan, 1)
    if nearly_equal(x):
        return Interval(mean, mean, mean, len(x))
    low, high = stats.ttest_1samp(x, 0.0).confidence_interval(confidence)
    return Interval(mean, float(low), float(high), len(x))


def nearly_equal(x: np.ndarray) -> bool:
    """Whether the values are equal up to rounding, so that their t statistic has no meaning."""
    return bool(np.std(x, ddof=1) <= 1e-12 * np.max(np.abs(x)))


def finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """The values as float64 [n].

    Raises:
      GaxError: There is no value, or one is not finite.
    """
    x = np.asarray(values, np.float64)
    if not x.size or not np.all(np.isfinite(x)):
        raise errors.GaxError(f'a mean needs finite values, and these are {[float(v) for v in x]}')
    return x


def compare(a: Mapping[int, float], b: Mapping[int, float]) -> Comparison:
    """Compares two settings over the seeds that both have.

    Args:
      a: {seed: value}.
      b: {seed: value}.

    Returns:
      The comparison.

    Raises:
      GaxError: They share fewer than two seeds, or a value is not finite.
    """
    shared = sorted(a.keys() & b.keys())
    if len(shared) < 2:
        raise errors.GaxError(
            'a paired comparison needs two seeds that both settings have, and they share '
            f'{seed_list(shared)}: {seed_list(sorted(a))} there, {seed_list(sorted(b))} here'
        )
    left, right = finite([a[seed] for seed in shared]), finite([b[seed] for seed in shared])
    gaps = left - right
    return Comparison(interval(left), interval(right), interval(gaps), t_test(gaps), sign_flips(gaps))


def missing(a: Mapping[int, float], b: Mapping[int, float]) -> tuple[list[int], list[int]]:
    """The seeds that a comparison leaves out.

    Args:
      a: {seed: value}.
      b: {seed: value}.

    Returns:
      (the seeds that only `b` has, the seeds that only `a` has).
    """
    return sorted(b.keys() - a.keys()), sorted(a.keys() - b.keys())


def seed_list(seeds: Sequence[int]) -> str:
    """Seeds in a message."""
    return f'seed{"s" * (len(seeds) > 1)} {", ".join(map(str, seeds))}' if seeds else 'none'


def t_test(gaps: np.ndarray) -> float:
    """Two-sided p of "the mean of `gaps` is 0", t with n - 1 degrees of freedom.

    Args:
      gaps: [n], the differences.

    Returns:
      p. For equal gaps 0, or 1 if they are all 0.
    """
    from scipy import stats

    if nearly_equal(gaps):
        return 0.0 if np.any(gaps) else 1.0
    return float(stats.ttest_1samp(gaps, 0.0).pvalue)


def sign_flips(gaps: np.ndarray, most: int = 16) -> float:
    """The share of the 2^n sign patterns under which |mean| is at least as large.

    Args:
      gaps: [n], the differences.
      most: For larger n, 2^most random patterns are taken, by default 65,536.

    Returns:
      The share: p, exact for n up to `most`.
    """
    from scipy import stats

    # Among random patterns SciPy also counts the observed one, so that p is never 0.
    count, how = 2**most - (len(gaps) > most), {'permutation_type': 'samples', 'alternative': 'greater'}
    size = lambda x, axis: np.abs(np.sum(x, axis=axis))  # noqa: E731
    return float(stats.permutation_test((gaps,), size, n_resamples=count, rng=0, **how).pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """Corrects the p of several tests (Holm, "A Simple Sequentially Rejective Procedure", 1979).

    Args:
      p: [tests].

    Returns:
      [tests], in the same order.
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    result, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        result[i] = largest
    return result
