"""Synthetic densities: their moments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.core.spec import Field
from gax.data import synthetic


def points(source, num=20_000, seed=0):
    batch = source.read(source.arrays, jnp.zeros(num, jnp.int32), jax.random.key(seed))
    assert list(batch) == ['point']
    return np.asarray(batch['point'], np.float64)


@pytest.mark.parametrize('name', synthetic.MIXTURES)
def test_mixtures(name):
    centers, std = synthetic.MIXTURES[name]
    x = points(synthetic.named(name))
    nearest = np.argmin(np.linalg.norm(x[:, None] - centers, axis=-1), axis=1)
    expected = len(x) / len(centers)
    counts = np.bincount(nearest, minlength=len(centers))
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected)), 'modes are equally likely'
    errors = x - centers[nearest]
    np.testing.assert_allclose(errors.std(axis=0), std, rtol=0.03)
    assert np.all(np.abs(errors.mean(axis=0)) < 5 * std / np.sqrt(len(x)))
    assert abs(np.corrcoef(errors.T)[0, 1]) < 0.04


def test_the_centers_are_those_of_the_papers():
    centers, std = synthetic.ring()
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 1.0)
    np.testing.assert_allclose(centers[[0, 2]], [[1, 0], [0, 1]], atol=1e-12)
    assert (centers.shape, std) == ((8, 2), 0.01)
    centers, std = synthetic.grid()
    assert sorted({float(x) for x in centers.ravel()}) == [-4, -2, 0, 2, 4]
    assert (len({tuple(c) for c in centers}), std) == (25, 0.05)


def test_swiss_roll():
    """Without noise, radius and angle grow together: r = t / 3 pi, 1.5 pi <= t <= 4.5 pi."""
    x = points(synthetic.swiss_roll(noise=0.0), 500)
    t = 3 * np.pi * np.linalg.norm(x, axis=1)
    assert 1.5 * np.pi <= t.min() < 1.55 * np.pi
    assert 4.45 * np.pi < t.max() <= 4.5 * np.pi * (1 + 1e-6)
    np.testing.assert_allclose(
        x, (t / (3 * np.pi))[:, None] * np.stack([np.cos(t), np.sin(t)], -1), atol=1e-5
    )


def test_batches_are_a_function_of_the_key():
    source = synthetic.named('ring')
    np.testing.assert_array_equal(points(source, 9), points(source, 9))
    assert not np.array_equal(points(source, 9), points(source, 9, seed=1))


def test_spec():
    assert synthetic.named('ring').spec == ('synthetic:ring', {'point': Field((2,), 'point')}, 0, 0, ())
    assert points(synthetic.named('grid'), 7).shape == (7, 2)
