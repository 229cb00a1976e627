"""Resampling by the filter [1, 3, 3, 1], alone and together with a convolution.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, appendix B: the filter is that
of Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019. Images are [B, H, W, C], with zeros
outside. Filters are shifted copies that are added, and convolutions of stride 2 are convolutions of stride 1
on blocks of 2x2 pixels: XLA has neither a fast depthwise convolution nor a fast transposed one, nor are the
gradients of a strided one fast (jax issues 8537 and 23783).

Together with a kernel, the filter and the kernel are applied to the image with zeros outside, as one
operator, and the result is cropped: at the border it differs from a convolution of the smoothly doubled
image.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax

from gax.core.types import Array
from gax.nets.layers import check_even
from gax.nets.ops import conv

TAPS = (0.125, 0.375, 0.375, 0.125)
LARGEST_PRODUCT = 64  # pixels of an axis that is filtered by a product with a matrix on CPU


def shifted(x: Array, axis: int, by: int) -> Array:
    """Shifts x by one place along the axis, up (by=1) or down (by=-1), and fills with 0."""
    pads = [(0, 0, 0)] * x.ndim
    pads[axis] = (by, -by, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), pads)


def filtered(x: Array, taps: Sequence[float], low: int, high: int) -> Array:
    """Correlates rows and columns with `taps`: y[i] = sum over t of taps[t] x[i + t - low], zeros outside.

    Args:
      x: Float [B, H, W, C].
      taps: The filter of one direction.
      low: The zeros before each row and column.
      high: The zeros after them.

    Returns:
      [B, H', W', C], H' = H + low + high + 1 - len(taps).
    """
    for axis in (1, 2):
        if by_products(x.shape[axis]):
            x = multiplied(x, axis, filter_matrix(x.shape[axis], tuple(taps), low, high))
            continue
        size = x.shape[axis] + low + high + 1 - len(taps)
        pads = [(0, 0, 0)] * x.ndim
        parts = []
        for place, tap in enumerate(taps):
            start = place - low  # of the copy that this tap is multiplied with
            pads[axis] = (-start, start + size - x.shape[axis], 0)
            parts.append(tap * lax.pad(x, jnp.zeros((), x.dtype), pads))
        x = sum(parts[1:], start=parts[0])
    return x


def by_products(side: int) -> bool:
    """Whether an axis of `side` pixels is filtered by a product with a matrix instead of shifted copies.

    On CPU the product of a small image takes less time, and its one operation is compiled in less: filter and
    gradient on two busy cores, in a loop, 32 pixels, 32 channels, batch 32, 36 ms against 57, compiled in 0.5
    s of CPU time against 1.1; 64 pixels 43 ms against 62, 128 pixels 94 against 80. The three terms of
    doubling and halving are faster as shifted copies (39 ms against 77, 7 against 16).
    """
    return conv.default_lowering() != 'lax' and side <= LARGEST_PRODUCT


@functools.cache
def filter_matrix(side: int, taps: tuple[float, ...], low: int, high: int) -> np.ndarray:
    """`filtered` of one axis as a matrix, float32 [side + low + high + 1 - len(taps), side]."""
    shifts = [tap * np.eye(side + low + high + 1 - len(taps), side, t - low) for t, tap in enumerate(taps)]
    return np.sum(shifts, axis=0, dtype=np.float32)


def multiplied(x: Array, axis: int, matrix: np.ndarray) -> Array:
    """Replaces the rows (axis 1) or columns (axis 2) of x by those of `matrix` times x."""
    indices = {1: 'ph,bhwc->bpwc', 2: 'pw,bhwc->bhpc'}[axis]
    return jnp.einsum(indices, matrix.astype(x.dtype), x)


def smooth_doubled(x: Array) -> Array:
    """Bilinear doubling: the filter [1, 3, 3, 1] / 4 in each direction, with zeros outside.

    [B, H, W, C] -> [B, 2 H, 2 W, C].
    """
    for axis in (1, 2):
        before, after = shifted(x, axis, 1), shifted(x, axis, -1)
        pairs = jnp.stack([before + 3 * x, 3 * x + after], axis=axis + 1) / 4
        x = pairs.reshape(*x.shape[:axis], 2 * x.shape[axis], *x.shape[axis + 1 :])
    return x


def smooth_halved(x: Array) -> Array:
    """Smooth halving: the filter [1, 3, 3, 1] / 8 in each direction, with zeros outside.

    [B, H, W, C] -> [B, H / 2, W / 2, C].
    """
    for axis in (1, 2):
        pairs = x.reshape(*x.shape[:axis], x.shape[axis] // 2, 2, *x.shape[axis + 1 :])
        even, odd = (part.squeeze(axis + 1) for part in jnp.split(pairs, 2, axis=axis + 1))
        x = (shifted(odd, axis, 1) + 3 * even + 3 * odd + shifted(even, axis, -1)) / 8
    return x


def blocks_to_pixels(x: Array) -> Array:
    """[B, H, W, 4 C], the pixels of each block of 2x2 row by row, -> [B, 2 H, 2 W, C]."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height, width, 2, 2, channels // 4)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, 2 * height, 2 * width, channels // 4)


