"""The random numbers of the pipeline: one table of uniform numbers, a row for each image."""

from __future__ import annotations

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


class Draws(NamedTuple):
    """The random numbers of a batch of B images.

    Attributes:
      table: Float [B, COLUMNS], in [0, 1). A table of 0.5 has every draw at its median.
      key: For `noise`, the only transform that draws a number for each pixel.
    """

    table: Array
    key: Key

    def chosen(self, name: str, probability: Array | float) -> Array:
        """Which images get the transform `name`, bool [B]."""
        return self.table[:, CHOICE_COLUMNS[name]] < probability

    def uniform(self, name: str) -> Array:
        """U[0, 1), [B]."""
        return self.table[:, VALUE_COLUMNS[name]]

    def normal(self, name: str) -> Array:
        """N(0, 1), [B], within 5.3 standard deviations."""
        return jax.scipy.special.ndtri(jnp.maximum(self.uniform(name), LEAST))


def drawn(key: Key, rows: int, dtype: Any = jnp.float32) -> Draws:
    """Draws for `rows` images. They do not depend on which transforms are on."""
    table = jax.random.uniform(rng.stream(key, 'table'), (rows, COLUMNS), dtype)
    return Draws(table, rng.stream(key, 'pixels'))
