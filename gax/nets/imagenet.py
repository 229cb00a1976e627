"""The convolutions of AlexNet and VGG16, whose features of ImageNet perceptual losses and LPIPS compare.

Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014 (torchvision's AlexNet);
Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015,
configuration D. The layers are those of torchvision: AlexNet's first convolution is padded by 2, and
pools of sides that are odd drop the last row. The weights come from outside, see lpips.py.

Images are float32 in [-1, 1]. They are normalised by the mean and standard deviation of ImageNet: LPIPS's
(x - (-0.030, -0.088, -0.188)) / (0.458, 0.448, 0.450) is torchvision's (x' - (0.485, 0.456, 0.406)) /
(0.229, 0.224, 0.225) of x' = (x + 1) / 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core.types import Array
from gax.nets.ops import conv as lowering

SHIFT = np.array([-0.030, -0.088, -0.188], np.float32).reshape(1, 1, 1, 3)
SCALE = np.array([0.458, 0.448, 0.450], np.float32).reshape(1, 1, 1, 3)


class Layer(NamedTuple):
    """A convolution, with a max pool before it where `pool` is not 0.

    Attributes:
      name: Its name.
      features: The output channels.
      kernel: The side of the kernel.
      stride: The stride.
      padding: The zeros on each side.
      pool: The side of the window of the max pool before it, whose stride is 2; 0 for none.
    """

    name: str
    features: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    pool: int = 0


def _vgg16() -> tuple[Layer, ...]:
    blocks = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    return tuple(
        Layer(f'conv{block}_{i}', features, pool=2 if block > 1 and i == 1 else 0)
        for block, (features, count) in enumerate(blocks, 1)
        for i in range(1, count + 1)
    )


NETWORKS: dict[str, tuple[Layer, ...]] = {
    'alex': (
        Layer('conv1', 64, 11, 4, 2),
        Layer('conv2', 192, 5, 1, 2, pool=3),
        Layer('conv3', 384, pool=3),
        Layer('conv4', 256),
        Layer('conv5', 256),
    ),
    'vgg': _vgg16(),
}


def shapes(network: str) -> dict[str, dict[str, tuple[int, ...]]]:
    """The shapes of the parameters: {layer: {'kernel': [k, k, in, out], 'bias': [out]}}."""
    channels, result = 3, {}
    for layer in errors.lookup('network', network, NETWORKS):
        kernel = (layer.kernel, layer.kernel, channels, layer.features)
        result[layer.name] = {'kernel': kernel, 'bias': (layer.features,)}
        channels = layer.features
    return result


def features(network: str, params: Any, x: Array, layers: Sequence[str], relu: bool) -> dict[str, Array]:
    """The outputs of some convolutions. Later convolutions are not computed.

    Args:
      network: 'alex' or 'vgg'.
      params: {layer: {'kernel', 'bias'}}, see `shapes`.
      x: Images, float32 [B, H, W, 1 or 3] in [-1, 1]. One channel is repeated to three.
      layers: The names of the convolutions.
      relu: Whether the outputs are those after the ReLU.

    Returns:
      {layer: float32 [B, h, w, C]}.

    Raises:
      GaxError: A layer is unknown, or the images are too small for it or have other channels.
    """
    table = {layer.name: layer for layer in errors.lookup('network', network, NETWORKS)}
    wanted = {errors.lookup(f'layer of {network}', name, table).name for name in layers}
    shape = x.shape
    result: dict[str, Array] = {}
    x = (three_channels(x) - SHIFT) / SCALE
    for layer in table.values():
        if not wanted - result.keys():
            break
        x = max_pool(x, layer.pool) if layer.pool else x
        if min(x.shape[1:3]) + 2 * layer.padding < layer.kernel:
            raise errors.GaxError(
                f'images of {shape[1]}x{shape[2]} are too small for {layer.name} of {network}'
            )
        weights, pads = params[layer.name], ((layer.padding, layer.padding),) * 2
        x = lowering.conv(x, weights['kernel'], (layer.stride,) * 2, pads) + weights['bias'].reshape(
            1, 1, 1, -1
        )
        before, x = x, jax.nn.relu(x)
        if layer.name in wanted:
            result[layer.name] = x if relu else before
    return result


def three_channels(x: Array) -> Array:
    """[B, H, W, 1 or 3] -> [B, H, W, 3].

    Raises:
      GaxError: The images have other channels.
    """
    if x.shape[-1] not in (1, 3):
        raise errors.GaxError(
            f'features of ImageNet are of 1 or 3 channels, and the images have {x.shape[-1]}'
        )
    return jnp.broadcast_to(x, (*x.shape[:-1], 3))


def max_pool(x: Array, size: int) -> Array:
    """The maximum over windows of size x size, stride 2, without padding: [B, H, W, C] -> [B, h, w, C].

    It is a maximum of slices: the gradient of XLA's own pooling is slow on CPU.
    """
    for axis in (1, 2):
        count = (x.shape[axis] - size) // 2 + 1
        if count < 1:
            return x[:, :0, :0]
        parts = [
            jax.lax.slice_in_dim(x, i, i + 2 * (count - 1) + 1, stride=2, axis=axis) for i in range(size)
        ]
        x = parts[0]
        for part in parts[1:]:
            x = jnp.maximum(x, part)
    return x
