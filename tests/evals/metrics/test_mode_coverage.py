"""Mode coverage: derived literals, and what a perfect sampler gets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.data import synthetic
from gax.evals.metrics import mode_coverage
from tests.helpers.cases import with_slow

CENTERS = jnp.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])


def test_points_count_for_the_nearest_mode_within_three_standard_deviations():
    points = jnp.array([[0.0, 0.0], [0.29, 0.0], [0.0, 0.31], [10.1, 0.1], [5.0, 5.0]])
    found = mode_coverage.gaussian(points, CENTERS, std=0.1)
    assert (int(found.modes), float(found.quality)) == (2, pytest.approx(3 / 5))
    # Shares 2/3, 1/3, 0 against a third each: log 3 - (2/3 log 3/2 + 1/3 log 3) = 2/3 log 2.
    assert float(found.reverse_kl) == pytest.approx(2 / 3 * np.log(2), rel=1e-6)


def test_no_sample_counts():
    found = mode_coverage.gaussian(jnp.full((4, 2), 5.0), CENTERS, std=0.1)
    assert (int(found.modes), float(found.quality)) == (0, 0)
    assert float(found.reverse_kl) == pytest.approx(np.log(3))


@pytest.mark.parametrize('name', with_slow(synthetic.MIXTURES, 0))
def test_the_floor_of_a_perfect_sampler(name):
    source = synthetic.named(name)
    points = source.read(source.arrays, jnp.zeros(25_000, jnp.int32), jax.random.key(0))['point']
    centers, std = synthetic.MIXTURES[name]
    found = mode_coverage.gaussian(points, jnp.asarray(centers), std)
    assert int(found.modes) == len(centers)
    assert float(found.quality) == pytest.approx(1 - np.exp(-4.5), abs=3e-3)
    assert float(found.reverse_kl) == pytest.approx((len(centers) - 1) / 50_000, rel=0.9)


def test_even_counts_have_no_divergence():
    found = mode_coverage.of_counts(jnp.full(10, 7), 140)
    assert (int(found.modes), float(found.quality)) == (10, 0.5)
    assert float(found.reverse_kl) == pytest.approx(0.0, abs=1e-6)
