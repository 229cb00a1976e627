"""Gradient transformations that optax lacks. Each is an optax transformation, and goes into a chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gax import errors
from gax.core.types import Schedule


def at_training_step(
    make: Callable[..., optax.GradientTransformation], rate: Any, others: Mapping[str, Schedule] | None = None
) -> optax.GradientTransformation:
    """An optimizer whose learning rate, and other numbers, are functions of the training step.

    A player may be updated several times in a training step, or not in every step. The numbers still follow
    the training step, as all schedules of gax do. What the optimizer counts itself (for Adam's bias
    correction) is its number of updates. Adam's bias correction uses the present b2, as PyTorch's does.

    Args:
      make: (learning rate, **{name: number}) -> an optimizer.
      rate: A number, or a schedule: int32 () -> float32 ().
      others: Schedules of other arguments of `make`.

    Returns:
      A transformation with the state of `make(rate)`. Its `update` takes the training step, int32 (), as the
      extra argument `step`; without it a schedule of the learning rate counts updates, as optax does, and
      those of other arguments are an error.
    """
    if not callable(rate) and not others:
        return make(rate)

    def with_numbers(rate: Any, step: Any) -> optax.GradientTransformation:
        return make(rate, **{name: schedule(step) for name, schedule in (others or {}).items()})

    def update(
        updates: Any, state: Any, params: Any = None, *, step: Any = None, **extra: Any
    ) -> tuple[Any, Any]:
        if step is None and others:
            raise errors.GaxError(
                f'schedules of {", ".join(others)} follow the training step: call update(..., step=...)'
            )
        now = rate if step is None or not callable(rate) else lambda count: rate(step)
        inner = with_numbers(now, step)
        return optax.with_extra_args_support(inner).update(updates, state, params, **extra)

    first = with_numbers(rate, jnp.zeros((), jnp.int32))
    return optax.GradientTransformationExtraArgs(first.init, update)


def project_to_box(limit: float) -> optax.GradientTransformation:
    """Projects parameters p onto a box: turns updates u into clip(p + u, -limit, limit) - p. Last in a chain.

    Args:
      limit: Positive.

    Returns:
      The transformation.
    """

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        return jax.tree.map(lambda u, p: jnp.clip(p + u, -limit, limit) - p, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


class HistoricalState(NamedTuple):
    """The mean of all parameters so far.

    Attributes:
      seen: How many parameters the mean includes, float32 ().
      mean: Their mean, shaped like the parameters.
    """

    seen: jax.Array
    mean: Any


def historical_averaging(weight: float) -> optax.GradientTransformation:
    """Adds the gradient of weight |p - mean of all p so far|^2, 2 weight (p - mean). First in a chain.

    Salimans et al., "Improved Techniques for Training GANs", 2016, section 3.3. The mean includes the present
    p and is treated as a constant. It is part of the optimizer's state, which is initialised
    from the parameters.

    Args:
      weight: Positive.

    Returns:
      The transformation.
    """

    def init(params: Any) -> HistoricalState:
        return HistoricalState(jnp.zeros(()), jax.tree.map(jnp.zeros_like, params))

    def update(updates: Any, state: HistoricalState, params: Any = None) -> tuple[Any, HistoricalState]:
        count = state.seen + 1.0
        mean = jax.tree.map(lambda m, p: m + ((p - m) / count).astype(m.dtype), state.mean, params)
        pulled = jax.tree.map(lambda u, p, m: u + 2.0 * weight * (p - m), updates, params, mean)
        return pulled, HistoricalState(count, mean)

    return optax.GradientTransformation(init, update)


def unless_zero(inner: optax.GradientTransformation) -> optax.GradientTransformation:
    """`inner`, which is left out where every gradient is exactly 0: no update, and its state does not change.

    With a gradient that a player sets to 0 (`wrappers.only_above`) the player so skips its update. Adam alone
    would go on by its momentum.

    Args:
      inner: The optimizer.

    Returns:
      A transformation with the state of `inner`.
    """
    usual = optax.with_extra_args_support(inner)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        moved, after = usual.update(updates, state, params, **extra)
        some = jnp.any(jnp.stack([jnp.any(leaf != 0) for leaf in jax.tree.leaves(updates)]))
        moved = jax.tree.map(lambda u: jnp.where(some, u, jnp.zeros_like(u)), moved)
        return moved, jax.tree.map(lambda new, old: jnp.where(some, new, old), after, state)

    return optax.GradientTransformationExtraArgs(usual.init, update)


class PhasedState(NamedTuple):
    """The state of an optimizer that begins anew with each phase of training.

    Attributes:
      phase: The number of the phase of the last update, int32 ().
      inner: The state of the optimizer.
    """

    phase: jax.Array
    inner: Any


def by_phase(
    inner: optax.GradientTransformation, starts: Sequence[int], rates: Sequence[float]
) -> optax.GradientTransformation:
    """`inner`, whose state begins anew with each phase of training, and whose updates have a factor in each.

    In the first update of a phase the state is that of `inner.init`, of the parameters at that time. For an
    optimizer whose updates are proportional to its learning rate the factor is one of the rate.

    Args:
      inner: The optimizer.
      starts: The first step of each phase, ascending, the first of them 0.
      rates: The factor of the updates in each phase.

    Returns:
      A transformation whose `update` takes the training step, int32 (), as the extra argument `step`.
    """
    usual = optax.with_extra_args_support(inner)

    def init(params: Any) -> PhasedState:
        return PhasedState(jnp.zeros((), jnp.int32), usual.init(params))

    def update(
        updates: Any, state: PhasedState, params: Any = None, *, step: Any, **extra: Any
    ) -> tuple[Any, PhasedState]:
        phase = jnp.sum(step >= jnp.asarray(starts, jnp.int32), dtype=jnp.int32) - 1
        kept = phase == state.phase
        state_now = jax.tree.map(lambda old, new: jnp.where(kept, old, new), state.inner, usual.init(params))
        moved, after = usual.update(updates, state_now, params, step=step, **extra)
        if any(rate != 1.0 for rate in rates):
            factor = jnp.asarray(rates, jnp.float32)[phase]
            moved = jax.tree.map(lambda u: factor.astype(u.dtype) * u, moved)
        return moved, PhasedState(phase, after)

    return optax.GradientTransformationExtraArgs(init, update)
