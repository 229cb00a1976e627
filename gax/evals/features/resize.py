"""Resizers by name. The resizer changes a Frechet distance by points, so it is part of a result's protocol.

    tf1    bilinear as in TensorFlow 1, without antialiasing: what the published FIDs used
    clean  Pillow's antialiased bicubic in floating point: Parmar et al., "On Aliased Resizing and Surprising
           Subtleties in GAN Evaluation", 2022

Each is (images [B, H, W, C] with values 0 to 255 of any dtype, size) -> float32 [B, size, size, C], 0 to 255,
not rounded. It is pure JAX with indices and weights from NumPy, compiled once a shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gax.core.types import Array

Resizer = Callable[[Array, int], Array]


def tf1(images: Array, size: int) -> Array:
    """`tf.image.resize_bilinear(images, (size, size), align_corners=False)` of TensorFlow 1.

    Output i is at i * length / size of the input, between its two neighbours, or equal to the last pixel
    beyond it. (The pixels' corners are matched, not their centres, so halving an image does not average its
    pixels.) Products are in the order of torch-fidelity's `interpolate_bilinear_2d_like_tensorflow1x`:
    across, then down.

    Args:
      images: [B, H, W, C], values 0 to 255.
      size: The height and width of the output.

    Returns:
      float32 [B, size, size, C].
    """
    x = images.astype(jnp.float32)
    for axis in (2, 1):
        low, high, share = _neighbours(x.shape[axis], size)
        left, right = jnp.take(x, low, axis), jnp.take(x, high, axis)
        x = left + (right - left) * share.reshape(-1, *[1] * (3 - axis))
    return x


def _neighbours(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of `size` outputs: its two input indices, int32, and the share of the second, float32."""
    place = np.arange(size, dtype=np.float32) * np.float32(length / size)
    low = place.astype(np.int32)
    return low, np.minimum(low + 1, length - 1), place - low.astype(np.float32)


def clean(images: Array, size: int) -> Array:
    """Pillow's `resize(..., BICUBIC)` of each channel in mode 'F', clipped to 0 to 255, as clean-fid does.

    One matrix product across and one down. Pillow sums in float64 and rounds to float32 after each.

    Args:
      images: [B, H, W, C], values 0 to 255.
      size: The height and width of the output.

    Returns:
      float32 [B, size, size, C].
    """
    x = images.astype(jnp.float32)
    across, down = (jnp.asarray(bicubic(x.shape[axis], size)) for axis in (2, 1))
    exact = jax.lax.Precision.HIGHEST
    x = jnp.einsum('bhwc,vw->bhvc', x, across, precision=exact)
    x = jnp.einsum('bhvc,uh->buvc', x, down, precision=exact)
    return jnp.clip(x, 0.0, 255.0)


def bicubic(length: int, size: int) -> np.ndarray:
    """Weights float32 [size, length] that resize a line of `length` pixels to `size`; rows sum to one.

    Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, with a = -1/2, stretched by
    length / size if that shrinks the line (antialiasing). Pixel i covers i to i + 1, its centre is at i +
    1/2. As in Pillow the window's ends are rounded to whole pixels and the weights within it are scaled to
    sum to one.
    """
    scale = length / size
    stretch = max(scale, 1.0)
    matrix = np.zeros((size, length))
    for i in range(size):
        centre = (i + 0.5) * scale
        first = max(int(centre - 2 * stretch + 0.5), 0)
        last = min(int(centre + 2 * stretch + 0.5), length)
        weights = [_cubic((x + 0.5 - centre) / stretch) for x in range(first, last)]
        matrix[i, first:last] = np.array(weights) / math.fsum(weights)
    return matrix.astype(np.float32)


def _cubic(x: float) -> float:
    """Keys' kernel with a = -1/2 (his eq. 15)."""
    x = abs(x)
    if x < 1:
        return (1.5 * x - 2.5) * x * x + 1
    return ((-0.5 * x + 2.5) * x - 4) * x + 2 if x < 2 else 0.0


RESIZERS: dict[str, Resizer] = {'tf1': tf1, 'clean': clean}
