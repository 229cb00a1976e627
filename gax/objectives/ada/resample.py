"""Resampling of images by an affine map, linear in the image."""

from __future__ import annotations

import math
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from gax.core.types import Array
from gax.objectives.ada.geometry import Affine

EXACT = jax.lax.Precision.HIGHEST
# sym6: the orthonormal filter of 12 taps with 6 vanishing moments (Daubechies, "Ten Lectures on Wavelets",
# 1992, section 8.1.1) whose phase is nearest to linear. Computed by spectral factorisation; its sum is
# sqrt(2).
SYM6 = (
    *(0.01540410932704476, 0.0034907120842220833, -0.11799011114851964, -0.048311742585697266),
    *(0.49105594192797364, 0.78764114102865, 0.33792942172816554, -0.07263752278637614),
    *(-0.021060292512370675, 0.04472490177078127, 0.0017677118642539704, -0.00780070832503237),
)
CENTRE = sum(k * h for k, h in enumerate(SYM6)) / math.sqrt(2)  # 5.098, not 5.5: it is not symmetric
MARGIN = 5  # of the doubled image's pixels on each side, which the first and last output pixels reach


def resampled(x: Array, inverse: Affine) -> Array:
    """Moves images as their maps say, linear in the images.

    y = D S U x: U doubles with sym6, S samples U x bilinearly at the places of the pixels of a doubled
    output, D = U^T halves. Where nothing moves, D U gives back the image. Beyond its border an image
    continues as its reflection, without end, which the sampler finds by reflecting coordinates. Sampling is a
    gather, whose gradient is a scatter; everything else is a product with a constant matrix.

    Args:
      x: Float [B, H, W, C].
      inverse: From a place in the output to one in the input, six arrays [B].

    Returns:
      Float [B, H, W, C].
    """
    batch, height, width, channels = x.shape
    doubled = along_both(jnp.asarray(doubling(height), x.dtype), jnp.asarray(doubling(width), x.dtype), x)
    column, row = jnp.meshgrid(jnp.asarray(places(width), x.dtype), jnp.asarray(places(height), x.dtype))
    a, b, c, d, e, f = (number[:, None, None] for number in inverse)
    sampled = bilinear(
        doubled,
        reflected(c * column[None] + d * row[None] + f, height),
        reflected(a * column[None] + b * row[None] + e, width),
    )
    sampled = sampled.reshape(batch, *row.shape, channels)
    return along_both(jnp.asarray(halving(height), x.dtype), jnp.asarray(halving(width), x.dtype), sampled)


def along_both(rows: Array, columns: Array, x: Array) -> Array:
    """Products with [H', H] along the height and [W', W] along the width, [B, H, W, C] -> [B, H', W', C]."""
    x = jnp.einsum('ij,bjwc->biwc', rows, x, precision=EXACT)
    return jnp.einsum('ij,bhjc->bhic', columns, x, precision=EXACT)


def places(size: int) -> np.ndarray:
    """The places of the doubled output's pixels, in pixels of the image from its centre, [2 size + 10]."""
    index = np.arange(-MARGIN, 2 * size + MARGIN)
    return (index + 5 - CENTRE) / 2 - (size - 1) / 2


def reflected(place: Array, size: int) -> Array:
    """Where the doubled image has the pixel at `place`, as an index of `doubling`'s rows, which is not whole.

    The doubled image has a margin, in which the places of `places` lie. Places beyond it are reflected about
    the centres of the first and last pixels.
    """
    index = 2.0 * (place + (size - 1) / 2)  # of the doubled image, 0 at the centre of the first pixel
    first = -MARGIN + 5 - CENTRE - 0.01
    last = 2 * (size - 1) + MARGIN + 6 - CENTRE + 0.01
    period = 4.0 * max(size - 1, 1)
    folded = jnp.mod(index, period)
    folded = jnp.minimum(folded, period - folded)
    inside = (index >= first) & (index <= last)
    return jnp.where(inside, index, folded) + (CENTRE - 5 + MARGIN + 1)


def bilinear(x: Array, row: Array, column: Array) -> Array:
    """Samples x [B, H, W, C] at indices that are not whole, [B, P, Q] each, from 0 to the last but one.

    Returns:
      Float [B, P Q, C].
    """
    batch, height, width, channels = x.shape
    pixels = x.reshape(batch, height * width, channels)
    row, column = (jax.lax.stop_gradient(at).reshape(batch, -1) for at in (row, column))
    top = jnp.clip(jnp.floor(row), 0, height - 2)
    left = jnp.clip(jnp.floor(column), 0, width - 2)
    down, right = (row - top)[..., None], (column - left)[..., None]
    index = (top * width + left).astype(jnp.int32)[..., None]

    def pixel(offset: int) -> Array:
        return jnp.take_along_axis(pixels, index + offset, axis=1, mode='clip')

    upper = (1.0 - right) * pixel(0) + right * pixel(1)
    lower = (1.0 - right) * pixel(width) + right * pixel(width + 1)
    return (1.0 - down) * upper + down * lower


def reflection(index: np.ndarray, size: int) -> np.ndarray:
    """The pixel that a reflected image has at `index`: ..., 2, 1, 0, 1, ..., size - 1, size - 2, ..."""
    period = max(2 * (size - 1), 1)  # of one pixel: 1, so that all are it
    folded: np.ndarray = np.asarray(index) % period
    return np.minimum(folded, period - folded) if size > 1 else folded


@cache
def doubling(size: int) -> np.ndarray:
    """U along one axis, [2 size + 12, size]: sqrt(2) h[n - 2j + 5], n from -6 to 2 size + 5, reflected."""
    matrix = np.zeros((2 * size + 2 * MARGIN + 2, size))
    for row, n in enumerate(range(-MARGIN - 1, 2 * size + MARGIN + 1)):
        taps = np.arange((n + 5 - 11) // 2, (n + 5) // 2 + 1)
        for j in taps[(n - 2 * taps + 5 >= 0) & (n - 2 * taps + 5 < 12)]:
            matrix[row, reflection(j, size)] += np.sqrt(2) * SYM6[n - 2 * j + 5]
    return matrix


@cache
def halving(size: int) -> np.ndarray:
    """D along one axis: h[n - 2i + 5] / sqrt(2) for n from -5 to 2 size + 4, [size, 2 size + 10]."""
    matrix = np.zeros((size, 2 * size + 2 * MARGIN))
    for i in range(size):
        matrix[i, 2 * i : 2 * i + 12] = np.divide(SYM6, np.sqrt(2))
    return matrix
