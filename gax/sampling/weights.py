"""The generator between two generators: network interpolation.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", 2018, section 3.4: every
parameter is (1 - alpha) of one generator's and alpha of the other's. It works for networks of which one was
trained on from the other, such as a super-resolution network of least error and the same after its
adversarial phase.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from gax import errors
from gax.core.types import Game, TrainState
from gax.training import trained_run
from gax.training.workdir import read_config


def other(workdir: Path, text: str) -> tuple[Path, str]:
    """The checkpoint that --interpolate names.

    Args:
      workdir: The folder of the run.
      text: A step of the same run, the folder of another run, or FOLDER:STEP.

    Returns:
      (folder of the run, its step or 'newest').
    """
    if text.isdecimal():
        return workdir, text
    folder, colon, step = text.rpartition(':')
    if colon and (step.isdecimal() or step in ('newest', 'best')):
        return Path(folder), step
    return Path(text), 'newest'


def state_of(workdir: Path, text: str) -> TrainState:
    """The state of the checkpoint that --interpolate names, see `other`."""
    folder, step = other(workdir, text)
    built = trained_run.build(folder, read_config(folder / 'config.json'))
    return trained_run.restore(built, folder, step)[0]


def between(game: Game, one: TrainState, another: TrainState, alpha: float, name: str = '') -> TrainState:
    """`one` with generators that are (1 - alpha) of its own and alpha of the other's.

    Args:
      game: The game; the nets in `game.generator` are mixed, and their moving averages.
      one: A state.
      another: A state whose generators have the same parameters.
      alpha: 0 for `one`, 1 for `another`.
      name: How messages call `another`.

    Raises:
      GaxError: The networks differ.
    """

    def mixed(kind: str, a: Any, b: Any) -> Any:
        if jax.tree.map(jnp.shape, a) != jax.tree.map(jnp.shape, b):
            raise errors.GaxError(
                f'--interpolate={name}: its generator has other {kind} than this run: only equal '
                f'networks have '
                'something between them'
            )
        return jax.tree.map(
            lambda x, y: (1 - alpha) * x + alpha * y if jnp.issubdtype(x.dtype, jnp.floating) else x, a, b
        )

    nets = [net for net in game.generator if net in one.params]
    if lacking := [net for net in nets if net not in another.params]:
        raise errors.GaxError(f'--interpolate={name}: it has no network {lacking[0]!r}')
    params = {net: mixed('parameters', one.params[net], another.params[net]) for net in nets}
    states = {net: mixed('statistics', one.model_state[net], another.model_state[net]) for net in nets}
    averages = {
        net: mixed('averages', average, another.ema.get(net)) if net in nets else average
        for net, average in one.ema.items()
    }
    params, states = {**one.params, **params}, {**one.model_state, **states}
    return dataclasses.replace(one, params=params, model_state=states, ema=averages)
