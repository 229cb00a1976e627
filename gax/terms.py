"""Losses lifted to terms. (Penalties are lifted in penalties.py, forward passes are in forward.py.)"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from gax import errors
from gax.losses import LossFn
from gax.types import Array, PyTree, Term, View


def stateless(fn: Callable[[View, Any], Array], **fields: Any) -> Term:
    """A term from a function (view, out) -> scalar; `fields` are those of `Term` (weight, every)."""

    def lifted(view: View, out: Any, state: PyTree) -> tuple[Array, PyTree]:
        return fn(view, out), state

    return Term(lifted, **fields)


def adversarial(loss: LossFn, **fields: Any) -> Term:
    """The mean of an adversarial loss over out['real'] and out['fake'] (see losses.py)."""
    return stateless(lambda view, out: jnp.mean(loss(out['real'], out['fake'])), **fields)


DISTANCES: dict[str, Callable[[Array, Array], Array]] = {
    'l1': lambda a, b: jnp.abs(a - b),
    'l2': lambda a, b: jnp.square(a - b),
    'huber': lambda a, b: jnp.where(jnp.abs(a - b) < 1, 0.5 * jnp.square(a - b), jnp.abs(a - b) - 0.5),
}


def reconstruction(
    prediction: Callable[[View, Any], Array],
    target: Callable[[View, Any], Array],
    distance: str = 'l1',
    **fields: Any,
) -> Term:
    """Mean distance between what was made and what was wanted; `weight` is the papers' lambda.

    The mean is over batch, pixels and channels (pix2pix and CycleGAN take the mean too; others sum over pixels).
    `distance`: 'l1', 'l2' (no factor of one half) or 'huber' (threshold 1).
    """
    fn = errors.lookup('distance', distance, DISTANCES)
    return stateless(lambda view, out: jnp.mean(fn(prediction(view, out), target(view, out))), **fields)


def logit_summary(view: View, out: Mapping[str, Array]) -> dict[str, Array]:
    """What to watch of a discriminator: accuracy at threshold 0 (0 to 1), mean logits, the largest magnitude."""
    real, fake = jax.lax.stop_gradient((out['real'], out['fake']))
    accuracy = 0.5 * (jnp.mean(real > 0, dtype=jnp.float32) + jnp.mean(fake < 0, dtype=jnp.float32))
    largest = jnp.maximum(jnp.max(jnp.abs(real)), jnp.max(jnp.abs(fake)))
    return {
        'accuracy': accuracy,
        'logits_real': jnp.mean(real),
        'logits_fake': jnp.mean(fake),
        'logits_max': largest,
    }
