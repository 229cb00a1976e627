"""StyleGAN's networks: parameter counts, normalisation, the filter, noise and styles at the beginning."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.nets import norms, registry, stylegan
from tests.helpers.cases import with_slow
from tests.nets.test_progan import COUNTS as PROGAN
from tests.nets.test_progan import count

COUNTS = {1024: 26_219_627, 256: 26_086_229, 128: 25_843_858, 64: 25_137_935}


@pytest.mark.parametrize('side', with_slow(COUNTS, 0))
def test_parameters_are_as_many_as_the_papers(side):
    shape = (side, side, 3)
    mapping, synthesis = stylegan.Generator(shape).parts()
    layers = 2 * int(np.log2(side)) - 2
    parts = count(mapping, (512,)), count(synthesis, (layers, 512))
    assert parts == (2_101_248, COUNTS[side] - 2_101_248)
    assert count(stylegan.Discriminator(), shape) == PROGAN[side][1]


def test_channels_are_normalised_for_each_example():
    x = jnp.asarray(np.random.default_rng(0).normal(3.0, 5.0, size=(2, 6, 4, 3)), jnp.float32)
    norm = norms.InstanceNorm(stylegan.EPSILON)
    y = np.asarray(norm.apply({}, x))
    np.testing.assert_allclose(y.mean(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(axis=(1, 2)), 1, rtol=1e-5)
    np.testing.assert_array_equal(norm.apply({}, jnp.ones((1, 2, 2, 1))), jnp.zeros((1, 2, 2, 1)))


def test_the_filter_of_one_pixel():
    x = jnp.zeros((1, 3, 3, 1)).at[0, 1, 1, 0].set(16.0)
    np.testing.assert_allclose(stylegan.smoothed(x)[0, ..., 0], [[1, 2, 1], [2, 4, 2], [1, 2, 1]])


@pytest.mark.slow
def test_at_the_beginning_noise_has_no_part_and_w_changes_the_image():
    shape = (8, 8, 3)
    _, synthesis = stylegan.Generator(shape, 64, 4, w_dim=5).parts()
    net = registry.from_linen(synthesis, registry.example(4, 5))
    ws = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 5)), jnp.float32)

    @jax.jit
    def images(key, ws):
        return net.apply(*net.init(jax.random.key(0)), ws, train=False, key=key)[0]

    one, other = images(jax.random.key(1), ws), images(jax.random.key(2), ws)
    np.testing.assert_array_equal(one, other)
    assert one.shape == (2, *shape)
    assert not np.allclose(one[0], one[1], atol=1e-3)
