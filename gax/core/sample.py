"""Sampling outside of training: averaged parameters, inference mode, chosen conditions."""

from __future__ import annotations

from types import MappingProxyType

import jax
import jax.numpy as jnp

from gax.core import rng
from gax.core.types import Array, Batch, Context, Game, Key, TrainState


def networks(game: Game, state: TrainState, averaged: bool = True) -> tuple[dict, dict]:
    """The parameters to sample with.

    Args:
      game: The game.
      state: The train state.
      averaged: Whether nets that keep a moving average are replaced by it.

    Returns:
      (params, model_state), each by net, frozen nets included.
    """
    state = rng.as_keys(state)
    params = {name: frozen.params for name, frozen in game.frozen.items()} | dict(state.params)
    model_state = {name: frozen.model_state for name, frozen in game.frozen.items()} | dict(state.model_state)
    for name in game.ema if averaged else ():
        params[name] = state.ema[name]['params']
        model_state[name] = state.ema[name]['model_state']
    return params, model_state


def synthesize(
    game: Game,
    state: TrainState,
    latents: Batch,
    key: Key,
    averaged: bool = True,
    phase: str | None = None,
) -> Batch:
    """Makes fakes from chosen latents, by the nets with `train=False`. Pure.

    Args:
      game: The game. Its `synthesize` is called, or its `generate` if it has none.
      state: The train state.
      latents: Noise and conditions, as `game.sample_latents` returns them.
      key: A PRNG key, for nets that draw random numbers outside of training too.
      averaged: Whether nets that keep a moving average are replaced by it.
      phase: The phase of training that the state is in; None for the game's last one.

    Returns:
      The fakes, leaves [N, ...].
    """
    params, model_state = networks(game, state, averaged)
    context = Context(
        game.nets,
        params,
        model_state,
        {},
        latents,
        {},
        key,
        state.step,
        train=False,
        conditions=game.conditions,
        phase=last_phase(game) if phase is None else phase,
    )
    return (game.synthesize or game.generate)(context)[0]


def last_phase(game: Game) -> str:
    """The name of the last phase of training; '' for a game without phases."""
    return game.phases[-1].name if game.phases else ''


def sample(
    game: Game,
    state: TrainState,
    key: Key,
    num: int,
    conditions: Batch = MappingProxyType({}),
    averaged: bool = True,
    phase: str | None = None,
) -> Batch:
    """Makes `num` fakes from new latents. Pure.

    Args:
      game: The game.
      state: The train state.
      key: A PRNG key.
      num: The number of fakes.
      conditions: The fields that `game.conditions` names, leaves [num, ...]: {'label': int32 [num]}, ...
        Other fields are ignored.
      averaged: As in `synthesize`.
      phase: As in `synthesize`.

    Returns:
      The fakes, leaves [num, ...].

    Raises:
      GaxError: A condition is missing.
    """
    latents = game.sample_latents(rng.stream(key, 'latents'), num, conditions)
    return synthesize(game, state, latents, rng.stream(key, 'generate'), averaged, phase)


def labels_in_turn(num: int, num_classes: int) -> Array | None:
    """Labels 0, 1, ..., num_classes - 1, 0, 1, ...: in a grid of num_classes columns each column is a class.

    Returns:
      int32 [num]; None where there are no classes.
    """
    return jnp.arange(num, dtype=jnp.int32) % num_classes if num_classes else None


def surface(game: Game, state: TrainState, points: Array, player: str = 'd') -> Array | None:
    """The logits of a player's discriminator at points that are scored as fakes, in inference mode. Pure.

    Args:
      game: The game.
      state: The train state.
      points: Float [N, D].
      player: The player whose forward pass is run.

    Returns:
      The logits [N]. None where there is no such player, or where it does not score single points: a
      discriminator of packs, of pairs with latents, or with several logits for each example.
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
    except KeyError:  # it needs latents or labels
        return None
    return logits if logits.shape == points.shape[:1] else None
