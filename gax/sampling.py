"""Making fakes outside of training: from averaged parameters, in inference mode, class by class."""

from __future__ import annotations

import jax.numpy as jnp

from gax import rng
from gax.types import Array, Batch, Game, Key, TrainState, View


def networks(game: Game, state: TrainState, averaged: bool = True) -> tuple[dict, dict]:
    """(params, model_state) to sample with: the moving average where the game keeps one."""
    params, model_state = dict(state.params), dict(state.model_state)
    for name in game.ema if averaged else ():
        params[name] = state.ema[name]['params']
        model_state[name] = state.ema[name]['model_state']
    return params, model_state


def synthesize(game: Game, state: TrainState, latents: Batch, key: Key, averaged: bool = True) -> Batch:
    """Fakes from the given latents: the game's `generate` with `train=False`. Pure."""
    params, model_state = networks(game, state, averaged)
    view = View(game.nets, params, model_state, {}, latents, {}, key, state.step, train=False)
    return game.generate(view)[0]


def sample(
    game: Game, state: TrainState, key: Key, num: int, label: Array | None = None, averaged: bool = True
) -> Batch:
    """`num` fakes from fresh latents; `label` int32 [num] for a game that is conditioned on one. Pure."""
    batch = {} if label is None else {'label': label}
    latents = game.latents(rng.stream(key, 'latents'), num, batch)
    return synthesize(game, state, latents, rng.stream(key, 'generate'), averaged)


def labels_in_turn(num: int, num_classes: int) -> Array | None:
    """0, 1, ..., num_classes - 1, 0, 1, ...: in a grid of num_classes columns each column is a class."""
    return jnp.arange(num, dtype=jnp.int32) % num_classes if num_classes else None
