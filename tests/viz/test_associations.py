"""Associations of columns by hand and by NumPy, and the heat maps of a table."""

import numpy as np
import pytest

from gax.viz import associations, tables

RNG = np.random.default_rng(0)


def test_numbers_by_pearson_and_pairwise_without_missing_ones():
    x = RNG.normal(size=(50, 3))
    x[:, 1] -= 2 * x[:, 0]
    np.testing.assert_allclose(associations.matrix(x, [False] * 3), np.corrcoef(x.T), atol=1e-12)
    holes = x.copy()
    holes[:10, 0] = np.nan
    found = associations.matrix(holes, [False] * 3)
    np.testing.assert_allclose(found[0, 1], np.corrcoef(x[10:, 0], x[10:, 1])[0, 1])
    np.testing.assert_allclose(found[1, 2], np.corrcoef(x[:, 1], x[:, 2])[0, 1])


def test_number_and_category_by_hand():
    """Means 1 and 3 around 2, two rows each: between 4, in total 4 + 2 * 2 * 0.25 = 5."""
    numbers, category = np.array([0.5, 1.5, 2.5, 3.5]), np.array([7.0, 7.0, 2.0, 2.0])
    found = associations.matrix(np.stack([numbers, category], 1), [False, True])
    assert found[0, 1] == found[1, 0] == pytest.approx((4 / 5) ** 0.5)


def test_categories_by_hand():
    """Of counts ((2, 1), (0, 1)) chi^2 / n is (2 * 1 - 1 * 0)^2 / (3 * 1 * 2 * 2) = 1 / 3, uncorrected."""
    a, b, apart = np.array([[0, 0, 0, 1], [5, 5, 7, 7], [0, 1, 2, 3]], float)
    found = associations.matrix(np.stack([a, b, apart], 1), [True] * 3)
    assert found[0, 1] == found[1, 0] == pytest.approx((1 / 3) ** 0.5)
    assert found[0, 2] == found[1, 2] == pytest.approx(1.0)
    assert associations.matrix(np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), [True] * 2)[0, 1] == 0


def test_a_column_of_one_value_has_no_association():
    found = associations.matrix(np.stack([np.ones(5), np.arange(5), np.ones(5)], 1), [False, False, True])
    np.testing.assert_array_equal(np.isnan(found), [[0, 1, 1], [1, 0, 1], [1, 1, 0]])


def test_heat_maps_show_the_pair_that_has_changed():
    """The pair of columns goes together in the reals and not in the fakes: blue in the third map."""
    real = RNG.normal(size=(400, 1)).repeat(2, axis=1)
    fake = RNG.normal(size=(400, 2))
    both, alone = (tables.pairs(x, real, ['a', 'b'], [False] * 2) for x in (fake, fake[:0]))
    assert both.width > alone.width
    pixels = np.asarray(both, int)
    blue = (pixels[..., 2] - pixels[..., 0] > 60) & (pixels[..., 0] < 80)
    third = both.width * 5 // 9  # the colour bar is right of the three maps
    assert blue[:, third : both.width * 8 // 9].sum() > 1000
    assert blue[:, :third].sum() == 0
