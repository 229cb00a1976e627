"""Scalings: fitted numbers, closed forms, and the way back."""

import json

import numpy as np
import pytest

from gax.data import scaling
from gax.errors import GaxError

X = np.array([[1.0, 7.0], [3.0, 7.0], [5.0, 7.0]])


def test_fitted_numbers():
    unit = scaling.fit('min_max', X)
    np.testing.assert_allclose(unit.apply(X), [[0.0, 0.0], [0.5, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(unit.apply(np.array([[9.0, 8.0]])), [[2.0, 1.0]])  # not clipped
    standard = scaling.fit('standard', X)
    np.testing.assert_allclose(standard.apply(X)[:, 0], np.array([-1.0, 0.0, 1.0]) * np.sqrt(1.5))
    np.testing.assert_array_equal(scaling.fit('none', X).apply(X), X)


@pytest.mark.parametrize('name', scaling.SCALINGS)
def test_the_inverse_and_the_way_through_json(name):
    x = np.random.default_rng(0).standard_t(3, (500, 2)) * [0.01, 3.0] + [0.0, 100.0]
    fitted = scaling.fit(name, x)
    kept = scaling.of_info(json.loads(json.dumps(fitted._asdict())))
    np.testing.assert_allclose(kept.inverse(fitted.apply(x)), x, rtol=1e-9, atol=1e-12)
    assert scaling.of_info({'columns': ('a',)}) is None


def test_the_tail_of_a_lambert_variable_is_found():
    """u exp(delta u^2 / 2) with u Gaussian: the fit finds delta, and what it leaves has the kurtosis 3."""
    u = np.random.default_rng(1).normal(size=200_000)
    z = scaling.heavier(u, np.float64(0.1))
    np.testing.assert_allclose(scaling.lighter(z, np.float64(0.1)), u, atol=1e-12)
    assert scaling.tail_of(z) == pytest.approx(0.1, abs=0.01)
    assert scaling.tail_of(np.linspace(-1, 1, 101)) == 0.0  # lighter than a Gaussian
    y = scaling.fit('gaussianized', z[:, None]).apply(z[:, None])[:, 0]
    assert np.mean(y**4) == pytest.approx(3.0, abs=1e-4)
    assert (y.mean(), y.std()) == pytest.approx((0.0, 1.0), abs=1e-9)


def test_an_unknown_scaling_is_one_line():
    with pytest.raises(GaxError, match=r"^unknown config\.data\.scaling 'minmax' \(nearest: 'min_max'\)"):
        scaling.fit('minmax', X)
