"""Samples from latents that are the same every time, and the size of a run's pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from gax.core import rng, sample
from gax.core.types import Array, Batch, TrainState
from gax.training import real_examples
from gax.training.experiment import Experiment


def sample_grid(experiment: Experiment) -> tuple[int, int]:
    """The size of the pictures of a run.

    Args:
      experiment: The experiment.

    Returns:
      (how many samples, columns). There is one column per class, unless there are more than 16.
    """
    classes = experiment.source.spec.num_classes
    columns = classes if 0 < classes <= 16 else 8
    spec = experiment.source.spec
    many = spec.fields[spec.target].kind in ('point', 'table')
    return (2048 if many else 8 * columns), columns


def sampler(experiment: Experiment, num: int) -> Callable[[TrainState], Any]:
    """Compiled state -> `num` fakes, from latents and conditions that are the same every time."""
    key_data, condition_batch = rng.root(experiment.config.seed), real_examples.conditions(experiment, num)
    compiled = jax.jit(
        lambda state, condition_batch, phase: fixed_fakes(
            experiment, key_data, state, num, condition_batch, phase
        ),
        static_argnums=2,
    )
    game = experiment.game
    return lambda state: compiled(
        state, condition_batch, game.phase_at(int(state.step)) if game.phases else ''
    )


def fixed_fakes(
    experiment: Experiment,
    key_data: Array,
    state: TrainState,
    num: int,
    condition_batch: Batch,
    phase: str = '',
) -> Any:
    """Fakes that depend only on the state, the conditions and the root key. Pure.

    Args:
      experiment: The experiment.
      key_data: The root key, see `rng.root`.
      state: The state of training.
      num: How many.
      condition_batch: The conditions, leaves [num, ...].
      phase: The phase of training.

    Returns:
      A batch of fakes.
    """
    key = rng.stream(jax.random.wrap_key_data(key_data, impl='threefry2x32'), 'samples')
    return sample.sample(experiment.game, state, key, num, condition_batch, phase=phase)
