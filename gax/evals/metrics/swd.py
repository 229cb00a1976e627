"""Sliced Wasserstein distance: of points, and of the patches of images, scale by scale.

`points`: the mean over random directions of the 1-Wasserstein distance between projections, which in one
dimension is the mean distance between sorted samples (Rabin et al., 2011). It has the unit of the points, and
is 0 for equal sets.

`images`: Karras et al., "Progressive Growing of GANs", 2018, section 5: 128 random 7 x 7 patches of every
image at every level of its Laplacian pyramid (Burt and Adelson, 1983), each set's channels normalised to mean
0 and deviation 1 by themselves (so a cast of colour, or contrast, is not seen), 4 x 128 directions; times
1000, as in the paper's tables. Levels are halved down to 16 pixels, and named by their resolution: coarse
ones see structure, fine ones texture. Lower is better. Few samples keep it above 0 by about 1 / sqrt(N), so
compare with the value between two sets of reals, and only at equal N.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gax import errors
from gax.evals.metrics import float64

PATCH, PATCHES = 7, 128
REPEATS, DIRECTIONS = 4, 128
COARSEST = 16
BATCH = 256


def points(a: Any, b: Any, directions: int = REPEATS * DIRECTIONS, seed: int = 0) -> float:
    """The distance between two sets of equally many points.

    Args:
      a, b: float [N, D] each.
      directions: The number of directions, which are averaged.
      seed: The seed of the directions.

    Returns:
      The distance, >= 0, in the unit of the points.

    Raises:
      GaxError: Sets of other shapes or of two sizes, and values that are not finite.

    >>> points([[0.0], [1.0]], [[3.0], [2.0]])  # on a line: the mean distance of sorted points
    2.0
    """
    a, b = float64.pair(a, b, names=('first', 'second'))
    if len(a) != len(b):
        raise errors.GaxError(f'{len(a)} and {len(b)} samples: the sliced distance takes as many of each')
    rng = np.random.RandomState(seed)
    total = 0.0
    for start in range(0, directions, DIRECTIONS):
        slices = rng.normal(size=(a.shape[1], min(DIRECTIONS, directions - start)))
        slices = (slices / np.linalg.norm(slices, axis=0)).astype(a.dtype)
        sorted_a, sorted_b = (np.sort((x @ slices).T, axis=1) for x in (a, b))
        total += float(np.abs(sorted_a - sorted_b).mean(axis=1, dtype=np.float64).sum())
    return total / directions


def levels(side: int) -> list[int]:
    """The sides of the pyramid's levels, halved while 16 pixels stay.

    >>> levels(64), levels(28)
    ([64, 32, 16], [28])
    """
    sides = [side]
    while (sides[-1] + 1) // 2 >= COARSEST:
        sides.append((sides[-1] + 1) // 2)
    return sides


def _blur(x: Any) -> Any:
    """The binomial filter 1 4 6 4 1 along H and W of [B, H, W, C], with reflection padding."""
    for axis in (1, 2):
        padded = np.pad(x, [(2, 2) if i == axis else (0, 0) for i in range(4)], mode='reflect')
        parts = [padded.take(np.arange(i, i + x.shape[axis]), axis) for i in range(5)]
        x = sum(part * np.float32(tap / 16) for part, tap in zip(parts, (1, 4, 6, 4, 1), strict=True))
    return x


def _half(x: np.ndarray) -> np.ndarray:
    return _blur(x)[:, ::2, ::2]


def _double(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Upsamples to the size of `like`: inserts zeros between pixels, and blurs."""
    wide = np.zeros((len(x), *like.shape[1:]), np.float32)
    wide[:, ::2, ::2] = x
    return 4 * _blur(wide)


def band(images: np.ndarray, level: int, last: bool) -> np.ndarray:
    """Level 0, 1, ... of the Laplacian pyramid of images [B, H, W, C], float32.

    The last level is the low-pass residual.

    >>> flat = np.full((1, 16, 16, 1), 7.0)
    >>> float(abs(band(flat, 0, last=False)[0, 4:12, 4:12]).max()), band(flat, 1, last=True).shape
    (0.0, (1, 8, 8, 1))
    """
    x: Any = images.astype(np.float32)
    for _ in range(level):
        x = _half(x)
    return x if last else x - _double(_half(x), x)


def patches(images: np.ndarray, level: int, last: bool, seed: int) -> np.ndarray:
    """Normalised descriptors float32 [128 N, 49 C] of one level of images uint8 [N, H, W, C].

    >>> patches(np.zeros((2, 16, 16, 3), np.uint8), 0, True, 0).shape
    (256, 147)
    """
    rng = np.random.RandomState(seed)
    parts = []
    for start in range(0, len(images), BATCH):
        x = band(images[start : start + BATCH], level, last)
        windows = sliding_window_view(x, (PATCH, PATCH), axis=(1, 2))  # [B, H - 6, W - 6, C, 7, 7]
        tops, lefts = (rng.randint(0, size, (len(x), PATCHES)) for size in windows.shape[1:3])
        parts.append(windows[np.arange(len(x))[:, None], tops, lefts].reshape(-1, *windows.shape[3:]))
    result = np.concatenate(parts)
    result -= result.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
    scale = result.std(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    result /= np.where(scale > 0, scale, 1).astype(np.float32)  # a set of flat images has no texture to scale
    return result.reshape(len(result), -1)


def images(real: Any, fake: Any, seed: int = 0) -> dict[str, float]:
    """The distances of all levels, times 1000.

    A level's descriptors are in memory for both sets: 25 kB for each gray image, 75 kB for each in colour.

    Args:
      real, fake: uint8 [N, H, W, C] each, sides of 7 pixels or more.
      seed: Of patches and directions.

    Returns:
      {'64': ..., '32': ..., '16': ..., 'mean': ...}, the levels by their sides.

    Raises:
      GaxError: Shapes differ or sides are below 7 pixels.

    >>> images(np.zeros((2, 16, 16, 1), np.uint8), np.zeros((2, 16, 16, 1), np.uint8))
    {'16': 0.0, 'mean': 0.0}
    """
    real, fake = np.asarray(real), np.asarray(fake)
    if real.ndim != 4 or real.shape != fake.shape or not len(real):
        raise errors.GaxError(
            f'sliced distance of images: shapes {list(real.shape)} and {list(fake.shape)}, but both must be '
            'one [N, H, W, C]'
        )
    if min(real.shape[1:3]) < PATCH:
        raise errors.GaxError(
            f'sliced distance of images: {real.shape[1]} x {real.shape[2]} pixels hold no 7 x 7 patch'
        )
    sides, result = levels(min(real.shape[1:3])), {}
    for i, side in enumerate(sides):
        one, other = (patches(x, i, i == len(sides) - 1, seed + j) for j, x in enumerate((real, fake)))
        result[str(side)] = 1e3 * points(one, other, seed=seed)
    return {**result, 'mean': float(np.mean(list(result.values())))}
