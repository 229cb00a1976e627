"""Euclidean distances between many points, a block of rows at a time on the device: the whole matrix never exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gax.evals import precise
from gax.types import Array

BLOCK = 2**24  # distances held at once: 128 MiB of float64


def between(x: Array, y: Array) -> Array:
    """|x - y| float32 [N, M] of points [N, D] and [M, D]; for jitted functions that `by_rows` runs.

    By |x|^2 + |y|^2 - 2 x.y in `precise.dtype()`, with a point of the set as the origin: far-off data lose no digits. Rounded
    at the end, so that distances that are equal tie whatever the order of summation (relative 1e-7).
    """
    x, y = x.astype(precise.dtype()), y.astype(precise.dtype())
    x, y = x - y[0], y - y[0]
    norms = jnp.sum(x * x, axis=1)[:, None] + jnp.sum(y * y, axis=1)
    squares = jnp.maximum(norms - 2 * jnp.matmul(x, y.T, precision='highest'), 0)
    return jnp.sqrt(squares.astype(jnp.float32))


def smallest(distances: Array, k: int) -> tuple[Array, Array]:
    """The k smallest of each row of [N, M], ascending, and their columns int32 [N, k]; of equals the first."""
    values, which = jax.lax.top_k(-distances, k)
    return -values, which.astype(jnp.int32)


def without_self(distances: Array, start: Array) -> Array:
    """The block's row i is point start + i: its distance to itself is made infinite."""
    own = jnp.arange(len(distances))[:, None] + start == jnp.arange(distances.shape[1])
    return jnp.where(own, jnp.inf, distances)


def by_rows(fn: Callable[..., Any], x: np.ndarray, *whole: Any, columns: int) -> Any:
    """fn(block [R, D], start, *whole) for blocks of the rows of x; results, a tree of [R, ...], one after another [N, ...].

    R is such that R * columns is at most BLOCK. The last block is filled up by zeros, and what it returns for
    them dropped, so that `fn`, a jitted function, is compiled once. Results are on the host.
    """
    size = max(1, min(len(x), BLOCK // columns))
    found = []
    with precise.doubles():
        whole = jax.device_put(whole)
        for start in range(0, len(x), size):
            block = x[start : start + size]
            filled = np.concatenate([block, np.zeros((size - len(block), *x.shape[1:]), x.dtype)])
            result = jax.device_get(fn(filled, np.int32(start), *whole))
            found.append(result)
    return jax.tree.map(lambda *parts: np.concatenate(parts)[: len(x)], *found)
