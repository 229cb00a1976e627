"""Standing statistics of the state of an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax

from gax.core import rng
from gax.core.standing import standing_statistics
from gax.core.types import Batch, TrainState
from gax.training.experiment import Experiment


def compiled(
    experiment: Experiment, batches: int, seed: int = 0
) -> Callable[[TrainState, Mapping[str, Any]], TrainState]:
    """The function that gives a state standing statistics, compiled: see core.standing.

    Args:
      experiment: The experiment. Batches have config.batch_size examples.
      batches: How many batches.
      seed: Of the latents.

    Returns:
      (state, conditions) -> state. `conditions` are leaves [batches * batch_size, ...] by name.
    """
    size = experiment.config.batch_size

    def make(state: TrainState, condition_batch: Batch, phase: str) -> TrainState:
        key = rng.key(seed)
        return standing_statistics(experiment.game, state, key, batches, size, condition_batch, phase=phase)

    compiled, game = jax.jit(make, static_argnums=2), experiment.game
    return lambda state, condition_batch: compiled(
        state, dict(condition_batch), game.phase_at(int(state.step)) if game.phases else ''
    )
