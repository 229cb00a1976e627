"""How strongly each pair of columns of a table goes together, for numbers and categories alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MEASURES = 'numbers: Pearson r; number and category: correlation ratio; categories: Cramer V'


def matrix(x: np.ndarray, categories: Sequence[bool]) -> np.ndarray:
    """The association of each pair of columns.

    Pearson's r of two numbers, from -1 to 1; the correlation ratio eta of a number and a category (Fisher,
    1925), the root of the share of the number's variance that is between the categories, from 0 to 1;
    Cramer's V of two categories (1946), sqrt(chi^2 / (n (k - 1))) with k the fewer values of the two, from 0
    to 1. Rows in which one of the two is missing are left out. V and eta are not corrected for their bias in
    few rows.

    Args:
      x: Float [N, C]; NaN where missing. Categories as whole numbers.
      categories: Whether each column is a category.

    Returns:
      Float64 [C, C], symmetric, with 1 on the diagonal; NaN where a column has a single value in these rows.

    >>> matrix(np.array([[0.0, 0], [1, 0], [2, 1], [3, 1]]), [False, True]).round(3)
    array([[1.   , 0.894],
           [0.894, 1.   ]])
    """
    x = np.asarray(x, np.float64)
    whole = np.eye(x.shape[1])
    for i in range(x.shape[1]):
        for j in range(i):
            kept = np.isfinite(x[:, i]) & np.isfinite(x[:, j])
            whole[i, j] = whole[j, i] = of_pair(x[kept, i], x[kept, j], categories[i], categories[j])
    return whole


def of_pair(a: np.ndarray, b: np.ndarray, a_category: bool, b_category: bool) -> float:
    """The association of two columns [N] without missing values; NaN where one has a single value."""
    from scipy.stats import contingency  # slow to import, and for tables alone

    if len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
        return float('nan')
    if a_category and b_category:
        counts = contingency.crosstab(a, b).count
        return float(contingency.association(counts, method='cramer'))
    if a_category:
        return correlation_ratio(b, a)
    return correlation_ratio(a, b) if b_category else float(np.corrcoef(a, b)[0, 1])


def correlation_ratio(numbers: np.ndarray, category: np.ndarray) -> float:
    """sqrt(sum of n_k (mean_k - mean)^2 / sum of (x - mean)^2), of [N] numbers and [N] categories."""
    place = np.unique(category, return_inverse=True)[1].reshape(-1)
    counts = np.bincount(place)
    means = np.bincount(place, numbers) / counts
    between = float(np.sum(counts * np.square(means - numbers.mean())))
    return float(np.sqrt(min(1.0, between / np.sum(np.square(numbers - numbers.mean())))))
