"""The networks of super-resolution and inpainting: published numbers of parameters, sizes, and their parts."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gax.core import rng
from gax.errors import GaxError
from gax.nets import context_encoder, gated, registry, rrdb, srresnet, upscaling, vgg
from gax.nets.layers import Conv


def outline(module, *shape):
    """-> the number of parameters, and the shape of the output."""
    x = jax.ShapeDtypeStruct(shape, jnp.float32)

    def run(x):
        variables = module.init({'params': jax.random.key(0)}, x, train=False)
        return variables['params'], module.apply(variables, x, train=False)

    params, out = jax.eval_shape(run, x)
    return sum(leaf.size for leaf in jax.tree.leaves(params)), out.shape


def conv(size, before, after):
    """The parameters of a convolution with bias."""
    return size**2 * before * after + after


def test_srresnet_and_rrdbnet_have_the_parameters_of_basicsr():
    large = (32, 48, 3)
    number, shape = outline(srresnet.Upscaler(large, factor=4), 2, 8, 12, 3)
    parts = conv(3, 3, 64) + 32 * conv(3, 64, 64) + 2 * conv(3, 64, 256) + conv(3, 64, 64) + conv(3, 64, 3)
    assert (number, shape) == (parts, (2, *large)) == (1_517_571, (2, *large))
    number, shape = outline(rrdb.Upscaler(large, factor=4), 2, 8, 12, 3)
    dense = sum(conv(3, 64 + 32 * i, 32) for i in range(4)) + conv(3, 192, 64)
    parts = conv(3, 3, 64) + 69 * dense + 4 * conv(3, 64, 64) + conv(3, 64, 3)
    assert (number, shape) == (parts, (2, *large)) == (16_697_987, (2, *large))


@pytest.mark.parametrize('net', [srresnet.Upscaler, rrdb.Upscaler])
def test_enlargements_and_channels(net):
    small = net((0, 0, 3), factor=2, width=4, blocks=1)
    assert outline(small, 1, 5, 7, 1)[1] == (1, 10, 14, 3)
    assert outline(net((0, 0, 3), factor=1, width=4, blocks=0), 1, 5, 7, 3)[1] == (1, 5, 7, 3)
    with pytest.raises(GaxError, match=r'by products of 2.*, not by 5'):
        outline(net((0, 0, 3), factor=5, width=4), 1, 5, 7, 3)


@pytest.mark.slow
def test_srresnet_by_three_and_with_batch_norm():
    net = srresnet.Upscaler((0, 0, 3), factor=6, width=4, blocks=2, batch_norm=True)
    plain = srresnet.Upscaler((0, 0, 3), factor=6, width=4, blocks=2)
    number, shape = outline(net, 2, 3, 3, 3)
    assert shape == (2, 18, 18, 3)
    assert (
        number == outline(plain, 2, 3, 3, 3)[0] + 2 * 2 * 2 * 4
    )  # blocks, norms, scale and offset, channels
    lifted = registry.lifted(net, registry.example(3, 3, 3))
    params, state = lifted.init(rng.key(0))
    assert state['batch_stats']['blocks']['BatchNorm_0']['mean'].shape == (2, 4)
    x = jax.random.normal(jax.random.key(1), (2, 3, 3, 3))
    _, after = lifted.apply(params, state, x, train=True, key=jax.random.key(2))
    means = after['batch_stats']['blocks']['BatchNorm_0']['mean']
    assert np.all(np.abs(means).max(axis=1) > 0)


@pytest.mark.slow
def test_blocks_are_different_and_one_after_the_other():
    class Block(nn.Module):
        @nn.compact
        def __call__(self, x, train):
            return nn.Dense(3)(x)

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x, train):
            return upscaling.repeated(lambda: Block(name='blocks'), 2, x, train)

    x = jax.random.normal(jax.random.key(0), (4, 3))
    variables = Net().init(jax.random.key(1), x, train=False)
    dense = variables['params']['blocks']['Dense_0']
    assert dense['kernel'].shape == (2, 3, 3)
    assert not np.allclose(dense['kernel'][0], dense['kernel'][1])
    expected = x @ dense['kernel'][0] @ dense['kernel'][1]
    np.testing.assert_allclose(Net().apply(variables, x, train=False), expected, atol=1e-5)


def test_pixel_shuffle_is_that_of_pytorch():
    """nn.functional.pixel_shuffle(torch.arange(8.).view(1, 8, 1, 1), 2)[0] = [[[0, 1], [2, 3]], [[4, 5], [6,
    7]]].
    """
    x = jnp.arange(8.0).reshape(1, 1, 1, 8)
    found = upscaling.pixel_shuffle(x, 2)[0].transpose(2, 0, 1)
    np.testing.assert_array_equal(found, [[[0, 1], [2, 3]], [[4, 5], [6, 7]]])


def test_what_an_output_is_added_to():
    x = jnp.array([[[[0.0, 1.0]], [[1.0, 0.5]]]])  # [1, 2, 1, 2]
    np.testing.assert_array_equal(upscaling.base(x, 1, 2), x)
    found = upscaling.base(x, 2, 3)
    assert found.shape == (1, 4, 2, 3)
    np.testing.assert_allclose(found[0, :, 0, 0], [0.5, 0.5625, 0.6875, 0.75])


def test_dilated_convolutions_are_those_of_xla():
    x = jax.random.normal(jax.random.key(0), (2, 9, 10, 3))
    layer = Conv(4, 3)
    variables = layer.init(jax.random.key(1), x)
    for dilation in (3, 16):
        found = gated.dilated(layer.bind(variables), x, dilation)
        expected = lax.conv_general_dilated(
            x,
            variables['params']['kernel'],
            (1, 1),
            [(dilation, dilation)] * 2,
            rhs_dilation=(dilation, dilation),
            dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
        )
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_gates_close():
    """With gates at -inf nothing passes; with features of 1 and gates of 0 a half does."""
    layer = gated.GatedConv(2, 1)
    params = {'Conv_0': {'kernel': jnp.zeros((1, 1, 3, 4)), 'bias': jnp.array([1.0, 1.0, 0.0, -jnp.inf])}}
    found = layer.apply({'params': params}, jnp.ones((1, 2, 2, 3)))
    np.testing.assert_array_equal(found[0, 0, 0], [0.5, 0.0])


@pytest.mark.slow
def test_sizes_of_translators():
    assert outline(gated.Translator((0, 0, 3), width=4), 1, 33, 30, 4)[1] == (1, 33, 30, 3)
    number, shape = outline(context_encoder.Translator((0, 0, 3), widths=(4, 8)), 2, 8, 12, 4)
    parts = conv(4, 4, 4) + conv(4, 4, 8) + 8 * 6**2 + conv(1, 8, 8) + conv(4, 8, 4) + conv(4, 4, 3)
    assert (number, shape) == (parts, (2, 8, 12, 3))
    with pytest.raises(GaxError, match='both sides must be multiples of 4'):
        outline(context_encoder.Translator((0, 0, 3), widths=(4, 8)), 2, 8, 10, 4)


@pytest.mark.slow
def test_a_context_encoder_s_corner_depends_on_the_opposite_one():
    net = context_encoder.Translator((0, 0, 1), widths=(4, 4))
    x = jax.random.normal(jax.random.key(0), (1, 16, 16, 1))
    variables = net.init(jax.random.key(1), x, train=False)
    gradient = jax.grad(lambda x: net.apply(variables, x, train=False)[0, 0, 0, 0])(x)
    assert abs(float(gradient[0, 15, 15, 0])) > 0


@pytest.mark.slow
def test_the_discriminator_of_srgan():
    net = vgg.Discriminator(widths=(4, 8), dense=5, heads={})
    x = jax.random.normal(jax.random.key(0), (2, 8, 12, 3))
    variables = net.init(jax.random.key(1), x, train=False)
    number = sum(leaf.size for leaf in jax.tree.leaves(variables['params']))
    parts = conv(3, 3, 4) + conv(4, 4, 4) + conv(3, 4, 8) + conv(4, 8, 8)
    assert number == parts + (2 * 3 * 8 + 1) * 5 + 6
    out = net.apply(variables, x, train=False)
    assert out['logits'].shape == (2,)
    assert out['features'].shape == (2, 2 * 3 * 8)
    with_norm = vgg.Discriminator(widths=(4, 8), dense=5, batch_norm=True)
    assert (
        outline(with_norm, 2, 8, 12, 3)[0] == number + 4 + 8 + 8
    )  # an offset for a bias, and a scale beside
    with pytest.raises(GaxError, match=r'd\.net\.widths halves 6x8 images 2 times'):
        outline(vgg.Discriminator(widths=(4, 8)), 2, 6, 8, 3)
