"""Gated convolutions: each feature is multiplied by a learned gate, so that holes are told from pixels.

Yu et al., "Free-Form Image Inpainting with Gated Convolution", 2019, eq. 2: act(features) * sigmoid(gates).
This is the first of the paper's two stages, without the second and its contextual attention: two halvings,
dilated convolutions, two doublings.
"""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from gax.core.bounds import AnySizes, Size
from gax.core.types import Array
from gax.nets.layers import Conv

TAKES = ('image',)


class Translator(nn.Module):
    """images [B, H, W, C'] -> images [B, H, W, C] in [-1, 1].

    Images of any size: the lower and the right edge are repeated up to sides that are multiples of 4, and the
    result is cropped.

    Attributes:
      shape: (H, W, C) of the result; H and W are not read.
      width: The channels at the size of the image; twice and four times as many after the halvings.
      dilations: Those of the 3x3 convolutions at the smallest size, one after the other. In the paper, for
        256 pixels: 2, 4, 8, 16.
    """

    shape: Sequence[int]
    width: Size = 48
    dilations: AnySizes = (2, 4)

    @nn.compact
    def __call__(self, image: Array, train: bool) -> Array:
        height, width = image.shape[1:3]
        x = jnp.pad(image, ((0, 0), (0, -height % 4), (0, -width % 4), (0, 0)), 'edge')
        x = GatedConv(self.width, 5)(x)
        for times in (2, 4):
            x = GatedConv(times * self.width, 3, stride=2)(x)
            x = GatedConv(times * self.width, 3)(x)
        for dilation in self.dilations:
            x = GatedConv(4 * self.width, 3, dilation=dilation)(x)
        x = GatedConv(4 * self.width, 3)(x)
        for times in (2, 1):
            x = GatedConv(times * self.width, 3, up=True)(x)
            x = GatedConv(times * self.width, 3)(x)
        return jnp.tanh(Conv(self.shape[-1], 3)(x))[:, :height, :width]


class GatedConv(nn.Module):
    """elu(f) * sigmoid(g), f and g the halves of the channels of one convolution: [B, H, W, C] -> [B, H', W',
    C'].

    Attributes:
      features: The output channels.
      kernel: The side of the kernel.
      stride: The stride.
      dilation: The distance of neighbouring taps of the kernel.
      up: Whether the image is doubled before, by nearest neighbours.
    """

    features: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    up: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        conv = Conv(2 * self.features, self.kernel, self.stride, resize='up' if self.up else '')
        features, gates = jnp.split(dilated(conv, x, self.dilation), 2, axis=-1)
        return nn.elu(features) * nn.sigmoid(gates)


def dilated(conv: Conv, x: Array, dilation: int) -> Array:
    """A convolution of stride 1 whose taps are `dilation` pixels apart: [B, H, W, C] -> [B, H, W, C'].

    The pixels whose rows and columns have equal remainders by the dilation are an image of their own, and
    each of these is convolved: a convolution with zeros outside, up to rounding.
    """
    if dilation == 1:
        return conv(x)
    batch, height, width, channels = x.shape
    pads = [(0, 0, 0), (0, -height % dilation, 0), (0, -width % dilation, 0), (0, 0, 0)]
    x = lax.pad(x, jnp.zeros((), x.dtype), pads)
    rows, columns = x.shape[1] // dilation, x.shape[2] // dilation
    x = x.reshape(batch, rows, dilation, columns, dilation, channels).transpose(0, 2, 4, 1, 3, 5)
    x = conv(x.reshape(-1, rows, columns, channels))
    x = x.reshape(batch, dilation, dilation, rows, columns, -1).transpose(0, 3, 1, 4, 2, 5)
    return x.reshape(batch, rows * dilation, columns * dilation, -1)[:, :height, :width]
