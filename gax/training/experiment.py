"""From a config to compiled training: source, game, mesh, and the function that advances a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from gax import data, gans
from gax.config import defaults as configs
from gax.core import metrics as meter
from gax.core import rng, updates
from gax.core import step as steps
from gax.core.types import Array, Game, TrainState
from gax.distributed import sharding as parallel
from gax.training import step_trace
from gax.training.step_trace import Arrays, Identity


class Carry(NamedTuple):
    """All that a run carries from step to step, on the device and in a checkpoint.

    Attributes:
      state: The state of training.
      meter: The accumulated metrics.
    """

    state: TrainState
    meter: meter.Meter


class Experiment(NamedTuple):
    """What a config builds.

    Attributes:
      config: The config.
      source: The data.
      game: The game.
      mesh: The devices.
      arrays: The arrays of the data and of the frozen networks, on the devices.
      rows: The examples that one step reads.
    """

    config: ConfigDict
    source: data.Source
    game: Game
    mesh: Mesh
    arrays: Arrays
    rows: int


def build(config: ConfigDict, mesh: Mesh | None = None, source: data.Source | None = None) -> Experiment:
    """Checks the config and builds everything except the compiled programs.

    Args:
      config: The config.
      mesh: The devices; by default all.
      source: The data; by default the data that the config names.

    Returns:
      The experiment.

    Raises:
      GaxError: The config or the data is invalid.
    """
    configs.check(config)
    mesh = mesh or parallel.mesh()
    parallel.check_batch(config.batch_size, mesh)
    source = gans.arranged(config, source or data.load(config))
    game = gans.make(config, source.spec)
    updates.check(game)
    parallel.check_states(game, config.accumulate)
    arrays = parallel.put(Arrays(source.arrays, game.frozen), parallel.replicated(mesh))
    return Experiment(config, source, game, mesh, arrays, config.batch_size * updates.batches_per_step(game))


def local(experiment: Experiment) -> Experiment:
    """The experiment on this process's devices alone, see `sharding.view`. Other processes take no part."""
    mesh = parallel.local(experiment.mesh)
    return experiment._replace(mesh=mesh, arrays=parallel.view(experiment.arrays, mesh))


def shapes(experiment: Experiment) -> Carry:
    """The shapes of the carry. This traces the whole step, so errors of a network are raised here."""
    state = jax.eval_shape(lambda: steps.init(experiment.game, rng.root(experiment.config.seed)))
    return jax.eval_shape(lambda: Carry(state, meter.empty(metrics_of(experiment, state))))


def init(experiment: Experiment, like: Carry | None = None) -> Carry:
    """The carry before step 0, on the devices.

    Args:
      experiment: The experiment.
      like: The shapes of the carry if they are known already, see `shapes`.

    Returns:
      The carry, replicated.
    """
    metrics = (like or shapes(experiment)).meter.totals

    def make(key_data: Array) -> Carry:
        return Carry(steps.init(experiment.game, key_data), meter.empty(metrics))

    out = parallel.replicated(experiment.mesh)
    return jax.jit(make, out_shardings=out)(rng.root(experiment.config.seed))


def metrics_of(experiment: Experiment, state: TrainState) -> Any:
    """The shapes of the metrics of one step, over all phases.

    Where each device is a replica, one shard of the batch is traced: the step may reject its size.

    Args:
      experiment: The experiment.
      state: The shapes of the state.

    Returns:
      {metric: shape}.
    """
    replicas = parallel.PARALLEL[experiment.config.parallel].replicas
    share = experiment.mesh.size if replicas else 1
    rows = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(
            (x.shape[1] // share, *x.shape[2:]), x.dtype, sharding=parallel.rows(experiment.mesh)
        ),
        row_shapes(experiment),
    )
    metrics: dict[str, Any] = {}
    # Every set of lazy terms has the same metrics; these steps are those that a new run compiles first.
    for first in [phase.start for phase in experiment.game.phases] or [0]:
        active = updates.active_at(experiment.game, first)
        # The step of a replica exists under its mesh axis only.
        one = one_step(experiment, active) if replicas else traced_step(experiment, active)
        one = parallel.under(experiment.mesh, one)
        metrics |= jax.eval_shape(one, state, experiment.arrays, rows)[1]
    return metrics


def row_shapes(experiment: Experiment, count: int = 1) -> Any:
    """The shapes of the rows that `count` steps read. Fetches one example to find them.

    Args:
      experiment: The experiment.
      count: How many steps.

    Returns:
      A pytree with leaves [count, rows, ...].
    """
    fetch = experiment.source.fetch or (lambda index: index)
    example = fetch(data.order_of(experiment.source)(experiment.config.seed, 0, 1))
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((count, experiment.rows, *x.shape[1:]), x.dtype), example
    )


def one_step(experiment: Experiment, active: updates.Active = updates.EVERY_TERM) -> Callable[..., Any]:
    """A step of training that reads its own batch.

    Args:
      experiment: The experiment.
      active: The lazy terms and the phase, see `updates.Active`.

    Returns:
      (state, arrays, rows) -> (state, metrics). `rows` are those of one step, see `feed.feeder`.
    """
    return step_trace.step_of(experiment.game, experiment.source.read, active)


def traced_step(experiment: Experiment, active: updates.Active = updates.EVERY_TERM) -> Callable[..., Any]:
    """`one_step` of the game that config.parallel makes of this one, traced once for all programs.

    The shapes of the metrics need a trace before the programs are compiled, and a trace of a large step takes
    seconds.

    Args:
      experiment: The experiment. It must not hold tracers.
      active: The lazy terms and the phase.

    Returns:
      A function as `one_step` returns.
    """
    game, read = Identity(experiment.game), Identity(experiment.source.read)
    return step_trace.traced_step(game, read, experiment.config.parallel, experiment.mesh, active)


def platform(experiment: Experiment) -> str:
    """The platform of the devices: 'cpu', 'gpu' or 'tpu'."""
    return str(experiment.mesh.devices.flat[0].platform)
