"""Random changes of images that a discriminator can be shown, each differentiable twice in the image.

A transform is (key, images) -> images, float [B, H, W, C] of any range whose zero is grey, usually [-1, 1];
each image is changed by draws of its own. Shifts are products with one-hot matrices, as a gather's gradient
would be a scatter.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gax import errors
from gax.core import rng
from gax.core.types import Array, Key

Transform = Callable[[Key, Array], Array]


def uniform(key: Key, x: Array, low: float, high: float) -> Array:
    """One number of [low, high) per image, [B, 1, 1, 1]."""
    return jax.random.uniform(key, (x.shape[0], 1, 1, 1), x.dtype, low, high)


def brightness(key: Key, x: Array) -> Array:
    """x + u, u ~ U[-0.5, 0.5)."""
    return x + uniform(key, x, -0.5, 0.5)


def saturation(key: Key, x: Array) -> Array:
    """m + u (x - m), m the pixel's mean over channels, u ~ U[0, 2): nothing changes where there is one
    channel.
    """
    mean = jnp.mean(x, axis=3, keepdims=True)
    return mean + uniform(key, x, 0.0, 2.0) * (x - mean)


def contrast(key: Key, x: Array) -> Array:
    """m + u (x - m), m the image's mean, u ~ U[0.5, 1.5)."""
    mean = jnp.mean(x, axis=(1, 2, 3), keepdims=True)
    return mean + uniform(key, x, 0.5, 1.5) * (x - mean)


def color(key: Key, x: Array) -> Array:
    """Brightness, then saturation, then contrast."""
    for name, change in (('brightness', brightness), ('saturation', saturation), ('contrast', contrast)):
        x = change(rng.stream(key, name), x)
    return x


def shifted(x: Array, rows: Array, columns: Array) -> Array:
    """Each image moved down by rows [B] and right by columns [B] (ints); what comes in is 0."""

    def places(size: int, shift: Array) -> Array:
        target, source = jnp.arange(size)[None, :, None], jnp.arange(size)[None, None, :]
        return (target - shift[:, None, None] == source).astype(x.dtype)  # [B, size, size]

    exact = jax.lax.Precision.HIGHEST
    x = jnp.einsum('bij,bjwc->biwc', places(x.shape[1], rows), x, precision=exact)
    return jnp.einsum('bij,bhjc->bhic', places(x.shape[2], columns), x, precision=exact)


def translation(key: Key, x: Array, ratio: float = 0.125) -> Array:
    """A shift by whole pixels, up to `ratio` of each side (rounded), each way; what comes in is 0."""
    batch, height, width, _ = x.shape
    keys = jax.random.split(key)
    moves = [
        jax.random.randint(k, (batch,), -limit, limit + 1)
        for k, limit in zip(keys, (int(height * ratio + 0.5), int(width * ratio + 0.5)), strict=True)
    ]
    return shifted(x, *moves)


def cutout(key: Key, x: Array, ratio: float = 0.5) -> Array:
    """Zeros in a rectangle of `ratio` of each side (rounded), centred anywhere, so that part may lie
    outside.
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
    """Mirrored left to right with probability one half."""
    return jnp.where(jax.random.bernoulli(key, 0.5, (x.shape[0], 1, 1, 1)), x[:, :, ::-1], x)


def rotation(key: Key, x: Array) -> Array:
    """Turned by 0, 90, 180 or 270 degrees, for squares; half a turn or none for other images."""
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
    """'color,cutout' -> ['color', 'cutout'].

    Raises GaxError for an unknown transform, and where the data are no images.
    """
    names = [name.strip() for name in policy.split(',') if name.strip()]
    for name in names:
        errors.lookup('image transform', name, TRANSFORMS)
    if names and field != 'image':
        raise errors.GaxError(f'{policy!r} transforms images, and the data are of kind {field!r}')
    return names


def apply(policy: str, key: Key, x: Array) -> Array:
    """The transforms of `policy` in turn, each with a random stream of its own."""
    for name in parse(policy):
        x = TRANSFORMS[name](rng.stream(key, name), x)
    return x
