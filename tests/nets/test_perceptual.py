"""Frozen nets of perceptual losses: their config, and their distances by another way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from gax.errors import GaxError
from gax.nets import imagenet, lpips, perceptual

needs_weights = pytest.mark.skipif(not lpips.available(), reason=f'no weights: {lpips.INSTALL}')


def test_layers_and_weights():
    assert perceptual.parse('conv5_3', 'vgg') == {'conv5_3': 1.0}
    assert perceptual.parse('conv1_2:0.1, conv3_3', 'vgg') == {'conv1_2': 0.1, 'conv3_3': 1.0}
    for text, message in (
        ('conv5_4', "unknown layer of config.perceptual.layers 'conv5_4'"),
        ('conv5_3:-1', "weight of 'conv5_3:-1' must be a positive number"),
        ('conv5_3:x', "weight of 'conv5_3:x' must be a positive number"),
    ):
        with pytest.raises(GaxError, match=message):
            perceptual.parse(text, 'vgg')


def test_nothing_is_loaded_where_nothing_is_compared():
    assert perceptual.frozen(perceptual.section(weight=0.0)) == {}
    assert perceptual.frozen(perceptual.section('discriminator')) == {}
    with pytest.raises(GaxError, match=r"unknown config\.perceptual\.net 'vgg16' \(nearest: 'vgg'\)"):
        perceptual.frozen(ConfigDict({'net': 'vgg16', 'layers': '', 'weight': 1.0}))


def random_images():
    return jax.random.uniform(jax.random.key(0), (2, 2, 32, 32, 3), minval=-1)


@needs_weights
def test_features_are_compared_before_the_relu_and_weighted():
    net, frozen = perceptual.frozen(perceptual.section('vgg', 'conv1_1:2,conv2_1'))['perceptual']
    assert list(frozen.params) == ['conv1_1', 'conv1_2', 'conv2_1']  # the layers after the last are left out
    x, y = random_images()
    found, _ = net.apply(frozen.params, (), x, y, train=True, key=None)
    weights = lpips.load('vgg')['convolutions']
    a, b = (imagenet.features('vgg', weights, image, ('conv1_1', 'conv2_1'), relu=False) for image in (x, y))
    assert float(a['conv1_1'].min()) < 0
    gaps = {name: np.abs(np.asarray(a[name]) - np.asarray(b[name])).mean((1, 2, 3)) for name in a}
    np.testing.assert_allclose(found, 2 * gaps['conv1_1'] + gaps['conv2_1'], rtol=1e-4)


@needs_weights
def test_lpips_as_a_net():
    net, frozen = perceptual.frozen(perceptual.section('lpips_alex'))['perceptual']
    x, y = random_images()
    found, _ = net.apply(frozen.params, (), x, y, train=True, key=None)
    np.testing.assert_allclose(found, lpips.distance('alex', lpips.load('alex'), x, y), rtol=1e-5)
    assert found.shape == (2,)
    assert found.dtype == jnp.float32
