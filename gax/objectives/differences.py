"""The squared norm of a critic's gradient by finite differences, and shares of a batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add

import jax
import jax.numpy as jnp

from gax.core.types import Array, Batch, Key, PyTree


def zero_centered(scorer: Callable[[Array], PyTree], x: Array, key: Key, distance: float = 0.01) -> Array:
    """The mean over a batch of ((D(x + distance n) - D(x)) / distance)^2 with n ~ N(0, I).

    An estimate of E |grad D(x)|^2 without a second derivative: for a linear D its expectation over n is exact
    at any distance, else up to O(distance^2). As R1 and R2 are approximated by Lin et al., "Diffusion
    Adversarial Post-Training for One-Step Video Generation", 2025, section 3.3. For several logits of an
    example D is their sum, as in `gradients.input_gradient`.

    Args:
      scorer: float [B, ...] -> logits [B, ...]; both calls must draw the same random numbers.
      x: float [B, ...].
      key: Of n.
      distance: Positive, in units of the data.

    Returns:
      float32 (), >= 0.
    """
    direction = jax.random.normal(key, x.shape, x.dtype)
    far, near = (_sums(scorer(place)) for place in (x + distance * direction, x))
    return jnp.mean(jnp.square((far - near) / distance))


def _sums(logits: PyTree) -> Array:
    """The sum of all logits of each example, float32 or better [B]."""
    wide = [leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32)) for leaf in jax.tree.leaves(logits)]
    return reduce(add, [jnp.sum(leaf.reshape(leaf.shape[0], -1), axis=1) for leaf in wide])


def share(batch: Batch, fraction: float) -> Batch:
    """Evenly spaced examples of a batch, round(fraction B) of B and at least one.

    Spaced, so that a batch that is divided among devices leaves some on each.

    Args:
      batch: Leaves [B, ...].
      fraction: Above 0, up to 1.

    Returns:
      Leaves [round(fraction B), ...].
    """
    if fraction == 1.0:
        return batch

    def part(leaf: Array) -> Array:
        count = max(1, round(fraction * leaf.shape[0]))
        return leaf[:: leaf.shape[0] // count][:count]

    return jax.tree.map(part, dict(batch))
