"""Means, intervals and paired tests against published and closed-form numbers."""

import math

import numpy as np
import pytest

from gax import errors
from gax.sweep import stats

# Student (1908), the sleep that two drugs gave to ten patients: t = -4.0621, p = 0.002833, interval (-2.4599,
# -0.7001).
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_the_interval_of_one_to_five():
    """s = sqrt(5/2), t = 2.776445 with 4 degrees of freedom: 3 +- 2.776445 sqrt(1/2)."""
    found = stats.interval([1, 2, 3, 4, 5])
    assert found.mean == 3.0
    assert found.n == 5
    assert found.high - found.mean == pytest.approx(2.776445 * math.sqrt(0.5), rel=1e-6)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    assert str(found) == '3 ± 2'


def test_another_confidence_is_wider():
    """t = 4.604095 for 99 %."""
    assert stats.interval([1, 2, 3, 4, 5], 0.99).high == pytest.approx(
        3 + 4.604095 * math.sqrt(0.5), rel=1e-6
    )


def test_one_seed_has_no_interval():
    found = stats.interval([0.25])
    assert found.mean == 0.25
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert str(found) == '0.25'


@pytest.mark.parametrize('values', [[], [1.0, math.nan], [math.inf]])
def test_no_mean_of_nothing_or_of_what_is_not_finite(values):
    with pytest.raises(errors.GaxError, match='finite values'):
        stats.interval(values)


def test_students_own_data():
    found = stats.compare(dict(enumerate(FIRST)), dict(enumerate(SECOND)))
    assert found.difference.mean == pytest.approx(-1.58)
    assert found.difference.low == pytest.approx(-2.4598858, abs=1e-6)
    assert found.difference.high == pytest.approx(-0.7001142, abs=1e-6)
    assert found.p == pytest.approx(0.002833, abs=5e-7)
    # No patient slept worse by the second, one as well: all signs alike, twice, and that one's does not
    # matter.
    assert found.p_signs == 4 / 1024
    assert found.a.n == found.b.n == 10


def test_pairs_are_made_by_seed_and_not_by_order():
    """What a seed does to both sides drops out: 2 +- 0 here, though each side spreads over 90."""
    a = {seed: 10.0 * seed for seed in range(10)}
    b = {seed: 10.0 * seed - 2 for seed in reversed(range(10))}
    found = stats.compare(a, b)
    assert found.difference == (2.0, 2.0, 2.0, 10)
    assert found.p == 0.0
    assert found.p_signs == 2 / 1024


def test_seeds_that_one_side_lacks_are_left_out_and_named():
    a, b = {0: 1.0, 1: 2.0, 2: 4.0, 9: 100.0}, {1: 1.0, 2: 2.0, 0: 0.5, 7: -100.0}
    found = stats.compare(a, b)
    assert found.difference.mean == pytest.approx((0.5 + 1 + 2) / 3)
    assert found.difference.n == 3
    assert stats.missing(a, b) == ([7], [9])


@pytest.mark.parametrize(('a', 'b'), [({0: 1.0}, {0: 2.0}), ({0: 1.0, 1: 2.0}, {2: 1.0, 3: 2.0})])
def test_fewer_than_two_shared_seeds_are_refused(a, b):
    with pytest.raises(errors.GaxError, match='two seeds that both settings have'):
        stats.compare(a, b)


def test_equal_settings_are_not_different():
    same = {0: 1.0, 1: 5.0, 2: 2.0}
    found = stats.compare(same, same)
    assert (found.p, found.p_signs) == (1.0, 1.0)


@pytest.mark.slow
def test_p_is_uniform_where_there_is_no_difference():
    """Of 2,000 comparisons of noise with noise 5 % fall below 0.05: 100, standard deviation 9.7; within five
    of them.
    """
    gaps = np.random.default_rng(0).normal(size=(2000, 5))
    share = np.mean([stats.t_test(row) < 0.05 for row in gaps])
    assert abs(share - 0.05) < 5 * math.sqrt(0.05 * 0.95 / 2000)


@pytest.mark.parametrize('n', [2, 5, 10])
def test_sign_flips_go_down_to_two_in_two_to_the_n(n):
    assert stats.sign_flips(np.linspace(1, 2, n)) == 2 / 2**n


@pytest.mark.slow
def test_many_seeds_flip_at_random_as_the_exact_test_would():
    """18 gaps: exactly by 2^18 patterns, and by 2^16 random ones; the standard error of a share of 0.1 is
    0.0012.
    """
    gaps = np.random.default_rng(1).normal(0.1, 1.0, 18)
    exact = stats.sign_flips(gaps, most=18)
    assert 0.01 < exact < 0.5
    assert stats.sign_flips(gaps) == pytest.approx(exact, abs=0.008)
    assert stats.sign_flips(np.ones(20)) == 1 / 2**16  # the pattern observed is one of them: never 0


def test_holm():
    """Smallest times 4, next times 3, ..., never falling: 0.04 x 1 stays at the 0.06 before it."""
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([0.9, 0.8]) == [1.0, 1.0]
    assert stats.holm([]) == []
