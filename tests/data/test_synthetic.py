"""Synthetic densities: their moments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.data import synthetic


def points(source, num=20_000, seed=0):
    batch = source.read(source.arrays, jnp.zeros(num, jnp.int32), jax.random.key(seed))
    assert list(batch) == ['point']
    return np.asarray(batch['point'], np.float64)


@pytest.mark.parametrize(('modes', 'radius', 'std'), [(8, 1.0, 0.01), (5, 2.0, 0.05)])
def test_ring(modes, radius, std):
    x = points(synthetic.ring(modes, radius, std))
    angle = 2 * np.pi * np.arange(modes) / modes
    centers = radius * np.stack([np.cos(angle), np.sin(angle)], -1)
    nearest = np.argmin(np.linalg.norm(x[:, None] - centers, axis=-1), axis=1)
    counts = np.bincount(nearest, minlength=modes)
    expected = len(x) / modes
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected)), 'modes are equally likely'
    errors = x - centers[nearest]
    np.testing.assert_allclose(errors.std(axis=0), std, rtol=0.03)
    assert np.all(np.abs(errors.mean(axis=0)) < 5 * std / np.sqrt(len(x)))
    assert abs(np.corrcoef(errors.T)[0, 1]) < 0.04
    np.testing.assert_allclose(np.linalg.norm(x, axis=1).mean(), radius, rtol=0.01)


def test_batches_are_a_function_of_the_key():
    source = synthetic.ring()
    np.testing.assert_array_equal(points(source, 9), points(source, 9))
    assert not np.array_equal(points(source, 9), points(source, 9, seed=1))


def test_spec():
    assert synthetic.named('ring').spec == ('synthetic:ring', {'point': (2,)}, 0, 0)
    assert points(synthetic.ring(), 7).shape == (7, 2)
