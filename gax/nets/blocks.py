"""A 3x3 convolution fused with nearest doubling or with averaging, as one of 2x2 blocks at the small size.

Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018, whose code
sums neighbouring taps for a (transposed) convolution of stride 2. Here there is no stride: the pixels of a
block are channels.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from gax.core.types import Array
from gax.nets import fir
from gax.nets.layers import check_even, neighbours
from gax.nets.ops import conv


def doubled_conv(x: Array, kernel: Array) -> Array:
    """Nearest doubling, then a 3x3 convolution, as one with 2x2 blocks of the small image.

    It takes 16 products for each small pixel; the two operations take 36. There is no stride and no zero
    between pixels. Results are equal up to rounding.

    Args:
      x: Float [B, H, W, C].
      kernel: Float [3, 3, C, C'].

    Returns:
      [B, 2 H, 2 W, C'].
    """
    # In one direction the pair of pixels between x and x' is (k01 x + k2 x', k0 x + k12 x'), of the sums of
    # neighbouring taps (k0, k01, k12, k2).
    sums = neighbours(kernel)
    taps = sums.reshape(2, 2, 2, 2, *sums.shape[2:])[:, ::-1, :, ::-1]
    taps = taps.transpose(0, 2, 4, 1, 3, 5).reshape(2, 2, sums.shape[2], -1)
    blocks = fir.blocks_to_pixels(conv.conv(x, taps, padding=((1, 1), (1, 1))))
    return blocks[:, 1:-1, 1:-1]


def halved_conv(x: Array, kernel: Array) -> Array:
    """A 3x3 convolution, then the mean over squares of 2x2 pixels, as one convolution of 2x2 blocks.

    Args:
      x: Float [B, H, W, C].
      kernel: Float [3, 3, C, C'].

    Returns:
      [B, H / 2, W / 2, C'].

    Raises:
      GaxError: A side is odd.
    """
    check_even(x)
    sums = neighbours(kernel) / 4
    taps = sums.reshape(2, 2, 2, 2, *sums.shape[2:]).transpose(0, 2, 1, 3, 4, 5)
    padded = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (1, 1, 0), (1, 1, 0), (0, 0, 0)))
    taps = taps.reshape(2, 2, -1, sums.shape[-1])
    return conv.conv(fir.pixels_to_blocks(padded), taps, padding='VALID')
