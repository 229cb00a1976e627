"""The geometric transforms: together they are one affine map for each image.

It takes a pixel's place in the output to its place in the input, in pixels from the centre, x to the right
and y down. resample.py moves the image by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, reduce
from typing import NamedTuple

import jax.numpy as jnp

from gax.core.types import Array
from gax.objectives.ada.draws import Chances, Draws

STRENGTHS = {'integer_shift': 0.125, 'scale': 0.2, 'stretch': 0.2, 'shift': 0.125}


class Affine(NamedTuple):
    """The map (x, y) -> (a x + b y + e, c x + d y + f) of each image, six arrays [B]."""

    a: Array
    b: Array
    c: Array
    d: Array
    e: Array
    f: Array

    def of(self, other: Affine) -> Affine:
        """The map that applies `other` first."""
        return Affine(
            self.a * other.a + self.b * other.c,
            self.a * other.b + self.b * other.d,
            self.c * other.a + self.d * other.c,
            self.c * other.b + self.d * other.d,
            self.a * other.e + self.b * other.f + self.e,
            self.c * other.e + self.d * other.f + self.f,
        )


def inverse(draws: Draws, chances: Chances, shape: tuple[int, int]) -> Affine:
    """The product of the inverses of the transforms, in order of application.

    Args:
      draws: The random numbers.
      chances: The probability of each transform; those that are missing are left out.
      shape: Height and width.

    Returns:
      The map from a place in the output to one in the input. An image without any transform has the
      identity.
    """
    return reduce(Affine.of, [INVERSES[name](draws, chances, shape) for name in INVERSES if name in chances])


def rotation_chance(p: Array) -> Array:
    """The probability of each of the two rotations, so that an image gets at least one with probability p."""
    return 1.0 - jnp.sqrt(jnp.maximum(1.0 - p, 0.0))


def scaling(x: Array, y: Array) -> Affine:
    """The inverse of the scaling by x and y."""
    zero = jnp.zeros_like(x)
    return Affine(1.0 / x, zero, zero, 1.0 / y, zero, zero)


def turning(cos: Array, sin: Array) -> Affine:
    """The inverse of the rotation by an angle with this cosine and sine, clockwise, as y is down."""
    zero = jnp.zeros_like(cos)
    return Affine(cos, sin, -sin, cos, zero, zero)


def moving(x: Array, y: Array) -> Affine:
    """The inverse of the shift by x to the right and y down, in pixels."""
    zero, one = jnp.zeros_like(x), jnp.ones_like(x)
    return Affine(one, zero, zero, one, -x, -y)


def flip(draws: Draws, chances: Chances, shape: tuple[int, int]) -> Affine:
    """Left to right, for half of the images."""
    sign = draws.number('flip', chances, draws.sign('flip'), 1.0)
    return scaling(sign, jnp.ones_like(sign))


def quarter_turn(draws: Draws, chances: Chances, shape: tuple[int, int]) -> Affine:
    """By 0, 90, 180 or 270 degrees, equally likely; exact."""
    turns = draws.number('quarter_turn', chances, jnp.floor(4.0 * draws.uniform('quarter_turn')), 0.0)
    odd = turns % 2 == 1
    return turning(jnp.where(odd, 0.0, 1.0 - turns), jnp.where(odd, 2.0 - turns, 0.0))


def integer_shift(draws: Draws, chances: Chances, shape: tuple[int, int]) -> Affine:
    """U[-1/8, 1/8) of each side, rounded to pixels."""
    height, width = shape
    limits = {'x': STRENGTHS['integer_shift'] * width, 'y': STRENGTHS['integer_shift'] * height}
    pixels = [jnp.round(limit * draws.centred(f'integer_shift_{axis}')) for axis, limit in limits.items()]
    return moving(*[draws.number('integer_shift', chances, number, 0.0) for number in pixels])


def scale(draws: Draws, chances: Chances, shape: tuple[int, int]) -> Affine:
    """2^N(0, 0.2^2) in both directions."""
    factor = jnp.exp2(draws.number('scale', chances, STRENGTHS['scale'] * draws.normal('scale'), 0.0))
    return scaling(factor, factor)


def rotation(name: str, draws: Draws, chances: Chances, shape: tuple[int, int]) -> Affine:
    """U[-pi, pi): 'rotation_before' the stretch, or 'rotation_after' it."""
    angle = draws.number(name, chances, math.pi * draws.centred(name), 0.0)
    return turning(jnp.cos(angle), jnp.sin(angle))


def stretch(draws: Draws, chances: Chances, shape: tuple[int, int]) -> Affine:
    """2^N(0, 0.2^2) in x, and by the inverse in y."""
    factor = jnp.exp2(draws.number('stretch', chances, STRENGTHS['stretch'] * draws.normal('stretch'), 0.0))
    return scaling(factor, 1.0 / factor)


def shift(draws: Draws, chances: Chances, shape: tuple[int, int]) -> Affine:
    """N(0, 0.125^2) of each side."""
    height, width = shape
    limits = {'x': STRENGTHS['shift'] * width, 'y': STRENGTHS['shift'] * height}
    pixels = [limit * draws.normal(f'shift_{axis}') for axis, limit in limits.items()]
    return moving(*[draws.number('shift', chances, number, 0.0) for number in pixels])


INVERSES: dict[str, Callable[[Draws, Chances, tuple[int, int]], Affine]] = {
    'flip': flip,
    'quarter_turn': quarter_turn,
    'integer_shift': integer_shift,
    'scale': scale,
    'rotation_before': partial(rotation, 'rotation_before'),
    'stretch': stretch,
    'rotation_after': partial(rotation, 'rotation_after'),
    'shift': shift,
}
