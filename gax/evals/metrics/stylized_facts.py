"""Stylised facts of returns: heavy tails, little autocorrelation of returns, much of their size, leverage.

Cont, "Empirical properties of asset returns: stylized facts and statistical issues", 2001, section 2. All
take returns [paths, steps] of one column, with one mean and one variance over all of them, so that one long
path and many windows are treated alike.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import stats

DAYS = (1, 5, 20, 100)  # over which returns are summed for `earth_movers`
ACF_LAGS, SIZE_LAGS, LEVERAGE_LAGS = range(1, 11), range(1, 51), range(1, 11)


def kurtosis(x: np.ndarray) -> float:
    """The excess kurtosis of all returns: 0 for a Gaussian.

    >>> kurtosis(np.array([[-1.0, 1.0]]))
    -2.0
    """
    return float(stats.kurtosis(x, axis=None))


def autocorrelations(x: np.ndarray, lags: Iterable[int]) -> np.ndarray:
    """The correlation of x_t and x_(t + lag) for each lag, float64.

    >>> print(autocorrelations(np.array([[1.0, -1.0, 1.0, -1.0]]), (1, 2)))
    [-1.  1.]
    """
    centred = x - x.mean()
    variance = np.mean(np.square(centred))
    return np.array([np.mean(centred[:, :-k] * centred[:, k:]) / variance for k in lags])


def leverages(x: np.ndarray, lags: Iterable[int]) -> np.ndarray:
    """E[z_t z_(t + lag)^2] of standardised returns z for each lag, float64.

    It is negative where losses raise volatility.

    >>> print(leverages(np.array([[-1.0, 1.0, -1.0, 1.0]]), (1,)).round(3))
    [-0.333]
    """
    z = (x - x.mean()) / x.std()
    return np.array([np.mean(z[:, :-k] * np.square(z[:, k:])) for k in lags])


def earth_movers(real: np.ndarray, fake: np.ndarray, days: int) -> float:
    """The Wasserstein-1 distance of the returns over `days` steps, in the units of a return.

    >>> earth_movers(np.zeros((1, 4)), np.ones((1, 4)), days=2)
    2.0
    """
    sums = [np.lib.stride_tricks.sliding_window_view(x, days, axis=1).sum(-1).ravel() for x in (real, fake)]
    return float(stats.wasserstein_distance(*sums))


def facts(x: np.ndarray) -> dict[str, float]:
    """The facts of returns [paths, steps], those whose lags the paths have.

    Returns:
      'kurtosis'; 'acf', the mean |autocorrelation| of returns at lags 1 to 10; 'acf_size', the mean
      autocorrelation of |returns| at lags 1 to 50; 'leverage', the mean of `leverages` at lags 1 to 10.

    >>> facts(np.array([[-1.0, 1.0]]))
    {'kurtosis': -2.0}
    """
    values = {'kurtosis': kurtosis(x)}
    if x.shape[1] > max(ACF_LAGS):
        values['acf'] = float(np.abs(autocorrelations(x, ACF_LAGS)).mean())
        values['leverage'] = float(leverages(x, LEVERAGE_LAGS).mean())
    if x.shape[1] > max(SIZE_LAGS):
        values['acf_size'] = float(autocorrelations(np.abs(x), SIZE_LAGS).mean())
    return values


def correlations(x: np.ndarray) -> np.ndarray:
    """The correlations of the columns of series [N, steps, columns], at the same step: [columns, columns].

    >>> print(correlations(np.array([[[0.0, 0.0], [1.0, -1.0]]])))
    [[ 1. -1.]
     [-1.  1.]]
    """
    return np.corrcoef(x.reshape(-1, x.shape[-1]), rowvar=False)


def correlation_gap(real: np.ndarray, fake: np.ndarray) -> float:
    """The mean |difference| of the correlations of two columns, over all pairs of columns.

    >>> together, apart = np.array([[[0.0, 0.0], [1.0, 1.0]]]), np.array([[[0.0, 0.0], [1.0, -1.0]]])
    >>> round(correlation_gap(together, apart), 6)
    2.0
    """
    pairs = np.triu_indices(real.shape[-1], 1)
    return float(np.abs(correlations(real) - correlations(fake))[pairs].mean())
