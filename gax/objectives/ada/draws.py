"""The random numbers of the pipeline: one table of uniform numbers, a row for each image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gax.core import rng
from gax.core.types import Array, Key

# The transforms, in order of application. An image gets each with a probability of its own.
TRANSFORMS = (
    *('flip', 'quarter_turn', 'integer_shift'),
    *('scale', 'rotation_before', 'stretch', 'rotation_after', 'shift'),
    *('brightness', 'contrast', 'luma_flip', 'hue', 'saturation'),
    *('band_0', 'band_1', 'band_2', 'band_3', 'noise', 'cutout'),
)
VALUES = (
    *(name for name in TRANSFORMS if name not in ('integer_shift', 'shift', 'cutout')),
    *('integer_shift_x', 'integer_shift_y', 'shift_x', 'shift_y', 'cutout_x', 'cutout_y'),
)
CHOICE_COLUMNS = {name: i for i, name in enumerate(TRANSFORMS)}
VALUE_COLUMNS = {name: len(TRANSFORMS) + i for i, name in enumerate(VALUES)}
COLUMNS = len(TRANSFORMS) + len(VALUES)
LEAST = 2.0**-24  # uniform numbers are multiples of 2^-23: 0 becomes -5.3 standard deviations
Chances = Mapping[str, Array]  # transform -> the probability that an image gets it, scalar


class Draws(NamedTuple):
    """The random numbers of a batch of B images.

    Attributes:
      uniforms: U[0, 1), float [B, COLUMNS]. If all are 0.5, every draw is at its median.
      normals: The same numbers as quantiles of N(0, 1), float [B, COLUMNS].
      key: For `noise`, the only transform that draws a number for each pixel.
    """

    uniforms: Array
    normals: Array
    key: Key

    def chosen(self, name: str, chances: Chances) -> Array:
        """Which images get the transform `name`, bool [B]."""
        return self.uniforms[:, CHOICE_COLUMNS[name]] < chances[name]

    def number(self, name: str, chances: Chances, drawn: Array, neutral: float) -> Array:
        """`drawn` [B] for the images that get the transform, `neutral` for the others."""
        return (
            jnp.where(self.chosen(name, chances), drawn, neutral) if name in chances else neutral + 0 * drawn
        )

    def uniform(self, value: str) -> Array:
        """U[0, 1), [B]."""
        return self.uniforms[:, VALUE_COLUMNS[value]]

    def centred(self, value: str) -> Array:
        """U[-1, 1), [B]."""
        return 2.0 * self.uniform(value) - 1.0

    def sign(self, value: str) -> Array:
        """1 or -1, equally likely, [B]."""
        return 1.0 - 2.0 * jnp.floor(2.0 * self.uniform(value))

    def normal(self, value: str) -> Array:
        """N(0, 1), [B], within 5.3 standard deviations."""
        return self.normals[:, VALUE_COLUMNS[value]]


def drawn(key: Key, rows: int, dtype: Any = jnp.float32) -> Draws:
    """Draws for `rows` images. They do not depend on which transforms are on."""
    uniforms = jax.random.uniform(rng.stream(key, 'table'), (rows, COLUMNS), dtype)
    return of_uniforms(uniforms, rng.stream(key, 'pixels'))


def of_uniforms(uniforms: Array, key: Key) -> Draws:
    """Draws from given numbers of [0, 1), float [B, COLUMNS]."""
    normals = math.sqrt(2.0) * jax.lax.erf_inv(2.0 * jnp.maximum(uniforms, LEAST) - 1.0)
    # Without the barrier XLA would compute them, and compile them, once for each transform.
    uniforms, normals = jax.lax.optimization_barrier((uniforms, normals))
    return Draws(uniforms, normals, key)
