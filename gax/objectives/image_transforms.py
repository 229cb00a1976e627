"""Random transforms of a discriminator's images, each twice differentiable with respect to the image.

A transform is (key, images) -> images, float [B, H, W, C]. The range is free, with 0 as grey, usually
[-1, 1]. Each image of the batch gets its own random numbers. Shifts are products with one-hot matrices,
because the gradient of a gather would be a scatter.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gax import errors
from gax.core import rng
from gax.core.spec import KINDS
from gax.core.types import Array, Key

Transform = Callable[[Key, Array], Array]


def uniform(key: Key, x: Array, low: float, high: float) -> Array:
    """One number of [low, high) per image, [B, 1, 1, 1], in the dtype of `x`."""
    return jax.random.uniform(key, (x.shape[0], 1, 1, 1), x.dtype, low, high)


def brightness(key: Key, x: Array) -> Array:
    """x + u, u ~ U[-0.5, 0.5)."""
    return x + uniform(key, x, -0.5, 0.5)


def saturation(key: Key, x: Array) -> Array:
    """m + u (x - m), where m is the pixel's mean over channels and u ~ U[0, 2).

    Images of one channel stay as they are.
    """
    mean = jnp.mean(x, axis=3, keepdims=True)
    return mean + uniform(key, x, 0.0, 2.0) * (x - mean)


def contrast(key: Key, x: Array) -> Array:
    """m + u (x - m), where m is the image's mean and u ~ U[0.5, 1.5)."""
    mean = jnp.mean(x, axis=(1, 2, 3), keepdims=True)
    return mean + uniform(key, x, 0.5, 1.5) * (x - mean)


def color(key: Key, x: Array) -> Array:
    """Brightness, then saturation, then contrast."""
    for name, change in (('brightness', brightness), ('saturation', saturation), ('contrast', contrast)):
        x = change(rng.stream(key, name), x)
    return x


def shifted(x: Array, rows: Array, columns: Array) -> Array:
    """Shifts each image, and fills with 0.

    Args:
      x: Float [B, H, W, C].
      rows: int [B], the pixels to shift down by.
      columns: int [B], the pixels to shift right by.

    Returns:
      Float [B, H, W, C].
    """

    def places(size: int, shift: Array) -> Array:
        target, source = jnp.arange(size)[None, :, None], jnp.arange(size)[None, None, :]
        return (target - shift[:, None, None] == source).astype(x.dtype)  # [B, size, size]

    exact = jax.lax.Precision.HIGHEST
    x = jnp.einsum('bij,bjwc->biwc', places(x.shape[1], rows), x, precision=exact)
    return jnp.einsum('bij,bhjc->bhic', places(x.shape[2], columns), x, precision=exact)


def translation(key: Key, x: Array, ratio: float = 0.125) -> Array:
    """Shifts by whole pixels, up to `ratio` of each side (rounded) in either direction, and fills with 0."""
    batch, height, width, _ = x.shape
    keys = jax.random.split(key)
    shifts = [
        jax.random.randint(k, (batch,), -limit, limit + 1)
        for k, limit in zip(keys, (int(height * ratio + 0.5), int(width * ratio + 0.5)), strict=True)
    ]
    return shifted(x, *shifts)


def cutout(key: Key, x: Array, ratio: float = 0.5) -> Array:
    """Sets a rectangle of `ratio` of each side (rounded) to 0.

    Its centre may be any pixel, so that a part of the rectangle may lie outside.
    """
    batch, *sides, _ = x.shape
    inside = []
    for k, side in zip(jax.random.split(key), sides, strict=True):
        size = int(side * ratio + 0.5)
        centre = jax.random.randint(k, (batch, 1), 0, side + (1 - size % 2))
        place = jnp.arange(side)[None, :] - centre + size // 2
        inside.append((place >= 0) & (place < size))
    hole = inside[0][:, :, None, None] & inside[1][:, None, :, None]
    return jnp.where(hole, jnp.zeros((), x.dtype), x)


def flip(key: Key, x: Array) -> Array:
    """Mirrors left to right with probability one half."""
    return jnp.where(jax.random.bernoulli(key, 0.5, (x.shape[0], 1, 1, 1)), x[:, :, ::-1], x)


def rotation(key: Key, x: Array) -> Array:
    """Rotates square images by 0, 90, 180 or 270 degrees, and other images by 0 or 180."""
    square = x.shape[1] == x.shape[2]
    turns = jax.random.randint(key, (x.shape[0], 1, 1, 1), 0, 4 if square else 2)
    turned = x
    for k, times in enumerate((1, 2, 3) if square else (2,)):
        turned = jnp.where(turns == k + 1, jnp.rot90(x, times, axes=(1, 2)), turned)
    return turned


TRANSFORMS: dict[str, Transform] = {
    'color': color,
    'translation': translation,
    'cutout': cutout,
    'flip': flip,
    'rotation': rotation,
}


def parse(policy: str, field: str = 'image') -> list[str]:
    """Splits a policy: 'color,cutout' -> ['color', 'cutout'].

    Args:
      policy: Names of TRANSFORMS, separated by commas; '' for none.
      field: The batch field that is transformed.

    Returns:
      The names.

    Raises:
      GaxError: A transform is unknown, or `field` is the name of another kind of data.
    """
    names = [name.strip() for name in policy.split(',') if name.strip()]
    for name in names:
        errors.lookup('image transform', name, TRANSFORMS)
    if names:
        refuse_others(repr(policy), field)
    return names


def refuse_others(what: str, field: str) -> None:
    """Raises GaxError if the batch field `field` is the name of another kind of data than images."""
    if field in KINDS and field != 'image':
        raise errors.GaxError(f'{what} transforms images, and the data are of kind {field!r}')


def apply(policy: str, key: Key, x: Array) -> Array:
    """Applies the transforms of `policy` in turn, each with its own random stream."""
    for name in parse(policy):
        x = TRANSFORMS[name](rng.stream(key, name), x)
    return x
