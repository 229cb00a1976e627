"""The colour transforms: one affine map of the channels for each image.

With v = (1, 1, 1) / sqrt(3), the luma axis, brightness, contrast, luma flip, hue and saturation are in turn
x + b, c x, (I - 2 i v v^T) x, the rotation about v by an angle, and (v v^T + s (I - v v^T)) x. All but the
first commute, and together they are the matrix of `affine`.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core.types import Array
from gax.objectives.ada.draws import Chances, Draws

STRENGTHS = {'brightness': 0.2, 'contrast': 0.5, 'saturation': 1.0}
LUMA = np.full((3, 3), 1 / 3)  # v v^T
CROSS = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)  # x -> v x x


def changed(draws: Draws, chances: Chances, x: Array) -> Array:
    """Applies the colour transforms in `chances` to images, float [B, H, W, 1 or 3].

    Hue and saturation leave grey images alone, and a luma flip negates them.

    Raises:
      GaxError: The images have another number of channels.
    """
    channels = x.shape[3]
    if channels not in (1, 3):
        raise errors.GaxError(
            f'colours of images with {channels} channels cannot be changed, only of 1 or 3; choose '
            'config.ada.pipeline=bg, which moves pixels'
        )
    matrix, offset = affine(draws, chances)
    if channels == 1:
        gain = jnp.sum(matrix, axis=2).mean(axis=1)
        return gain[:, None, None, None] * x + offset[:, None, None, None]
    exact = jax.lax.Precision.HIGHEST
    return jnp.einsum('bij,bhwj->bhwi', matrix, x, precision=exact) + offset[:, None, None, None]


def affine(draws: Draws, chances: Chances) -> tuple[Array, Array]:
    """The map x -> A x + o of the channels.

    A = c (f v v^T + s (cos(a) (I - v v^T) + sin(a) [v x])) with contrast c = 2^N(0, 0.5^2), luma sign f = -1
    or 1, equally likely, saturation s = 2^N(0, 1) and hue a = U[-pi, pi); o = A (b, b, b) = c f b with
    brightness b = N(0, 0.2^2).

    Args:
      draws: The random numbers.
      chances: The probability of each transform; those that are missing are left out.

    Returns:
      A, float [B, 3, 3], and o, float [B], equal for all channels.
    """

    def number(name: str, value: Array) -> Array:
        return draws.number(name, chances, value, 0.0)

    brightness = number('brightness', STRENGTHS['brightness'] * draws.normal('brightness'))
    contrast = jnp.exp2(number('contrast', STRENGTHS['contrast'] * draws.normal('contrast')))
    sign = draws.number('luma_flip', chances, draws.sign('luma_flip'), 1.0)
    angle = number('hue', math.pi * draws.centred('hue'))
    saturation = jnp.exp2(number('saturation', STRENGTHS['saturation'] * draws.normal('saturation')))

    def times(numbers: Array, matrix: np.ndarray) -> Array:
        return numbers[:, None, None] * jnp.asarray(matrix, numbers.dtype)[None]

    luma = contrast * sign
    across, turned = contrast * saturation * jnp.cos(angle), contrast * saturation * jnp.sin(angle)
    return times(luma, LUMA) + times(across, np.eye(3) - LUMA) + times(turned, CROSS), luma * brightness
