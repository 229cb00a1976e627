"""The geometric transforms: one 3x3 matrix for each image, and resampling by it.

A matrix takes a pixel's place in the output to its place in the input, (x, y, 1) in pixels from the centre, x
to the right and y down. Images continue as their reflections. They are doubled with the wavelet filter sym6,
sampled bilinearly, and halved with the same filter, which gives back the image where nothing moves.
"""

from __future__ import annotations

import math
from functools import reduce

import jax
import jax.numpy as jnp

from gax.core.types import Array
from gax.objectives.ada.draws import Draws

EXACT = jax.lax.Precision.HIGHEST
# sym6: the orthonormal filter of 12 taps with 6 vanishing moments (Daubechies, "Ten Lectures on Wavelets", 1992,
# section 8.1.1) whose phase is nearest to linear. Computed by spectral factorisation; the sum is sqrt(2).
SYM6 = (
    *(0.01540410932704476, 0.0034907120842220833, -0.11799011114851964, -0.048311742585697266),
    *(0.49105594192797364, 0.78764114102865, 0.33792942172816554, -0.07263752278637614),
    *(-0.021060292512370675, 0.04472490177078127, 0.0017677118642539704, -0.00780070832503237),
)
CENTRE = sum(k * h for k, h in enumerate(SYM6)) / math.sqrt(2)  # 5.098, not 5.5: it is not symmetric
MARGIN = 5  # of the doubled image's pixels on each side, which the first and last output pixels reach
STRENGTHS = {'integer_shift': 0.125, 'scale': 0.2, 'stretch': 0.2, 'shift': 0.125}


def inverse_matrix(draws: Draws, p: dict[str, Array], shape: tuple[int, int]) -> Array:
    """The product of the inverses of the transforms, in order of application.

    Args:
      draws: The random numbers.
      p: The probability of each transform, scalars; those that are missing are left out.
      shape: Height and width.

    Returns:
      Float [B, 3, 3], from a place in the output to one in the input.
    """
    parts = [matrix for name in MATRICES if name in p for matrix in [chosen_matrix(draws, name, p, shape)]]
    return reduce(lambda a, b: jnp.matmul(a, b, precision=EXACT), parts)


def chosen_matrix(draws: Draws, name: str, p: dict[str, Array], shape: tuple[int, int]) -> Array:
    """The inverse of one transform, and the identity for images that do not get it, [B, 3, 3]."""
    matrix = MATRICES[name](draws, shape)
    keep = jnp.eye(3, dtype=matrix.dtype)[None]
    return jnp.where(draws.chosen(name, p[name])[:, None, None], matrix, keep)


def rotation_probability(p: Array) -> Array:
    """Of each of the two rotations, so that an image gets at least one of them with probability p."""
    return 1.0 - jnp.sqrt(jnp.maximum(1.0 - p, 0.0))


def affine(a: Array, b: Array, c: Array, d: Array, x: Array, y: Array) -> Array:
    """[[a, b, x], [c, d, y], [0, 0, 1]] from numbers [B], [B, 3, 3]."""
    zero, one = jnp.zeros_like(a), jnp.ones_like(a)
    return jnp.stack([a, b, x, c, d, y, zero, zero, one], axis=-1).reshape(-1, 3, 3)


def scaling(x: Array, y: Array) -> Array:
    """The inverse of the scaling by x and y, [B, 3, 3]."""
    zero = jnp.zeros_like(x)
    return affine(1.0 / x, zero, zero, 1.0 / y, zero, zero)


def turning(angle: Array) -> Array:
    """The inverse of the rotation by `angle` in radians, clockwise as y is down, [B, 3, 3]."""
    cos, sin, zero = jnp.cos(angle), jnp.sin(angle), jnp.zeros_like(angle)
    return affine(cos, sin, -sin, cos, zero, zero)


def moving(x: Array, y: Array) -> Array:
    """The inverse of the shift by x to the right and y down, in pixels, [B, 3, 3]."""
    zero, one = jnp.zeros_like(x), jnp.ones_like(x)
    return affine(one, zero, zero, one, -x, -y)


def flip(draws: Draws, shape: tuple[int, int]) -> Array:
    """Left to right, for half of the images."""
    sign = 1.0 - 2.0 * jnp.floor(2.0 * draws.uniform('flip'))
    return scaling(sign, jnp.ones_like(sign))


def quarter_turn(draws: Draws, shape: tuple[int, int]) -> Array:
    """By 0, 90, 180 or 270 degrees, equally likely; exact."""
    turns = jnp.floor(4.0 * draws.uniform('quarter_turn'))
    cos, sin = jnp.where(turns % 2 == 0, 1.0 - turns, 0.0), jnp.where(turns % 2 == 1, 2.0 - turns, 0.0)
    zero = jnp.zeros_like(cos)
    return affine(cos, sin, -sin, cos, zero, zero)


def integer_shift(draws: Draws, shape: tuple[int, int]) -> Array:
    """U[-1/8, 1/8) of each side, rounded to pixels."""
    height, width = shape
    x, y = (2.0 * draws.uniform(f'integer_shift_{axis}') - 1.0 for axis in 'xy')
    strength = STRENGTHS['integer_shift']
    return moving(jnp.round(strength * width * x), jnp.round(strength * height * y))


def scale(draws: Draws, shape: tuple[int, int]) -> Array:
    """2^N(0, 0.2^2) in both directions."""
    factor = jnp.exp2(STRENGTHS['scale'] * draws.normal('scale'))
    return scaling(factor, factor)


def rotation_before(draws: Draws, shape: tuple[int, int]) -> Array:
    """U[-pi, pi), before the stretch."""
    return turning(math.pi * (2.0 * draws.uniform('rotation_before') - 1.0))


def stretch(draws: Draws, shape: tuple[int, int]) -> Array:
    """2^N(0, 0.2^2) in x, and by the inverse in y."""
    factor = jnp.exp2(STRENGTHS['stretch'] * draws.normal('stretch'))
    return scaling(factor, 1.0 / factor)


def rotation_after(draws: Draws, shape: tuple[int, int]) -> Array:
    """U[-pi, pi), after the stretch."""
    return turning(math.pi * (2.0 * draws.uniform('rotation_after') - 1.0))


def shift(draws: Draws, shape: tuple[int, int]) -> Array:
    """N(0, 0.125^2) of each side."""
    height, width = shape
    return moving(
        STRENGTHS['shift'] * width * draws.normal('shift_x'),
        STRENGTHS['shift'] * height * draws.normal('shift_y'),
    )


MATRICES = {
    'flip': flip,
    'quarter_turn': quarter_turn,
    'integer_shift': integer_shift,
    'scale': scale,
    'rotation_before': rotation_before,
    'stretch': stretch,
    'rotation_after': rotation_after,
    'shift': shift,
}
