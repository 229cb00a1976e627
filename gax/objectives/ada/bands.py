"""Random gains of four frequency bands, noise, and cutout."""

from __future__ import annotations

import math
from functools import cache, reduce

import jax
import jax.numpy as jnp
import numpy as np

from gax.core.types import Array
from gax.objectives.ada.draws import Chances, Draws
from gax.objectives.ada.resample import reflection

# sym2, the same as the Daubechies filter of 4 taps; the sum is sqrt(2).
SYM2 = np.array([1 - math.sqrt(3), 3 - math.sqrt(3), 3 + math.sqrt(3), 1 + math.sqrt(3)]) / (4 * math.sqrt(2))
POWER = np.array([10.0, 1.0, 1.0, 1.0]) / 13  # of natural images in each band, from low to high
BANDS = tuple(f'band_{i}' for i in range(4))
STRENGTHS = {'band': 1.0, 'noise': 0.1, 'cutout': 0.5}


@cache
def bank() -> np.ndarray:
    """The filters of the four bands, from low to high, float64 [4, 43]. They sum to the identity.

    Half-band filters L = h * h^T / 2 and H = 1 - L of sym2 split off the upper half of a band; the lower
    half is split again, three times in all, with the filters spread out by 1, 2 and 4.
    """
    low = np.convolve(SYM2, SYM2[::-1]) / 2
    high = -low
    high[3] += 1.0
    lows = [spread(low, 2**i) for i in range(3)]
    highs = [spread(high, 2**i) for i in range(3)]
    filters = [
        reduce(np.convolve, lows),
        reduce(np.convolve, [*lows[:2], highs[2]]),
        np.convolve(lows[0], highs[1]),
        highs[0],
    ]
    longest = filters[0].size
    return np.stack([np.pad(f, (longest - f.size) // 2) for f in filters])


def spread(taps: np.ndarray, factor: int) -> np.ndarray:
    """The filter with `factor` - 1 zeros between its taps."""
    wide = np.zeros(factor * (taps.size - 1) + 1)
    wide[::factor] = taps
    return wide


@cache
def banded(size: int) -> np.ndarray:
    """The filters of `bank` along an axis of `size` pixels, with reflection, float64 [4, size, size]."""
    filters = bank()
    half = filters.shape[1] // 2
    matrices = np.zeros((4, size, size))
    for i in range(size):
        pixels = reflection(np.arange(i - half, i + half + 1), size)
        np.add.at(matrices[:, i], (slice(None), pixels), filters)
    return matrices


def gains(draws: Draws, chances: Chances) -> Array:
    """The gain of each band, [B, 4].

    For each band in turn, one draw of 2^N(0, 1) for it and 1 for the others; these four are divided by
    sqrt(sum of POWER * gain^2), which keeps the expected power, and multiplied with those of the bands
    before.
    """
    total = jnp.ones((draws.uniforms.shape[0], 4), draws.uniforms.dtype)
    for i, name in enumerate(BANDS):
        gain = jnp.exp2(draws.number(name, chances, STRENGTHS['band'] * draws.normal(name), 0.0))
        power = (1.0 - POWER[i]) + POWER[i] * jnp.square(gain)
        factor = jnp.where((jnp.arange(4) == i)[None], gain[:, None], 1.0)
        total = total * factor / jnp.sqrt(power)[:, None]
    return total


def filtered(draws: Draws, chances: Chances, x: Array) -> Array:
    """Scales the four bands of each image, float [B, H, W, C], along both axes."""
    gain, exact = gains(draws, chances), jax.lax.Precision.HIGHEST
    for axis, rule in ((1, 'bij,bjwc->biwc'), (2, 'bij,bhjc->bhic')):
        matrices = jnp.asarray(banded(x.shape[axis]), x.dtype)
        x = jnp.einsum(rule, jnp.einsum('bk,kij->bij', gain, matrices, precision=exact), x, precision=exact)
    return x


def noised(draws: Draws, chances: Chances, x: Array) -> Array:
    """Adds N(0, s^2) to every number, with s = |N(0, 0.1^2)| for each image."""
    std = draws.number('noise', chances, STRENGTHS['noise'] * jnp.abs(draws.normal('noise')), 0.0)
    return x + std[:, None, None, None] * jax.random.normal(draws.key, x.shape, x.dtype)


def cut_out(draws: Draws, chances: Chances, x: Array) -> Array:
    """Sets a rectangle of half of each side to 0. Its centre is uniform over the image."""
    _, height, width, _ = x.shape
    inside = []
    for size, axis in ((height, 'y'), (width, 'x')):
        place = (jnp.arange(size, dtype=x.dtype) + 0.5) / size
        gap = jnp.abs(place[None] - draws.uniform(f'cutout_{axis}')[:, None])
        inside.append(gap < STRENGTHS['cutout'] / 2)
    hole = inside[0][:, :, None, None] & inside[1][:, None, :, None]
    hole = hole & draws.chosen('cutout', chances)[:, None, None, None]
    return jnp.where(hole, jnp.zeros((), x.dtype), x)
