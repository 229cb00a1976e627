"""FastGAN's networks: the authors' parameters, every size, and their layers by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import nets
from gax.errors import GaxError
from gax.nets import fastgan, fastgan_blocks
from tests.helpers.cases import with_slow

KEY = jax.random.key(0)


def images(*shape):
    return jax.ShapeDtypeStruct((2, *shape), jnp.float32)


def count(tree):
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


def parameters(module, *inputs):
    return jax.eval_shape(nets.from_linen(module, *inputs).init, KEY)[0]


def outputs(module, *inputs):
    net = nets.from_linen(module, *inputs)

    def run(*inputs):
        return net.apply(*net.init(KEY), *inputs, train=False, key=KEY)[0]

    return jax.eval_shape(run, *inputs)


def decoder_inputs(maps):
    last, small, before = maps
    rows, columns, channels = before.shape[1:]
    return last, small, images(rows // 2, columns // 2, channels)


@pytest.mark.parametrize(
    ('side', 'g', 'd'),
    with_slow(
        [(256, 29_127_846, 11_526_160), (512, 29_174_392, 11_526_496), (1024, 29_176_512, 11_528_192)], 0
    ),
)
def test_parameters_are_the_authors(side, g, d):
    """D's count includes its decoders, 1,439,712 of the last map and 849,888 of each of the other two."""
    shape = (side, side, 3)
    assert count(parameters(fastgan.Generator(shape), jax.ShapeDtypeStruct((2, 256), jnp.float32))) == g
    maps = outputs(fastgan.Discriminator(outputs='both'), images(*shape))['maps']
    decoders = count(parameters(fastgan.Decoder(shape), *decoder_inputs(maps)))
    assert decoders == 1_439_712 + 2 * 849_888
    assert count(parameters(fastgan.Discriminator(), images(*shape))) + decoders == d


@pytest.mark.slow
@pytest.mark.parametrize(
    ('shape', 'small', 'logits'),
    [
        ((256, 256, 3), (128, 128), [(5, 5), (5, 5)]),
        ((48, 64, 3), (24, 32), [(3, 5), (3, 5)]),
        ((28, 28, 1), (14, 14), [(4, 4), (4, 4)]),
        ((8, 8, 1), (4, 4), [(1, 1), (1, 1)]),
    ],
)
def test_every_size(shape, small, logits):
    """G's two images, D's two maps of logits, and three reconstructions of the smaller image's size."""
    z = jax.ShapeDtypeStruct((2, 8), jnp.float32)
    both = outputs(fastgan.Generator(shape, 8, outputs='both'), z)
    assert [x.shape[1:3] for x in both] == [shape[:2], small]
    seen = outputs(fastgan.Discriminator(8, outputs='both'), images(*shape))
    assert [x.shape[1:] for x in seen['logits']] == logits
    rebuilt = outputs(fastgan.Decoder(shape, 4), *decoder_inputs(seen['maps']))
    assert [x.shape[1:] for x in rebuilt] == [(*small, shape[2])] * 3


def test_sides_that_cannot_be_halved_are_refused():
    with pytest.raises(GaxError, match=r'fastgan halves images, and 7x8 cannot be halved to at least 3'):
        fastgan.halvings((7, 8, 1), 3)


def test_adaptive_pooling():
    """Windows overlap where four do not divide a side: of three rows the middle ones are means of two."""
    expected = [[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 1]]
    np.testing.assert_array_equal(fastgan_blocks.windows(3, 4), expected)
    x = jax.random.normal(KEY, (2, 8, 16, 3))
    blocks = x.reshape(2, 4, 2, 4, 4, 3).mean((2, 4))
    np.testing.assert_allclose(fastgan_blocks.pooled(x), blocks, atol=1e-6)


def test_gated_linear_units():
    x = jnp.array([[2.0, -3.0, 0.0, np.log(3.0)]])
    np.testing.assert_allclose(fastgan_blocks.gated(x), [[2.0 * 0.5, -3.0 * 0.75]], rtol=1e-6)


def test_excitation_scales_channels():
    """Kernels of zero are scales of one half; else all pixels of a channel have one scale."""
    source, x = jax.random.normal(KEY, (2, 8, 8, 3)), jax.random.normal(KEY, (2, 4, 6, 5))
    module = fastgan_blocks.SkipExcitation()
    variables = module.init(KEY, source, x)
    zeros = jax.tree.map(jnp.zeros_like, variables)
    np.testing.assert_allclose(module.apply(zeros, source, x), x / 2, rtol=1e-6)
    larger = jax.tree.map(lambda leaf: 50 * leaf, variables)
    scales = np.asarray(module.apply(larger, source, x) / x)
    np.testing.assert_allclose(scales, np.broadcast_to(scales[:, :1, :1], x.shape), rtol=1e-4)
    assert scales[:, 0, 0].std() > 0.01


def test_noise_is_one_number_for_each_pixel_and_begins_at_nothing():
    x = jnp.ones((2, 3, 4, 5))
    module = fastgan_blocks.Noise()
    variables = module.init({'params': KEY, 'noise': KEY}, x)
    np.testing.assert_array_equal(module.apply(variables, x, rngs={'noise': KEY}), x)
    ones = jax.tree.map(jnp.ones_like, variables)
    added = np.asarray(module.apply(ones, x, rngs={'noise': KEY}) - x)
    np.testing.assert_allclose(added, np.broadcast_to(added[..., :1], x.shape), atol=1e-6)
    assert len(np.unique(added[..., 0])) == 2 * 3 * 4


def test_quarters_are_the_four_corners():
    x = jnp.arange(2 * 4 * 6 * 1.0).reshape(2, 4, 6, 1)
    corners = [fastgan_blocks.quarter(x, jnp.int32(i)) for i in range(4)]
    rows = [jnp.concatenate(corners[i : i + 2], axis=2) for i in (0, 2)]
    np.testing.assert_array_equal(jnp.concatenate(rows, axis=1), x)


@pytest.mark.slow
def test_a_label_moves_all_logits_of_a_map_alike():
    x = jax.random.normal(KEY, (2, 12, 12, 1))
    net = nets.from_linen(
        fastgan.Discriminator(4, 3), images(12, 12, 1), jax.ShapeDtypeStruct((2,), jnp.int32)
    )

    def maps(key, label):
        return net.apply(*net.init(key), x, label, train=True, key=key)[0]

    first, second = (jax.jit(maps)(KEY, jnp.array(label)) for label in ([0, 1], [2, 1]))
    for one, other in zip(first, second, strict=True):
        gap = np.asarray(one - other)
        np.testing.assert_allclose(gap, np.broadcast_to(gap[:, :1, :1], gap.shape), atol=1e-5)
        assert abs(gap[0, 0, 0]) > 1e-3 > 1e-5 > abs(gap[1, 0, 0])
