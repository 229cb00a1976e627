"""Networks from images to images: published counts of parameters, receptive fields, sizes, normalisation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import nets
from gax.errors import GaxError
from gax.nets import families, layers, norms, patchgan, registry, resnet_translator, sizes, unet
from tests.helpers.cases import with_slow

KEY = jax.random.key(0)
PIX2PIX = (64, 128, 256, 512, 512, 512, 512, 512)


def of(module, *shape):
    return nets.from_linen(module, jax.ShapeDtypeStruct((2, *shape), jnp.float32))


def count(module, *shape):
    params, _ = jax.eval_shape(of(module, *shape).init, KEY)
    return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(params))


def output(module, *shape):
    net = of(module, *shape)

    def run(x):
        return net.apply(*net.init(KEY), x, train=True, key=KEY)[0]

    return jax.eval_shape(run, jnp.zeros((2, *shape)))


def test_parameters_of_pix2pix():
    """The authors' PyTorch code says 54.414 M for its U-Net-256: no biases but the last layer's, batch-norms
    of 2 numbers for each channel of the middle layers. Here the first and the innermost convolution, which
    have no norm, have biases.
    """
    down, up, image = 0, 0, 3
    for i, width in enumerate(PIX2PIX):
        down += 16 * (PIX2PIX[i - 1] if i else image) * width
    for i, width in enumerate(PIX2PIX[-2::-1]):
        up += 16 * (512 if i == 0 else 2 * PIX2PIX[-1 - i]) * width
    normed = 2 * (sum(PIX2PIX[1:-1]) + sum(PIX2PIX[:-1]))
    published = down + up + 16 * 128 * image + image + normed
    assert round(published / 1e6, 3) == 54.414
    assert count(unet.Translator((256, 256, 3), PIX2PIX, 'batch'), 256, 256, 3) == published + 64 + 512


def test_parameters_of_cyclegan():
    """The authors' code says 11.378 M for nine blocks, with biases that instance norm subtracts again."""
    ends = 49 * 3 * 64 + (49 * 64 * 3 + 3)
    halvings = 9 * (64 * 128 + 128 * 256)
    kernels = ends + 2 * halvings + 18 * 9 * 256 * 256
    subtracted = 64 + 128 + 256 + 18 * 256 + 128 + 64
    assert round((kernels + subtracted) / 1e6, 3) == 11.378
    made = resnet_translator.Translator((256, 256, 3), (64, 128, 256), 9)
    assert count(made, 256, 256, 3) == kernels == 11_372_931


def test_parameters_of_patchgan():
    """2.765 M for CycleGAN's (with such biases), 2.769 M for pix2pix' of six channels and batch-norm."""
    middle = 16 * (64 * 128 + 128 * 256 + 256 * 512)
    kernels = {c: 16 * c * 64 + 64 + middle + 16 * 512 + 1 for c in (3, 6)}
    channels = 128 + 256 + 512
    assert round((kernels[3] + channels) / 1e6, 3) == 2.765
    assert round((kernels[6] + 2 * channels) / 1e6, 3) == 2.769
    assert count(patchgan.Discriminator(70), 256, 256, 3) == kernels[3]
    assert count(patchgan.Discriminator(70, norm='batch'), 256, 256, 6) == kernels[6] + 2 * channels
    assert count(patchgan.Discriminator(70, norm='none'), 256, 256, 3) == kernels[3] + channels
    assert count(patchgan.Discriminator(1), 8, 8, 3) == (3 * 64 + 64) + 64 * 128 + (128 + 1)


def test_parameters_of_the_unet_discriminator():
    down = 9 * 3 * 64 + 64 + 16 * (64 * 128 + 128 * 256 + 256 * 512)
    up = 9 * (512 * 256 + 256 * 128 + 128 * 64)
    assert count(unet.Discriminator(), 64, 64, 3) == down + up + 2 * 9 * 64 * 64 + 9 * 64 + 1 == 4_376_897


@pytest.mark.parametrize(
    ('field', 'side', 'logits'), with_slow([(1, 8, 8), (16, 32, 14), (34, 64, 14), (70, 128, 14)], 0, 1)
)
def test_receptive_fields(field, side, logits):
    """The rows and columns of the pixels that one logit depends on, kernels of ones in place of random ones.

    70: the field of 1 pixel, grown by 3 at two convolutions of stride 1, then r -> 2 (r - 1) + 4 three times.
    """
    check_field(field, side, logits)


@pytest.mark.slow
def test_receptive_field_of_the_largest():
    check_field(286, 384, 10)


