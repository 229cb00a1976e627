"""Context encoder: an encoder, a layer that joins all places, and a decoder.

Pathak et al., "Context Encoders: Feature Learning by Inpainting", 2016, section 3.1, with their channel-wise
fully-connected layer: each channel has a matrix of its own from places to places, and a 1x1 convolution mixes
the channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Sizes
from gax.core.types import Array
from gax.nets.layers import Conv, halved_shape, leaky_relu

TAKES = ('image',)

SLOPE = 0.2
INIT = nn.initializers.normal(0.02)


class Translator(nn.Module):
    """images [B, H, W, C'] -> images [B, H, W, C] in [-1, 1].

    Each width is a 4x4 convolution of stride 2 on the way down, and a transposed one on the way up. No
    normalisation, no skips. Matrices are for one number of places: images have the size of training, whose
    sides are multiples of 2^n, n = len(widths).

    Attributes:
      shape: (H, W, C) of the result.
      widths: The channels after each halving.

    Raises:
      GaxError: The sides cannot be halved so often.
    """

    shape: Sequence[int]
    widths: Sizes = (32, 64, 128)

    @nn.compact
    def __call__(self, image: Array, train: bool) -> Array:
        height, width = halved_shape(image.shape[1:], len(self.widths))
        x = image
        for channels in self.widths:
            x = leaky_relu(SLOPE)(Conv(channels, 4, 2, kernel_init=nn.initializers.he_normal())(x))
        places = height * width
        joined = self.param('places', nn.initializers.normal(places**-0.5), (x.shape[-1], places, places))
        x = jnp.einsum('bpc,cpq->bqc', x.reshape(-1, places, x.shape[-1]), joined.astype(x.dtype))
        x = nn.relu(Conv(x.shape[-1], 1)(x.reshape(-1, height, width, x.shape[-1])))
        for channels in self.widths[-2::-1]:
            x = nn.relu(Conv(channels, 4, 2, transpose=True, kernel_init=nn.initializers.he_normal())(x))
        return jnp.tanh(Conv(self.shape[-1], 4, 2, transpose=True, kernel_init=INIT)(x))
