"""What JPEG at a quality does to images, inside a compiled step: no file is written.

The baseline codec of ITU-T T.81 as libjpeg and Pillow have it: 8-bit values, JFIF's YCbCr, the discrete
cosine transform of blocks of 8x8, coefficients rounded to multiples of the tables of its annex K, which are
scaled to the quality by libjpeg's rule. Chroma has the resolution of luma (4:4:4, Pillow's subsampling=0).
Blocks at the lower and the right edge are filled up by the last pixels. Entropy coding loses nothing, and is
left out. libjpeg's transforms are of whole numbers, so that single coefficients may be rounded otherwise.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from gax.core.types import Array

# T.81, annex K, tables K.1 and K.2.
LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
CHROMA = np.full((8, 8), 99)
CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
# JFIF: red, green and blue to Y, Cb - 128 and Cr - 128.
TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]]
)


def table(base: np.ndarray, quality: int) -> np.ndarray:
    """A table of annex K for a quality from 1 to 100, whole numbers from 1 to 255, by libjpeg's rule."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((base * scale + 50) // 100, 1, 255)


def cosines() -> np.ndarray:
    """The matrix of the orthonormal discrete cosine transform of 8 numbers, [frequency, place]."""
    frequency, place = np.mgrid[:8, :8]
    matrix = np.cos((2 * place + 1) * frequency * np.pi / 16) / 2
    matrix[0] /= np.sqrt(2)
    return matrix


def compressed(x: Array, quality: int) -> Array:
    """Images as they are after JPEG.

    Args:
      x: Float [B, H, W, 1 or 3] in [-1, 1]. It is rounded to 8 bits, as is the result.
      quality: From 1 to 100.

    Returns:
      The shape and dtype of `x`.
    """
    height, width, channels = x.shape[1:]
    values = jnp.round(jnp.clip(x * 127.5 + 127.5, 0.0, 255.0))
    planes = values - 128.0
    if channels == 3:
        ycc = values @ TO_YCC.T.astype(x.dtype)
        planes = jnp.round(ycc - jnp.array([128.0, 0.0, 0.0], x.dtype))
    pads = ((0, 0), (0, -height % 8), (0, -width % 8), (0, 0))
    planes = quantised(jnp.pad(planes, pads, 'edge'), quality)[:, :height, :width]
    planes = jnp.clip(jnp.round(planes), -128.0, 127.0)
    back = planes + 128.0
    if channels == 3:
        ycc = planes + jnp.array([128.0, 0.0, 0.0], x.dtype)
        back = ycc @ np.linalg.inv(TO_YCC).T.astype(x.dtype)
    return jnp.clip(jnp.round(back), 0.0, 255.0) / 127.5 - 1.0


def quantised(planes: Array, quality: int) -> Array:
    """Planes around 0, [B, 8 h, 8 w, C], whose coefficients are rounded; the first plane is luma."""
    batch, height, width, channels = planes.shape
    matrix = cosines().astype(planes.dtype)
    tables = np.stack([table(CHROMA if i else LUMA, quality) for i in range(channels)], axis=-1)
    steps = tables.astype(planes.dtype)  # [8, 8, C]
    blocks = planes.reshape(batch, height // 8, 8, width // 8, 8, channels)
    coefficients = jnp.einsum('ui,bhiwjc,vj->bhuwvc', matrix, blocks, matrix)
    steps = steps[:, None]  # [8, 1, 8, C], beside [u, w, v, c]
    rounded = nearest(coefficients / steps) * steps
    return jnp.einsum('ui,bhuwvc,vj->bhiwjc', matrix, rounded, matrix).reshape(planes.shape)


def nearest(x: Array) -> Array:
    """The nearest whole number; halves away from zero, as libjpeg rounds coefficients.

    Sums of 8-bit values have many halves, which float32 meets up to 1e-4.
    """
    return jnp.sign(x) * jnp.floor(jnp.abs(x) + 0.5 + 1e-4)