def pixels_to_blocks(x: Array) -> Array:
    """The inverse of `blocks_to_pixels`."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // 2, width // 2, 4 * channels)


def convolved_up(x: Array, kernel: Array, *, lowering: conv.Lowering | None = None) -> Array:
    """Doubles images smoothly, and convolves them with the kernel.

    On GPU and TPU in two steps: 3x3 on the image with a zero after each pixel, which is a convolution with
    2x2 blocks (16 products for each small pixel, where a 3x3 of the doubled image takes 36), and then the
    filter. On CPU as one convolution with 3x3 blocks (36 products, many of which `ops.winograd` saves):
    20 ms against 37 on two busy cores, 8x8 with 64 channels, batch 32, forward and gradients. A kernel of
    1x1 goes before the filter.

    Args:
      x: Float [B, H, W, C].
      kernel: Float [3, 3, C, C'] or [1, 1, C, C'].
      lowering: As in `conv.conv`, for tests.

    Returns:
      [B, 2 H, 2 W, C'].
    """
    if kernel.shape[0] == 1:
        return smooth_doubled(conv.conv(x, kernel, lowering=lowering))
    if (lowering or conv.default_lowering()) != 'lax':
        return blocks_to_pixels(conv.conv(x, smooth_block_kernel(kernel), lowering=lowering))
    blocks = conv.conv(x, block_kernel(kernel), padding=((1, 1), (1, 1)), lowering=lowering)
    # The blocks begin one pixel before the image; those of the last row and column end in zeros.
    return filtered(blocks_to_pixels(blocks), tuple(2 * tap for tap in TAPS), 1, 0)


def convolved_down(x: Array, kernel: Array, *, lowering: conv.Lowering | None = None) -> Array:
    """Convolves images with the kernel, and halves them smoothly.

    The filter goes first, and then the kernel at every second pixel: on GPU and TPU as a convolution of
    blocks of 2x2 pixels, as gradients of a strided convolution are slow there.

    Args:
      x: Float [B, H, W, C].
      kernel: Float [3, 3, C, C'] or [1, 1, C, C'].
      lowering: As in `conv.conv`, for tests.

    Returns:
      [B, H / 2, W / 2, C'].

    Raises:
      GaxError: A side is odd.
    """
    check_even(x)
    if kernel.shape[0] == 1:
        return conv.conv(smooth_halved(x), kernel, lowering=lowering)
    if (lowering or conv.default_lowering()) != 'lax':
        return conv.conv(filtered(x, TAPS, 2, 2), kernel, (2, 2), 'VALID', lowering=lowering)
    blocks = pixels_to_blocks(filtered(x, TAPS, 2, 3))
    turned = block_kernel(kernel[::-1, ::-1].swapaxes(2, 3))  # the transpose of `convolved_up`'s first step
    return conv.conv(blocks, turned[::-1, ::-1].swapaxes(2, 3), padding='VALID', lowering=lowering)


def block_kernel(kernel: Array) -> Array:
    """A 3x3 convolution of an image with a zero after each pixel, as one with 2x2 blocks of the image itself.

    In one direction, of kernel (a, b, c): between two pixels x and x' there is a x + c x', and b x' at the
    second one. [3, 3, C, C'] -> [2, 2, C, 4 C'], see `blocks_to_pixels`.
    """
    for axis in (0, 1):
        a, b, c = jnp.split(kernel, 3, axis=axis)
        between = jnp.concatenate([a, c], axis=axis)
        at = jnp.concatenate([jnp.zeros_like(b), b], axis=axis)
        kernel = jnp.stack([between, at], axis=3 + axis)  # [.., .., C, 2 or 2, 2, C']
    return kernel.reshape(*kernel.shape[:3], -1)


def smooth_block_kernel(kernel: Array) -> Array:
    """The filter and a 3x3 convolution of a doubled image, as one with 3x3 blocks of the image itself.

    In one direction, of kernel (a, b, c): pixel 2i of the result has (3 a + b) / 4, (a + 3 b + 3 c) / 4 and c
    / 4 of the pixels i - 1, i and i + 1. [3, 3, C, C'] -> [3, 3, C, 4 C'], see `blocks_to_pixels`.
    """
    for axis in (0, 1):
        a, b, c = jnp.split(kernel, 3, axis=axis)
        even = jnp.concatenate([3 * a + b, a + 3 * (b + c), c], axis=axis) / 4
        odd = jnp.concatenate([a, 3 * (a + b) + c, b + 3 * c], axis=axis) / 4
        kernel = jnp.stack([even, odd], axis=3 + axis)
    return kernel.reshape(*kernel.shape[:3], -1)
