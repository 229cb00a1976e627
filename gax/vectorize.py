"""Many runs of one game, trained together in one compiled program by `vmap`: every array has a leading axis of runs.

The runs of this module differ in their seed; each is what it would be alone, up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gax import rng
from gax import step as steps
from gax.data import order
from gax.experiment import Experiment, one_step
from gax.types import Array, Metrics, TrainState


def init(experiment: Experiment, seeds: Sequence[int]) -> TrainState:
    """The states before step 0, leaves [runs, ...]."""
    keys = jnp.stack([jnp.asarray(rng.root(seed)) for seed in seeds])
    return jax.jit(jax.vmap(lambda key: steps.init(experiment.game, key)))(keys)


def program(experiment: Experiment) -> Callable[[TrainState, Any, Array], tuple[TrainState, Metrics]]:
    """The compiled (states, arrays, indices [count, runs, rows]) -> (states, metrics): `count` steps of every run.

    metrics: name -> (sum, count), each [runs], over these steps. Lazy terms are masked rather than left out: there is one
    program for all steps. The states are donated.
    """
    one = jax.vmap(one_step(experiment, None), in_axes=(0, None, 0))

    def advance(states: TrainState, arrays: Any, indices: Array) -> tuple[TrainState, Metrics]:
        states, metrics = jax.lax.scan(lambda states, rows: one(states, arrays, rows), states, indices)
        return states, jax.tree.map(lambda x: jnp.sum(x, axis=0), metrics)

    return jax.jit(advance, donate_argnums=0)


def indices(experiment: Experiment, seeds: Sequence[int], step: int, count: int) -> np.ndarray:
    """The examples that each run reads in steps `step` .. `step + count - 1`, int32 [count, runs, rows]."""
    rows, size = experiment.rows, experiment.source.spec.size
    runs = [order.indices(seed, step * rows, count * rows, size).reshape(count, rows) for seed in seeds]
    return np.stack(runs, axis=1)
