"""Frechet distance: closed forms, no cancellation, one result on any number of devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.distributed import sharding
from gax.errors import GaxError
from gax.evals.metrics import fid


def gaussian(mean, covariance, count=1001):
    """The moments of a Gaussian, as if of `count` samples."""
    return fid.Moments(count, np.asarray(mean, float), np.asarray(covariance, float) * (count - 1))


def batches(x, size):
    return [x[i : i + size] for i in range(0, len(x), size)]


def test_diagonal_covariances():
    # |(3, 4)|^2 = 25; (sqrt 4 - sqrt 1)^2 + (sqrt 9 - sqrt 25)^2 = 1 + 4.
    found = fid.distance(gaussian([0, 0], np.diag([4, 9])), gaussian([3, 4], np.diag([1, 25])))
    assert found == pytest.approx((30.0, 25.0, 5.0), rel=1e-12)


def test_covariances_that_do_not_commute():
    # A = [[2, 1], [1, 2]], B = diag(4, 1): tr (AB)^(1/2) = sqrt(tr AB + 2 sqrt(det AB)) = sqrt(10 + 2 sqrt
    # 12) in two dimensions.
    a, b = gaussian([0, 0], [[2, 1], [1, 2]]), gaussian([0, 0], np.diag([4, 1]))
    expected = 4 + 5 - 2 * np.sqrt(10 + 2 * np.sqrt(12))
    assert fid.distance(a, b).distance == pytest.approx(expected, rel=1e-12)
    assert fid.distance(b, a).distance == pytest.approx(expected, rel=1e-12)


def test_a_shift_and_a_scale_of_samples():
    x = np.random.RandomState(0).normal(size=(500, 6))
    a, b = fid.moments([x]), fid.moments([3 * x + 2])
    # 2x + 2 on average, and (3 - 1)^2 times the variance.
    expected = np.square(2 * x.mean(0) + 2).sum(), 4 * x.var(0, ddof=1).sum()
    assert fid.distance(a, b)[1:] == pytest.approx(expected, rel=1e-6)  # x itself is read in float32


def test_a_set_is_at_no_distance_from_itself():
    x = np.random.RandomState(0).normal(size=(400, 30)).astype(np.float32)
    found = fid.distance(fid.moments([x]), fid.moments(batches(x[::-1], 33)))
    assert 0 <= found.distance < 1e-11


def test_singular_covariances():
    """Fewer samples than dimensions. tr (S1 S2)^(1/2) is then the nuclear norm of X1 X2^T, found without any
    covariance.
    """
    rng = np.random.RandomState(1)
    x, y = rng.normal(size=(20, 50)).astype(np.float32), 2 * rng.normal(size=(30, 50)).astype(np.float32)
    cx, cy = x - x.mean(0, dtype=np.float64), y - y.mean(0, dtype=np.float64)
    traces = np.square(cx).sum() / 19 + np.square(cy).sum() / 29
    expected = traces - 2 * np.linalg.svd(cx @ cy.T, compute_uv=False).sum() / np.sqrt(19 * 29)
    found = fid.distance(fid.moments([x]), fid.moments([y]))
    assert found.trace_term == pytest.approx(expected, rel=1e-9)


def test_points_without_any_spread():
    a = fid.moments([np.full((3, 2), 5.0, np.float32)])
    b = fid.moments([np.full((4, 2), 8.0, np.float32)])
    assert fid.distance(a, b) == (18.0, 18.0, 0.0)


@pytest.mark.parametrize(
    ('dtype', 'far', 'close'), [(jnp.float64, 1e4, 1e-12), (jnp.float32, 1e4, 3e-6), (jnp.float32, 1e6, 3e-6)]
)
def test_nothing_cancels_at_fifty_thousand(dtype, far, close):
    """Far from zero E[x^2] - E[x]^2 has no digit left in float32, and few in float64 over a sum of
    squares.
    """
    rng = np.random.RandomState(0)
    x = (far + rng.normal(size=(50_000, 8)) @ rng.normal(size=(8, 8))).astype(np.float32)
    found = fid.Moments(0, np.zeros(8), np.zeros((8, 8)))
    for batch in batches(x, 1000):
        found = fid.merge(found, fid.batch_moments(batch, dtype=dtype))
    exact = x.astype(np.float64)
    assert found.num == 50_000
    np.testing.assert_allclose(found.mean, exact.mean(0), rtol=1e-14 if dtype == jnp.float64 else 1e-11)
    scale = np.sqrt(np.outer(exact.var(0), exact.var(0)))
    assert (np.abs(found.covariance - np.cov(exact, rowvar=False)) / scale).max() < close


def test_padding_does_not_count_and_compiles_nothing_anew():
    x = np.random.RandomState(0).normal(size=(8, 3)).astype(np.float32)
    fid.batch_moments(x)
    programs = fid._about_the_mean._cache_size()
    padded = np.concatenate([x[:5], np.full((3, 3), np.nan, np.float32)])
    found, exact = fid.batch_moments(padded, 5), x[:5].astype(np.float64)
    assert found.num == 5
    np.testing.assert_allclose(found.mean, exact.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(exact, rowvar=False), rtol=1e-12)
    empty = fid.batch_moments(padded, 0)
    assert fid.merge(empty, found) is fid.merge(found, empty) is found
    assert fid._about_the_mean._cache_size() == programs


def test_four_devices_give_what_one_gives():
    x = np.random.RandomState(0).normal(3, 1, size=(64, 5)).astype(np.float32)
    mesh = sharding.mesh(jax.devices()[:4])
    split = jax.device_put(x, sharding.rows(mesh))
    assert len({shard.device for shard in split.addressable_shards}) == 4
    one, four = fid.batch_moments(jax.device_put(x), 61), fid.batch_moments(split, 61)
    np.testing.assert_allclose(four.mean, one.mean, rtol=1e-14)
    np.testing.assert_allclose(four.scatter, one.scatter, rtol=1e-12, atol=1e-12)


def test_the_rest_of_the_program_stays_in_single_precision():
    fid.batch_moments(np.ones((4, 2), np.float32))
    assert jnp.asarray(np.ones(2)).dtype == jnp.float32


def test_what_has_no_distance_is_refused():
    good = gaussian([0, 0], np.eye(2))
    with pytest.raises(GaxError, match='second set: 1 samples, but a covariance takes at least 2'):
        fid.distance(good, fid.moments([np.ones((1, 2), np.float32)]))
    with pytest.raises(GaxError, match='of 2 and of 3 dimensions'):
        fid.distance(good, gaussian([0, 0, 0], np.eye(3)))
    with pytest.raises(GaxError, match='first set: the features are not finite'):
        fid.distance(fid.moments([np.full((3, 2), np.nan, np.float32)]), good)
    with pytest.raises(GaxError, match=r'shape \[samples, dimensions\], not \[4\]'):
        fid.batch_moments(np.ones(4, np.float32))
    with pytest.raises(GaxError, match='5 samples were said to be in a batch of 4'):
        fid.batch_moments(np.ones((4, 1), np.float32), 5)
