"""Results over seeds: a mean and its confidence interval, and two settings compared over the same seeds.

Seeds are few, three to ten mostly, so the interval is Student's ("The Probable Error of a Mean", 1908), which
is exact for normal values at any number of them. Two settings are compared by the paired t test, as they
share their seeds (the order of the data, the first weights), and what a seed does to both drops out of the
difference. It is the default because the exact test, flipping the signs of the differences (Fisher, "The
Design of Experiments", 1935, section 21), cannot go below 2^(1-n): with five seeds it never calls anything
different at 5 %. Both are given: where they disagree widely, one seed does all the work.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gax import errors

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean and its confidence interval. low, high: nan of a single value, which says nothing of its
    error.
    """

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """'12.3 ± 0.4', half the interval's width after the sign; a value alone where there is one seed."""
        if self.n < 2:
            return f'{self.mean:.4g}'
        return f'{self.mean:.4g} ± {(self.high - self.low) / 2:.2g}'


class Comparison(NamedTuple):
    """a - b over the seeds that both have. p: of the paired t test, two-sided. p_signs: of the exact sign
    flips.
    """

    a: Interval
    b: Interval
    difference: Interval
    p: float
    p_signs: float


def interval(values: Sequence[float] | np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """Mean +- t_{(1+confidence)/2, n-1} s / sqrt(n), s with n - 1.

    Raises GaxError for no value or one not finite.
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
    """Whether the values are equal but for rounding: their t statistic means nothing."""
    return bool(np.std(x, ddof=1) <= 1e-12 * np.max(np.abs(x)))


def finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    x = np.asarray(values, np.float64)
    if not x.size or not np.all(np.isfinite(x)):
        raise errors.GaxError(f'a mean needs finite values, and these are {[float(v) for v in x]}')
    return x


def compare(a: Mapping[int, float], b: Mapping[int, float]) -> Comparison:
    """Two settings, each seed -> value, over the seeds of both.

    Raises GaxError where they share fewer than two.
    """
    shared = sorted(a.keys() & b.keys())
    if len(shared) < 2:
        raise errors.GaxError(
            f'a paired comparison needs two seeds that both settings have, and they share {said(shared)}: '
            f'{said(sorted(a))} there, {said(sorted(b))} here'
        )
    left, right = finite([a[seed] for seed in shared]), finite([b[seed] for seed in shared])
    gaps = left - right
    return Comparison(interval(left), interval(right), interval(gaps), t_test(gaps), sign_flips(gaps))


def missing(a: Mapping[int, float], b: Mapping[int, float]) -> tuple[list[int], list[int]]:
    """The seeds that only `b` has, and those that only `a` has: what a comparison leaves out."""
    return sorted(b.keys() - a.keys()), sorted(a.keys() - b.keys())


def said(seeds: Sequence[int]) -> str:
    return f'seed{"s" * (len(seeds) > 1)} {", ".join(map(str, seeds))}' if seeds else 'none'


def t_test(gaps: np.ndarray) -> float:
    """Two-sided p of "the mean of `gaps` is 0", t with n - 1 degrees of freedom.

    Equal gaps: 0, or 1 where they are 0.
    """
    from scipy import stats

    if nearly_equal(gaps):
        return 0.0 if np.any(gaps) else 1.0
    return float(stats.ttest_1samp(gaps, 0.0).pvalue)


def sign_flips(gaps: np.ndarray, most: int = 16) -> float:
    """The share of the 2^n sign patterns under which |mean| is at least as large; 65,536 random ones beyond
    n = `most`.
    """
    from scipy import stats

    # Of random patterns SciPy counts the one that was observed, too, so that p is never 0.
    count, how = 2**most - (len(gaps) > most), {'permutation_type': 'samples', 'alternative': 'greater'}
    size = lambda x, axis: np.abs(np.sum(x, axis=axis))  # noqa: E731
    return float(stats.permutation_test((gaps,), size, n_resamples=count, rng=0, **how).pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """The p of several tests made at once, corrected (Holm, "A Simple Sequentially Rejective Procedure",
    1979).
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    result, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        result[i] = largest
    return result
