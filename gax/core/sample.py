"""Making fakes outside of training: from averaged parameters, in inference mode, class by class."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gax.core import rng
from gax.core.types import Array, Batch, Context, Game, Key, TrainState


def networks(game: Game, state: TrainState, averaged: bool = True) -> tuple[dict, dict]:
    """(params, model_state) to sample with: the moving average where the game keeps one."""
    state = rng.as_keys(state)
    params, model_state = dict(state.params), dict(state.model_state)
    for name in game.ema if averaged else ():
        params[name] = state.ema[name]['params']
        model_state[name] = state.ema[name]['model_state']
    return params, model_state


def synthesize(game: Game, state: TrainState, latents: Batch, key: Key, averaged: bool = True) -> Batch:
    """Fakes from the given latents: the game's `generate` with `train=False`. Pure."""
    params, model_state = networks(game, state, averaged)
    context = Context(game.nets, params, model_state, {}, latents, {}, key, state.step, train=False)
    return game.generate(context)[0]


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


def surface(game: Game, state: TrainState, points: Array, player: str = 'd') -> Array | None:
    """What `player` makes of each of `points` [N, D] as a fake: its logits [N], in inference mode. Pure.

    None where there is no such player, and where it does not judge a point by itself: a discriminator of
    packs, of pairs with latents, of many logits.
    """
    if player not in game.players:
        return None
    state = rng.as_keys(state)
    batch, root = {'point': points}, jax.random.wrap_key_data(state.key, impl='threefry2x32')
    key = rng.stream(root, 'surface')
    context = Context(
        game.nets, state.params, state.model_state, batch, {}, batch, key, state.step, train=False
    )
    context = context._replace(term_state=state.term_state)
    try:
        logits = game.players[player].forward(context)[0]['fake']
    except KeyError:  # it asks for latents or labels
        return None
    return logits if logits.shape == points.shape[:1] else None
