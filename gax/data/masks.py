"""Holes in images: in the middle, boxes, thick broken lines; drawn for each example, inside the step."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gax.core import rng
from gax.core.types import Array, Key

MOST = 4  # boxes, or strokes
CORNERS = 6  # of a stroke, its ends included


def center_hole(key: Key, count: int, height: int, width: int) -> Array:
    """A hole of half the height and half the width in the middle: bool [1, H, W]."""
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None]
    tall, wide = height // 2, width // 2
    top, left = (height - tall) // 2, (width - wide) // 2
    return ((rows >= top) & (rows < top + tall) & (columns >= left) & (columns < left + wide))[None]


def boxes(key: Key, count: int, height: int, width: int) -> Array:
    """1 to 4 boxes, sides from an eighth to a half of the image's: bool [count, H, W]."""
    wanted = jax.random.randint(rng.stream(key, 'number'), (count, 1), 1, MOST + 1) > jnp.arange(MOST)

    def side(name: str, length: int) -> Array:
        """The extent of the boxes along a side, bool [count, MOST, length]."""
        least, most = max(1, length // 8), max(1, length // 2)
        size = jax.random.randint(rng.stream(key, f'{name}_size'), (count, MOST), least, most + 1)
        place = jax.random.uniform(rng.stream(key, name), (count, MOST))
        first = jnp.floor(place * (length - size + 1)).astype(jnp.int32)
        at = jnp.arange(length)
        return (at >= first[..., None]) & (at < (first + size)[..., None])

    inside = side('rows', height)[..., :, None] & side('columns', width)[..., None, :]
    return (inside & wanted[..., None, None]).any(1)


def strokes(key: Key, count: int, height: int, width: int) -> Array:
    """1 to 4 thick broken lines: bool [count, H, W], all pixels within half a stroke's width of its line."""
    wanted = jax.random.randint(rng.stream(key, 'number'), (count, 1), 1, MOST + 1) > jnp.arange(MOST)
    short = min(height, width)
    start = jax.random.uniform(rng.stream(key, 'start'), (count, MOST, 1, 2)) * jnp.array([height, width])
    angle = 2 * np.pi * jax.random.uniform(rng.stream(key, 'angle'), (count, MOST, CORNERS - 1))
    length = jax.random.uniform(rng.stream(key, 'length'), angle.shape, minval=0.1, maxval=0.3) * short
    moves = length[..., None] * jnp.stack([jnp.sin(angle), jnp.cos(angle)], -1)
    corners = jnp.concatenate([start, start + jnp.cumsum(moves, 2)], 2)  # [count, MOST, CORNERS, 2]
    corners = jnp.clip(corners, 0, jnp.array([height, width]))
    radius = jax.random.uniform(rng.stream(key, 'width'), (count, MOST), minval=0.03, maxval=0.08) * short
    pixels = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing='ij'), -1) + 0.5
    hole = jnp.zeros((count, height, width), bool)
    for i in range(CORNERS - 1):  # a segment of every stroke at a time: [count, MOST, H, W]
        gap = distance(pixels, corners[:, :, i, None, None], corners[:, :, i + 1, None, None])
        hole |= ((gap <= radius[..., None, None]) & wanted[..., None, None]).any(1)
    return hole


def distance(points: Array, a: Array, b: Array) -> Array:
    """The distance of points [..., 2] from the segments between a and b [..., 2]."""
    along = b - a
    share = ((points - a) * along).sum(-1) / jnp.maximum((along * along).sum(-1), 1e-6)
    nearest = a + jnp.clip(share, 0, 1)[..., None] * along
    return jnp.sqrt(((points - nearest) ** 2).sum(-1))


# (key, examples, height, width) -> bool [examples, H, W] or [1, H, W], True in the hole.
SHAPES: dict[str, Callable[[Key, int, int, int], Array]] = {
    'center': center_hole,
    'boxes': boxes,
    'strokes': strokes,
}
