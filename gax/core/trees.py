"""Arithmetic on pytrees of logits and features: one array, or one for each of several discriminators."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import jax
import jax.numpy as jnp

from gax.core.types import Array, PyTree


def mean(tree: PyTree) -> Array:
    """The mean over the leaves of each leaf's mean: every discriminator counts the same, however many logits
    it has.
    """
    means = [jnp.mean(leaf) for leaf in jax.tree.leaves(tree)]
    return means[0] if len(means) == 1 else reduce(add, means) / len(means)


def total(tree: PyTree, dtype: Any = None) -> Array:
    """The sum of all numbers of all leaves."""
    return reduce(add, [jnp.sum(leaf, dtype=dtype) for leaf in jax.tree.leaves(tree)])


def per_example(tree: PyTree) -> Array:
    """The mean over the leaves of each example's mean, leaves [B, ...] -> [B]."""
    means = [jnp.mean(leaf.reshape(leaf.shape[0], -1), axis=1) for leaf in jax.tree.leaves(tree)]
    return means[0] if len(means) == 1 else reduce(add, means) / len(means)


def pairwise(fn: Callable[[Any, Array], Array], real: PyTree, fake: PyTree) -> PyTree:
    """fn(real, fake) leaf by leaf; fn(None, fake) where `real` is None."""
    return jax.tree.map(lambda leaf: fn(None, leaf), fake) if real is None else jax.tree.map(fn, real, fake)
