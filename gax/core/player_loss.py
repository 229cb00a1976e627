"""The loss of a player: the weighted sum of its terms, as a function of its parameters and of the fakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gax.core import rng, schedules
from gax.core.types import (
    Array,
    Batch,
    Context,
    Game,
    Key,
    Metrics,
    PyTree,
    Term,
    TrainState,
    counted,
)
from gax.core.updates import Due, active


def context_of(
    game: Game,
    state: TrainState,
    params: dict[str, PyTree],
    batch: Batch,
    latents: Batch,
    fakes: Batch,
    key: Key,
    phase: str,
) -> Context:
    """The context of an update, with the arrays of frozen nets.

    Args:
      game: The game.
      state: The state before the update; its PRNG keys are keys.
      params: The parameters by net, without those of frozen nets.
      batch: The real data of the update.
      latents: The latents of its fakes.
      fakes: Its fakes; {} before they are made.
      key: The key of the pass or of the loss.
      phase: The phase of training.

    Returns:
      The context.
    """
    return Context(
        game.nets,
        {**{name: frozen.params for name, frozen in game.frozen.items()}, **params},
        {**{name: frozen.model_state for name, frozen in game.frozen.items()}, **state.model_state},
        batch,
        latents,
        fakes,
        key,
        state.step,
        term_state=state.term_state,
        conditions=game.conditions,
        phase=phase,
    )


def trained_state(game: Game, context: Context) -> dict[str, PyTree]:
    """The model_state, by net, of the nets that are not frozen."""
    return {name: state for name, state in context.model_state.items() if name not in game.frozen}


def _merge(floats: PyTree, others: PyTree) -> PyTree:
    """Merges two trees, each with None where the other has a leaf."""
    return jax.tree.map(lambda x, y: y if x is None else x, floats, others, is_leaf=lambda x: x is None)


def loss_of(
    game: Game, name: str, due: Due | None, phase: str, state: TrainState, current: dict[str, PyTree]
) -> Callable[..., tuple[Array, Any]]:
    """The loss of a player as a function of its own parameters and of the float leaves of the fakes.

    Args:
      game: The game.
      name: The name of the player.
      due: The lazy terms that this program evaluates, see `step.make_step`.
      phase: The phase of training.
      state: The state before the update; its PRNG keys are keys.
      current: The parameters of all nets that are not frozen, by net.

    Returns:
      (its parameters by net, float leaves of the fakes, (batch, latents, other leaves of the fakes), key) ->
      (loss, (model_state, states of its terms, metrics)).
    """
    player = game.players[name]

    def loss(trained: dict[str, PyTree], floats: PyTree, data: Any, key: Key) -> tuple[Array, Any]:
        batch, latents, others = data
        params, fakes = {**current, **trained}, _merge(floats, others)
        context = context_of(game, state, params, batch, latents, fakes, key, phase)
        out, context = player.forward(context)
        total = jnp.zeros((), jnp.float32)
        metrics: Metrics = {}
        term_state = dict(state.term_state[name])
        for label, term in player.live_terms.items():
            if not active(term, phase):
                continue
            scale, on = _scale(term, f'{name}/{label}', state.step, due)
            if scale is None:
                metrics[f'{name}/{label}'] = (jnp.zeros(()), jnp.zeros(()))
                continue
            # A term reads the statistics after the main pass, and a random stream with its name.
            inner = context._replace(key=rng.stream(key, f'term/{label}'))
            value, new = term.fn(inner, out, term_state[label])
            total = total + scale * value
            term_state[label] = jax.tree.map(
                lambda n, o: jnp.where(on, n, o),  # noqa: B023
                new,
                term_state[label],
            )
            metrics[f'{name}/{label}'] = (jnp.where(on, value, 0.0), on)
        metrics |= {f'{name}/{k}': counted(v) for k, v in player.summary(context, out).items()}
        return total, (trained_state(game, context), term_state, metrics)

    return loss


def _scale(term: Term, label: str, step: Array, due: Due | None) -> tuple[Array | float | None, Array]:
    """The factor of the term in the loss, and whether it counts (1.0 or 0.0).

    The factor is None where this program leaves the term out.
    """
    weight, on = schedules.at(term.weight, step), jnp.ones(())
    if term.every == 1:
        return weight, on
    if due is None:
        on = (step % term.every == 0).astype(jnp.float32)
        return weight * term.every * on, on
    return (weight * term.every, on) if label in due else (None, jnp.zeros(()))
