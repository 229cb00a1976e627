"""Points in the plane: principal components against NumPy's covariance, and what is projected of series."""

import numpy as np

from gax.viz import projection


def test_principal_components_are_those_of_the_reals():
    x = np.random.default_rng(0).normal(size=(200, 4)) * [5, 1, 3, 0.1] + 7
    real, fake = projection.principal(x, x[:3] + 1)
    values = np.sort(np.linalg.eigvalsh(np.cov(x.T)))[::-1][:2]
    np.testing.assert_allclose(real.var(0, ddof=1), values)
    np.testing.assert_allclose(real.mean(0), 0, atol=1e-9)
    assert np.linalg.norm(fake - real[:3], axis=1).max() <= 2 + 1e-9  # a shift of length 2


def test_series_are_projected_by_the_means_of_their_columns():
    x = np.arange(12.0).reshape(2, 3, 2)
    np.testing.assert_array_equal(projection.flat(x), [[0.5, 2.5, 4.5], [6.5, 8.5, 10.5]])
    assert projection.flat(np.zeros((2, 3))).shape == (2, 3)
