"""Euclidean distances between many points, in blocks on the device: the full matrix is never stored."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from operator import add
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gax.core.types import Array
from gax.evals.metrics import float64

BLOCK = 2**24  # distances held at once: 128 MiB of float64
FEW = 16  # dimensions up to which differences are summed, which costs no more than a product there
AGAIN = 2**22  # numbers held at once where distances are computed again from differences
# |x|^2 + |y|^2 - 2 x.y loses all digits below rounding of the norms: squares that are smaller than this share
# of the norms are computed again from differences. Those that are left have at least 8 right digits in
# float64, 4 in float32.
SHARE = {'float64': 1e-6, 'float32': 3e-3}


def _products(x: Array, y: Array, origin: Array) -> tuple[Array, Array]:
    """(|x - y|^2 [R, M] by products relative to `origin`, the pairs with cancellation bool [R, M])."""
    dtype = float64.dtype()
    middle = origin.astype(dtype)[None]
    x, y = x.astype(dtype) - middle, y.astype(dtype) - middle
    norms = jnp.sum(x * x, axis=1)[:, None] + jnp.sum(y * y, axis=1)[None]
    squares = jnp.maximum(norms - 2 * jnp.matmul(x, y.T, precision='highest'), 0)
    return squares, squares < SHARE[dtype.__name__] * norms


@partial(jax.jit, static_argnames='others')
def _distances(x: Array, start: Array, y: Array, origin: Array, others: bool) -> tuple[Array, Array]:
    """(|x - y| float32 [R, M], the number of pairs that suffer from cancellation).

    others: row i of the block x is point start + i of y, and its distance to itself is infinite.
    """
    if x.shape[1] <= FEW:
        wide, whole = x.astype(float64.dtype()), y.astype(float64.dtype())
        squares = reduce(add, (jnp.square(wide[:, i, None] - whole[None, :, i]) for i in range(x.shape[1])))
        lost = jnp.zeros(squares.shape, bool)
    else:
        squares, lost = _products(x, y, origin)
    if others:
        itself = _itself(x, start, y)
        squares, lost = jnp.where(itself, jnp.inf, squares), lost & ~itself
    return jnp.sqrt(squares).astype(jnp.float32), jnp.sum(lost)


@partial(jax.jit, static_argnames='others')
def _lost(x: Array, start: Array, y: Array, origin: Array, others: bool) -> Array:
    """The pairs that suffer from cancellation, bool [R, M]."""
    lost = _products(x, y, origin)[1]
    return lost & ~_itself(x, start, y) if others else lost


def _itself(x: Array, start: Array, y: Array) -> Array:
    rows, columns = (jnp.arange(len(points), dtype=start.dtype) for points in (x, y))
    return rows[:, None] + start == columns[None]


def _exact(x: np.ndarray, y: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """|x_i - y_j| from differences, float64, of the pairs (rows, columns)."""
    size = max(1, AGAIN // x.shape[1])
    values = [
        np.linalg.norm(x[rows[i : i + size]].astype(np.float64) - y[columns[i : i + size]], axis=1)
        for i in range(0, len(rows), size)
    ]
    return np.concatenate(values)


def _between(x: np.ndarray, start: int, y: np.ndarray, on_device: tuple[Array, Array], others: bool) -> Array:
    """|x - y| float32 [R, M], exact to float32's rounding wherever the points are."""
    values, count = _distances(x, np.int32(start), *on_device, others)
    if not int(count):
        return values
    rows, columns = np.nonzero(np.asarray(_lost(x, np.int32(start), *on_device, others)))
    return values.at[rows, columns].set(_exact(x, y, rows, columns).astype(np.float32))


def origin(y: np.ndarray) -> np.ndarray:
    """A central point, [D], robust to outliers: medians over up to 255 points.

    It serves speed, not precision.

    >>> origin(np.array([[0.0], [1.0], [900.0]])).tolist()
    [1.0]
    """
    return np.median(y[:: -(-len(y) // 255)], axis=0).astype(y.dtype)


def smallest(distances: Array, k: int) -> tuple[Array, Array]:
    """The k smallest of each row of [N, M], ascending, and their columns int32 [N, k].

    Of equal ones the first is taken.

    >>> values, columns = smallest(jnp.array([[3.0, 1.0, 2.0]]), 2)
    >>> values.tolist(), columns.tolist()
    ([[1.0, 2.0]], [[1, 2]])
    """
    values, which = jax.lax.top_k(-distances, k)
    return -values, which.astype(jnp.int32)


def by_rows(fn: Callable[..., Any], x: np.ndarray, y: np.ndarray, *whole: Any, others: bool = False) -> Any:
    """Applies fn(distances [R, M], *whole) to blocks of x [N, D] against all of y [M, D].

    Args:
      fn: A jitted function of Euclidean distances, float32 [R, M], and of `whole`; it returns a tree of [R,
        ...].
      x, y: Points, float32 or float64, on the host.
      whole: Arrays that every block needs.
      others: x is y, and the distance of a point to itself is infinite.

    Returns:
      The results of `fn`, concatenated, a tree of [N, ...] on the host.

    >>> identity = jax.jit(lambda gaps: gaps)
    >>> by_rows(identity, np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]])).tolist()
    [[5.0, 1.0]]

    Distances come from |x|^2 + |y|^2 - 2 x.y in `float64.dtype()`, and from differences where that cancels:
    near copies, and tight clusters far from one another. They are rounded to float32 at the end, so that
    equal ones tie whatever the order of summation (relative 1e-7). R is such that R * M is at most BLOCK. The
    last block is padded with zeros, whose results are dropped, so that `fn` is compiled once.
    """
    size = max(1, min(len(x), BLOCK // len(y)))
    values = []
    with float64.doubles():
        on_device, whole = jax.device_put(((y, origin(y)), whole))
        for start in range(0, len(x), size):
            block = x[start : start + size]
            filled = np.concatenate([block, np.zeros((size - len(block), *x.shape[1:]), x.dtype)])
            values.append(jax.device_get(fn(_between(filled, start, y, on_device, others), *whole)))
    return jax.tree.map(lambda *parts: np.concatenate(parts)[: len(x)], *values)
