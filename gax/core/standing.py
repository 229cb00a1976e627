"""Standing statistics: batch statistics for sampling, measured anew instead of averaged along training.

Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis", 2019, appendix C: running
averages of batch-norm follow a generator that still changes, and belong to the latents of training. Before
sampling, the generator makes several batches in training mode, from the latents that it will sample from, and
the means over these batches of their means and variances take the place of the running ones.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import jax
import jax.numpy as jnp

from gax import errors
from gax.core import rng, sample
from gax.core.types import Array, Batch, Context, Game, Key, PyTree, TrainState

COLLECTION = 'batch_stats'  # where Flax' batch-norm keeps its running averages


def standing_statistics(
    game: Game,
    state: TrainState,
    key: Key,
    batches: int,
    size: int,
    conditions: Batch = MappingProxyType({}),
    averaged: bool = True,
    phase: str | None = None,
) -> TrainState:
    """The state with standing statistics in the generator that `sample.sample` uses. Pure.

    A running average is m * before + (1 - m) * batch, linear in what it was before. So it is run from 0, and
    divided by one minus its derivative, for any m. The variance is the mean of the batches' variances, not
    that of all examples together, as in training. Parameters and other arrays, such as the vectors of
    spectral normalisation, stay as they are.

    Args:
      game: The game.
      state: The train state.
      key: A PRNG key, for the latents.
      batches: The number of batches N, at least 1 (the paper: 100; BigGAN-PyTorch: 16).
      size: The examples of a batch B, at least 2.
      conditions: The fields that `game.conditions` names, leaves [N * B, ...]. Other fields are ignored.
      averaged: As in `sample.synthesize`. The statistics of the average are replaced, or those of the net
        itself.
      phase: As in `sample.synthesize`.

    Returns:
      The new state.

    Raises:
      GaxError: The generator has no batch statistics.
    """
    params, model_state = sample.networks(game, state, averaged)
    before = {name: statistics(model_state[name]) for name in game.generator}
    if not any(before.values()):
        raise errors.GaxError(
            'standing statistics are of batch-norms, and the generator '
            f'({", ".join(game.generator)}) has none'
        )
    zeros, ones = (jax.tree.map(lambda x, v=value: jnp.full_like(x, v), before) for value in (0.0, 1.0))
    present = {name: conditions[name] for name in game.conditions if name in conditions}
    parts = {name: x.reshape(batches, size, *x.shape[1:]) for name, x in present.items()}

    def batch_statistics(number: Array, part: Batch) -> PyTree:
        stream = jax.random.fold_in(rng.stream(key, 'standing'), number)
        latents = game.sample_latents(rng.stream(stream, 'latents'), size, part)

        def run(before: dict[str, dict[str, Array]]) -> dict[str, dict[str, Array]]:
            started = {name: with_statistics(model_state[name], before[name]) for name in before}
            context = Context(
                game.nets,
                params,
                {**model_state, **started},
                {},
                latents,
                {},
                rng.stream(stream, 'generate'),
                state.step,
                conditions=game.conditions,
                phase=sample.last_phase(game) if phase is None else phase,
            )
            after = (game.synthesize or game.generate)(context)[1].model_state
            return {name: statistics(after[name]) for name in before}

        after, rates = jax.jvp(run, (zeros,), (ones,))
        return jax.tree.map(lambda x, rate: x / (1.0 - rate), after, rates)

    def add(total: PyTree, one: tuple[Array, Batch]) -> tuple[PyTree, None]:
        return jax.tree.map(jnp.add, total, batch_statistics(*one)), None

    total, _ = jax.lax.scan(add, zeros, (jnp.arange(batches), parts))
    return replaced(game, state, jax.tree.map(lambda x: x / batches, total), averaged)


def statistics(model_state: PyTree) -> dict[str, Array]:
    """{path: array} of the batch statistics of a net."""
    leaves = jax.tree_util.tree_leaves_with_path(model_state)
    return {jax.tree_util.keystr(path): x for path, x in leaves if COLLECTION in jax.tree_util.keystr(path)}


def with_statistics(model_state: PyTree, values: dict[str, Array]) -> PyTree:
    """The model_state of a net with these batch statistics, as `statistics` returns them."""
    return jax.tree_util.tree_map_with_path(
        lambda path, x: values.get(jax.tree_util.keystr(path), x), model_state
    )


def replaced(
    game: Game, state: TrainState, values: dict[str, dict[str, Array]], averaged: bool
) -> TrainState:
    """The state with these batch statistics by net, in the moving averages or, without them, in the nets."""
    model_state, ema = dict(state.model_state), dict(state.ema)
    for name, numbers in values.items():
        if averaged and name in game.ema:
            ema[name] = {**ema[name], 'model_state': with_statistics(ema[name]['model_state'], numbers)}
        else:
            model_state[name] = with_statistics(model_state[name], numbers)
    return replace(state, model_state=model_state, ema=ema)
