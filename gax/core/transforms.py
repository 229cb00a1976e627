"""Gradient transformations that optax lacks. Each is an optax transformation, and goes into a chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


def at_training_step(
    make: Callable[[Any], optax.GradientTransformation], rate: Any
) -> optax.GradientTransformation:
    """The optimizer `make(rate)`, whose schedule is a function of the training step, not of a player's moves.

    A player may move several times in a training step, or not in all of them. Then the rate still follows the
    training step, as all schedules of gax do. What the optimizer counts itself (Adam's bias correction) are
    its own moves.

    Args:
        make: from a learning rate to an optimizer.
        rate: a number, or a schedule: int32 () -> float32 ().

    Returns:
        A transformation with the state of `make(rate)`. Its `update` takes the training step, int32 (), as
        the extra argument `step`; without it the schedule counts updates, as optax does.
    """
    if not callable(rate):
        return make(rate)

    def update(
        updates: Any, state: Any, params: Any = None, *, step: Any = None, **extra: Any
    ) -> tuple[Any, Any]:
        inner = make(rate if step is None else lambda count: rate(step))
        return optax.with_extra_args_support(inner).update(updates, state, params, **extra)

    return optax.GradientTransformationExtraArgs(make(rate).init, update)


def project_to_box(limit: float) -> optax.GradientTransformation:
    """Last in a chain: turns updates u into those that lead to clip(p + u, -limit, limit)."""

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        return jax.tree.map(lambda u, p: jnp.clip(p + u, -limit, limit) - p, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


class HistoricalState(NamedTuple):
    """How many parameters have been seen, float32 (), and their mean."""

    seen: jax.Array
    mean: Any


def historical_averaging(weight: float) -> optax.GradientTransformation:
    """First in a chain: adds the gradient of weight |p - mean of all p so far|^2, 2 weight (p - mean).

    Salimans et al., "Improved Techniques for Training GANs", 2016, section 3.3. The mean counts the present
    p, and takes no gradient. It is part of the optimizer's state, as that is where parameters are known from
    the start.
    """

    def init(params: Any) -> HistoricalState:
        return HistoricalState(jnp.zeros(()), jax.tree.map(jnp.zeros_like, params))

    def update(updates: Any, state: HistoricalState, params: Any = None) -> tuple[Any, HistoricalState]:
        seen = state.seen + 1.0
        mean = jax.tree.map(lambda m, p: m + ((p - m) / seen).astype(m.dtype), state.mean, params)
        pulled = jax.tree.map(lambda u, p, m: u + 2.0 * weight * (p - m), updates, params, mean)
        return pulled, HistoricalState(seen, mean)

    return optax.GradientTransformation(init, update)
