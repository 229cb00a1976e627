"""Stylised facts against closed forms, and the values of the S&P 500 that the literature shows."""

import numpy as np
import pytest

from gax.config import base, choices
from gax.data import load
from gax.evals.metrics import stylized_facts as facts


def autoregression(count, factor=0.5):
    noise = np.random.default_rng(0).normal(size=count)
    x = noise.copy()
    for t in range(1, count):
        x[t] += factor * x[t - 1]
    return x


def test_closed_forms():
    """AR(1): the autocorrelation at lag k is factor^k. Laplace: the excess kurtosis is 3."""
    x = autoregression(200_000)
    np.testing.assert_allclose(facts.autocorrelations(x[None], (1, 2, 5)), [0.5, 0.25, 0.5**5], atol=0.01)
    windows = x.reshape(-1, 100)
    np.testing.assert_allclose(facts.autocorrelations(windows, (1, 2)), [0.5, 0.25], atol=0.01)
    assert facts.kurtosis(np.random.default_rng(1).laplace(size=(10, 100_000))) == pytest.approx(3, abs=0.1)


def test_leverage_is_negative_where_losses_raise_volatility():
    """r_(t+1) = (1 - s z_t) e with independent z, e: E[z_t r_(t+1)^2] = -2 s of a variance of 1 + s^2."""
    z, e = np.random.default_rng(0).normal(size=(2, 400_000))
    s = 0.3
    r = np.empty(2 * len(z))
    r[0::2], r[1::2] = z, (1 - s * z) * e
    # Only the pairs (z_t, r_(t+1)) have it, half of all pairs of lag 1; r has the variance 1 + s^2 / 2.
    wanted = -2 * s / 2 / (1 + s**2 / 2) ** 1.5
    assert facts.leverages(r[None], (1,))[0] == pytest.approx(wanted, abs=0.02)


def test_earth_movers_of_a_shift_and_of_sums():
    x = np.arange(12.0).reshape(1, 12)
    assert facts.earth_movers(x, x + 0.5, 1) == pytest.approx(0.5)
    assert facts.earth_movers(x, x + 0.5, 5) == pytest.approx(2.5)
    assert facts.earth_movers(x, x[:, ::-1], 5) == pytest.approx(0, abs=1e-9)


def test_short_series_have_the_facts_of_their_lags():
    x = np.random.default_rng(0).normal(size=(20, 11))
    assert list(facts.facts(x)) == ['kurtosis', 'acf', 'leverage']
    assert list(facts.facts(x[:, :8])) == ['kurtosis']


def test_the_sp500():
    """The values that a spreadsheet gives of these prices: heavy tails, clusters of volatility, leverage."""
    config = base('vanilla')
    fields = {'name': 'embedded:sp500', 'columns': 'SP500', 'length': 8312, 'transform': 'log_return'}
    choices.set_all(config, {f'data.{name}': value for name, value in {**fields, 'scaling': 'none'}.items()})
    r = np.asarray(load(config).arrays['series'][..., 0], np.float64)
    assert facts.kurtosis(r) == pytest.approx(10.6, abs=0.05)
    np.testing.assert_allclose(facts.autocorrelations(np.abs(r), (1, 10, 50)), [0.28, 0.29, 0.14], atol=0.006)
    found = facts.facts(r)
    assert found['acf_size'] == pytest.approx(0.216, abs=0.003)
    assert found['leverage'] == pytest.approx(-0.287, abs=0.005)


def test_correlations_of_columns():
    x = np.random.default_rng(0).normal(size=(50, 40, 3))
    x[..., 1] = 0.6 * x[..., 0] + 0.8 * x[..., 1]
    assert facts.correlations(x)[0, 1] == pytest.approx(0.6, abs=0.03)
    other = np.stack([np.random.default_rng(i).permutation(x[..., i].ravel()) for i in range(3)], -1)
    assert facts.correlation_gap(x, other.reshape(x.shape)) == pytest.approx(0.6 / 3, abs=0.02)
