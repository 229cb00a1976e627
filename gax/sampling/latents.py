"""Latents that are chosen: along an axis, from one latent to another, or truncated.

Pure functions.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core import rng
from gax.core.types import Array, Batch, Game, Key

COLUMNS = 10  # of a traversal along a real number
SEEN = 4096  # latents that are drawn to learn which values a whole number takes
Z = 'z'  # the normal latents of every recipe: truncated, and interpolated on the sphere
RARE = 0.01  # at least this share of the values of z must lie within a truncation
PARALLEL = 1e-3  # below this sine of their angle two vectors are interpolated in a straight line


def seen(game: Game, conditions: Batch) -> Batch:
    """Examples of the noise that the game draws, the same every time, and the conditions unchanged.

    Args:
      game: The game.
      conditions: The conditions.

    Returns:
      {field: [SEEN, ...]}, and the conditions.
    """
    return {**game.latents(rng.key(0), SEEN, conditions), **conditions}


def axis_values(game: Game, axis: str, span: float, conditions: Batch, columns: int = COLUMNS) -> np.ndarray:
    """The values along an axis of the game's latents.

    A field of whole numbers [B] ('label', InfoGAN's 'category') takes each of its values. A dimension of a
    real field [B, D] ('z:3', 'code:0') takes `columns` values from -span to span.

    Args:
      game: The game.
      axis: 'FIELD' or 'FIELD:DIMENSION'.
      span: The largest value of a real number, positive and finite.
      conditions: {'label': every class once} of a game that has labels.
      columns: How many values of a real number.

    Returns:
      int or float32 [values].

    Raises:
      GaxError: There is no such axis, or the span is out of range.
    """
    field, _, dimension = axis.partition(':')
    values = errors.lookup('latent of --traverse', field, seen(game, conditions))
    if jnp.issubdtype(values.dtype, jnp.integer) and values.ndim == 1:
        if dimension:
            raise errors.GaxError(f'--traverse={axis}: {field} has no dimensions; give --traverse={field}')
        return np.unique(np.asarray(values))
    size = values.shape[-1] if values.ndim == 2 else 0
    if not size:
        raise errors.GaxError(f'--traverse={axis}: {field} is no vector of numbers')
    if not dimension.isdecimal() or int(dimension) >= size:
        raise errors.GaxError(f'--traverse={axis}: say which dimension, {field}:0 to {field}:{size - 1}')
    if not 0 < span < float('inf'):
        raise errors.GaxError(f'--span must be positive, and is {span}')
    return np.linspace(-span, span, columns, dtype=np.float32)


def varied(latents: Batch, axis: str, values: np.ndarray) -> Batch:
    """Repeats each example of the latents once per value, and sets the value.

    Args:
      latents: Leaves [rows, ...].
      axis: 'FIELD' or 'FIELD:DIMENSION'.
      values: [values].

    Returns:
      Leaves [rows * values, ...], row by row.
    """
    field, _, dimension = axis.partition(':')
    repeated = {name: jnp.repeat(x, len(values), axis=0) for name, x in latents.items()}
    old = repeated[field]
    new = jnp.tile(jnp.asarray(values, old.dtype), len(old) // len(values))
    repeated[field] = old.at[:, int(dimension)].set(new) if dimension else new
    return repeated


def slerp(a: Array, b: Array, t: Array) -> Array:
    """Interpolates along the great circle; the lengths of the vectors are interpolated linearly.

    Shoemake, "Animating Rotation with Quaternion Curves", 1985, section 3.3, for the directions; for the
    latents of a GAN White, "Sampling Generative Networks", 2016, section 2.1: normal vectors of many
    dimensions lie close to a sphere, which a straight line leaves. Directions that are almost parallel are
    joined by a straight line. So are opposite directions, between which no great circle is the shortest; that
    line leads through 0.

    Args:
      a: [..., D].
      b: [..., D].
      t: [...] in [0, 1]; 0 gives `a`, 1 gives `b`.

    Returns:
      [..., D].
    """
    t = t[..., None]
    lengths = jnp.linalg.norm(a, axis=-1, keepdims=True), jnp.linalg.norm(b, axis=-1, keepdims=True)
    unit_a, unit_b = (x / jnp.maximum(n, 1e-12) for x, n in zip((a, b), lengths, strict=True))
    angle = jnp.arccos(jnp.clip(jnp.sum(unit_a * unit_b, axis=-1, keepdims=True), -1.0, 1.0))
    sine = jnp.sin(angle)
    straight = sine < PARALLEL
    safe = jnp.where(straight, 1.0, sine)
    left = jnp.where(straight, 1 - t, jnp.sin((1 - t) * angle) / safe)
    right = jnp.where(straight, t, jnp.sin(t * angle) / safe)
    length = (1 - t) * lengths[0] + t * lengths[1]
    return length * (left * unit_a + right * unit_b)


def between(keys: Batch, count: int, frames: int, closed: bool = False) -> Batch:
    """Interpolates between key latents, row by row.

    Within a row each of the `count` keys is followed by frames - 1 latents between it and the next. The row
    ends with its last key, steps = (count - 1) frames + 1; or, closed, just before it is back at its first:
    steps = count * frames. 'z' is interpolated by `slerp`, other real fields linearly. Whole numbers (labels,
    categories) stay those of the row's first key.

    Args:
      keys: Leaves [rows * count, ...].
      count: How many keys a row has.
      frames: The latents from one key to the next.
      closed: Whether a row leads back to its first key.

    Returns:
      Leaves [rows * steps, ...].
    """
    positions: np.ndarray = np.arange(count * frames if closed else (count - 1) * frames + 1)
    start: np.ndarray = positions // frames
    end: np.ndarray = (start + 1) % count
    t = jnp.asarray(positions % frames / frames, jnp.float32)
    return {
        name: _between(name, x.reshape(-1, count, *x.shape[1:]), start, end, t) for name, x in keys.items()
    }


def _between(name: str, keys: Array, start: np.ndarray, end: np.ndarray, t: Array) -> Array:
    """Interpolates one field: keys [rows, count, ...] -> [rows * steps, ...]."""
    if not jnp.issubdtype(keys.dtype, jnp.floating):
        return jnp.repeat(keys[:, 0], len(start), axis=0)
    a, b = keys[:, start], keys[:, end]
    if name == Z and keys.ndim == 3:
        interpolated = slerp(a, b, jnp.broadcast_to(t, a.shape[:2]))
    else:
        weight = t.reshape(-1, *[1] * (keys.ndim - 2))
        interpolated = (1 - weight) * a + weight * b
    return interpolated.reshape(-1, *keys.shape[2:])


def truncated(game: Game, threshold: float) -> Game:
    """The same game with latents 'z' of which every value is in [-threshold, threshold].

    The truncation trick of Brock et al., "Large Scale GAN Training for High Fidelity Natural Image
    Synthesis", 2019, section 3.1: values that fall outside are drawn again until they fall inside. Values
    inside stay, so the same seed shows the same samples, moved towards the middle. Variety decreases. Quality
    increases in some generators only (section 3.1: not in most that are trained without orthogonal
    regularisation, as the shorter latents are unlike those of training). StyleGAN's psi, a step towards the
    mean of w, is another method, of its mapping network.

    Args:
      game: The game; `check_truncation` says whether it can be truncated.
      threshold: Positive.

    Returns:
      The game.
    """

    def latents(key: Key, num: int, batch: Batch) -> Batch:
        drawn = game.latents(key, num, batch)

        def again(carry: tuple[Array, Array]) -> tuple[Array, Array]:
            z, turn = carry
            fresh = game.latents(jax.random.fold_in(rng.stream(key, 'truncation'), turn), num, batch)[Z]
            return jnp.where(jnp.abs(z) > threshold, fresh, z), turn + 1

        outside = lambda carry: jnp.any(jnp.abs(carry[0]) > threshold)  # noqa: E731 (as while_loop wants it)
        z, _ = jax.lax.while_loop(outside, again, (drawn[Z], jnp.zeros((), jnp.int32)))
        return {**drawn, Z: z}

    return game._replace(latents=latents)


def check_truncation(game: Game, threshold: float, conditions: Batch) -> None:
    """Checks that the latents of a game can be truncated.

    Args:
      game: The game.
      threshold: Positive and finite.
      conditions: {'label': every class once} of a game that has labels.

    Raises:
      GaxError: The threshold is out of range, the game has no 'z', or too few values of z lie within the
        threshold.
    """
    if not 0 < threshold < float('inf'):
        raise errors.GaxError(f'--truncation must be positive, and is {threshold}')
    fields = seen(game, conditions)
    if Z not in fields:
        raise errors.GaxError(
            f'--truncation: the latents of this GAN have no {Z!r}, but {", ".join(sorted(fields))}'
        )
    share = float(jnp.mean(jnp.abs(fields[Z]) <= threshold))
    if share < RARE:
        raise errors.GaxError(
            f'--truncation {threshold:g}: of the latents {100 * share:.2g} % lie within, too few to draw; '
            'give a larger one (1 leaves two thirds, 2 nearly all)'
        )