def check_field(field, side, logits):
    net = of(patchgan.Discriminator(field, width=1, norm='none'), side, side, 1)
    params, state = jax.eval_shape(net.init, KEY)
    ones = jax.tree.map(lambda x: jnp.ones(x.shape), params)

    def middle(x):
        out = net.apply(ones, state, x, train=False, key=None)[0]
        assert out.shape == (2, logits, logits)
        return out[0, logits // 2, logits // 2]

    gradient = np.asarray(jax.jit(jax.grad(middle))(jnp.ones((2, side, side, 1))))
    assert not gradient[1].any()
    for axis in (1, 0):
        touched = np.flatnonzero(gradient[0, :, :, 0].any(axis=axis))
        assert len(touched) == touched[-1] - touched[0] + 1 == field


@pytest.mark.parametrize(('height', 'width'), with_slow([(20, 28), (33, 41)], 1))
def test_images_of_any_size(height, width):
    made = {
        'unet': unet.Translator((height, width, 3), (4, 4, 4)),
        'resnet': resnet_translator.Translator((height, width, 3), (4, 4, 4), 1),
        'nearest': resnet_translator.Translator((height, width, 3), (4, 4), 1, upsampling='nearest'),
    }
    for name, module in made.items():
        assert output(module, height, width, 1).shape == (2, height, width, 3), name
    assert output(unet.Discriminator((4, 4, 4)), height, width, 3).shape == (2, height, width)
    patches = (2, height // 4 - 2, width // 4 - 2)
    assert output(patchgan.Discriminator(34, 4), height, width, 3).shape == patches
    with_features = output(patchgan.Discriminator(34, 4, heads={'class': 5}), height, width, 3)
    assert with_features['features'].shape == (2, 16)
    assert with_features['class'].shape == (2, 5)


def test_padding_mirrors_and_is_cropped_again():
    x = jnp.arange(12.0).reshape(1, 3, 4, 1)
    y = sizes.padded(x, 2, 'g.net.widths')
    np.testing.assert_array_equal(y[0, :, :, 0], np.vstack([x[0, :, :, 0], x[0, -1:, :, 0]]))
    np.testing.assert_array_equal(sizes.cropped(y, x), x)
    assert sizes.padded(y, 4, 'g.net.widths') is y
    np.testing.assert_array_equal(sizes.reflected(x, 1)[0, 1, :, 0], [1, 0, 1, 2, 3, 2])


@pytest.mark.parametrize(
    ('module', 'words'),
    [
        (unet.Translator((8, 8, 1), (4,) * 4), r'g\.net\.widths takes images of at least 16x16 .* are 8x8'),
        (unet.Discriminator((4,) * 5), r'd\.net\.widths takes images of at least 16x16'),
        (resnet_translator.Translator((8, 8, 1), (4,) * 4), r'g\.net\.widths .* at least 16x16'),
        (patchgan.Discriminator(34), r'd\.net\.receptive_field takes images of at least 12x12'),
    ],
)
def test_images_smaller_than_the_stride_are_refused(module, words):
    with pytest.raises(GaxError, match=words) as info:
        output(module, 8, 8, 1)
    assert '\n' not in str(info.value)


def test_instance_norm():
    x = jax.random.normal(KEY, (3, 4, 5, 2)) * 3 + 7
    out = norms.InstanceNorm().apply({}, x)
    host = np.asarray(x, np.float64)
    expected = (host - host.mean((1, 2), keepdims=True)) / np.sqrt(host.var((1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(out, expected, atol=1e-5)
    half = norms.InstanceNorm().apply({}, x.astype(jnp.bfloat16))
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(jnp.float32), expected, atol=0.05)


@pytest.mark.slow
def test_an_example_does_not_depend_on_its_batch():
    net = of(resnet_translator.Translator((8, 8, 1), (4, 4), 1), 8, 8, 1)
    run = jax.jit(lambda v, x: net.apply(*v, x, train=True, key=KEY)[0])
    variables, x = net.init(KEY), jax.random.normal(KEY, (2, 8, 8, 1))
    swapped = run(variables, x[::-1])
    np.testing.assert_allclose(run(variables, x)[0], swapped[1], atol=1e-6)


@pytest.mark.slow
def test_dropout_of_the_unet():
    """In training always, outside of it where asked for; with dropped=0 never."""
    x = jax.random.normal(KEY, (2, 8, 8, 1))

    def varies(train, **fields):
        net = of(unet.Translator((8, 8, 1), (4, 4), **fields), 8, 8, 1)
        variables = net.init(KEY)
        run = jax.jit(lambda key: net.apply(*variables, x, train=train, key=key)[0])
        return not np.array_equal(run(KEY), run(jax.random.key(1)))

    assert varies(train=True)
    assert not varies(train=False)
    assert varies(train=False, dropout_always=True)
    assert not varies(train=True, dropped=0)


def test_the_features_of_a_translator():
    made = resnet_translator.Translator((12, 16, 3), (4, 6, 8), 4, outputs='both')
    net = of(made, 12, 16, 3)
    shapes = [x.shape for x in registry.features_of(net, (12, 16, 3))]
    assert shapes == [(2, 12, 16, 3), (2, 6, 8, 6), (2, 3, 4, 8), (2, 3, 4, 8), (2, 3, 4, 8)]
    with pytest.raises(GaxError, match="kind 'unet' give no features of their encoder"):
        families.build(families.section('unet', 'Translator'), 'Translator', (12, 16, 3), outputs='both')


@pytest.mark.parametrize(('padding', 'side'), with_slow([('SAME', 3), ('VALID', 2), (1, 3), (2, 4)], 0, 2))
def test_padding_of_a_convolution(padding, side):
    """4x4 of stride 2 on 6 pixels against XLA's own."""
    x = jax.random.normal(KEY, (2, 6, 6, 3))
    layer = layers.Conv(5, 4, 2, padding=padding)
    variables = layer.init(KEY, x)
    out = layer.apply(variables, x)
    pads = padding if isinstance(padding, str) else [(padding, padding)] * 2
    dims = ('NHWC', 'HWIO', 'NHWC')
    expected = jax.lax.conv_general_dilated(
        x, variables['params']['kernel'], (2, 2), pads, dimension_numbers=dims
    )
    assert out.shape == (2, side, side, 5)
    np.testing.assert_allclose(out, expected, atol=1e-5)
    with pytest.raises(ValueError, match='resize goes with'):
        layers.Conv(5, 3, resize='up', padding=1).init(KEY, x)
