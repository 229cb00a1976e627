"""From a config to compiled training: source, game, mesh, and the function that advances a run."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from gax import data, gans
from gax.config import defaults as configs
from gax.core import metrics as meter
from gax.core import rng, sample, updates
from gax.core import step as steps
from gax.core.standing import standing_statistics
from gax.core.types import Array, Batch, Frozen, Game, TrainState
from gax.data import prefetch
from gax.distributed import sharding as parallel

log = logging.getLogger('gax')


class Carry(NamedTuple):
    """All that a run carries from step to step, on the device and in a checkpoint.

    Attributes:
      state: The state of training.
      meter: The accumulated metrics.
    """

    state: TrainState
    meter: meter.Meter


class Arrays(NamedTuple):
    """The arrays that programs take as an argument. Arrays that a traced function closes over become
    constants.

    Attributes:
      data: Those of the source.
      frozen: Those of the frozen networks, by name.
    """

    data: Any
    frozen: Mapping[str, Frozen]


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


def own(experiment: Experiment) -> Experiment:
    """The experiment on this process's devices alone, see `sharding.view`. Other processes take no part."""
    mesh = parallel.own(experiment.mesh)
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
      (state, arrays, rows) -> (state, metrics). `rows` are those of one step, see `feeder`.
    """
    return _step_of(experiment.game, experiment.source.read, active)


def _step_of(game: Game, read: Callable[..., Any], active: updates.Active) -> Callable[..., Any]:
    def one(state: TrainState, arrays: Arrays, rows: Any) -> Any:
        step = steps.make_step(game._replace(frozen=arrays.frozen), *active)
        key = rng.stream(rng.at_step(state.key, state.step), 'data')
        return step(state, read(arrays.data, rows, key))

    return one


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
    return _traced_step(game, read, experiment.config.parallel, experiment.mesh, active)


class Identity(NamedTuple):
    """An object as a key of a cache, equal to itself alone.

    Attributes:
      value: The object.
    """

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@functools.lru_cache(maxsize=8)
def _traced_step(
    game: Identity, read: Identity, mode: str, mesh: Mesh, active: updates.Active
) -> Callable[..., Any]:
    of_mode = parallel.PARALLEL[mode].game(game.value, mesh)
    return jax.jit(_step_of(of_mode, read.value, active), inline=True)


def platform(experiment: Experiment) -> str:
    """The platform of the devices: 'cpu', 'gpu' or 'tpu'."""
    return str(experiment.mesh.devices.flat[0].platform)


def indices(experiment: Experiment, step: int, count: int = 1) -> Any:
    """The examples that steps `step` to `step + count - 1` read, a function of the seed alone.

    Args:
      experiment: The experiment.
      step: The first step.
      count: How many steps.

    Returns:
      int32 [count, rows], or a pytree of such arrays.
    """
    rows, order = experiment.rows, data.order_of(experiment.source)
    chosen = order(experiment.config.seed, step * rows, count * rows)
    return jax.tree.map(lambda x: x.reshape(count, rows, *x.shape[1:]), chosen)


def feeder(experiment: Experiment) -> prefetch.Feed:
    """The rows of any steps, which `source.read` makes into batches.

    Rows are the indices of examples if the data is on the devices. Otherwise they are what `source.fetch`
    returns for them, fetched ahead of time by workers; close the feed to end these.

    Args:
      experiment: The experiment.

    Returns:
      (step, count) -> leaves [count, rows, ...].
    """
    source, rows, sharding = experiment.source, experiment.rows, parallel.rows(experiment.mesh, 1)
    if source.fetch is None:
        put = (lambda x: parallel.put(x, sharding)) if parallel.spans(experiment.mesh) else (lambda x: x)
        return prefetch.Feed(lambda step, count: indices(experiment, step, count), put=put)
    pick = prefetch.Pick(experiment.config.seed, rows, data.order_of(source), source.fetch)
    return prefetch.Stream(pick, sharding, experiment.config.data.get('workers', 0))


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


def reals(experiment: Experiment, num: int) -> Any:
    """A random choice of examples that is the same every time, as data may be stored in any order.

    Args:
      experiment: The experiment.
      num: How many.

    Returns:
      A batch on the host.
    """
    size = experiment.source.spec.size or num
    return examples(experiment, np.random.default_rng(0).permutation(size)[np.arange(num) % size])


def examples(experiment: Experiment, indices: np.ndarray) -> Any:
    """The examples with these indices.

    Args:
      experiment: The experiment.
      indices: int [num].

    Returns:
      A batch on the host.
    """
    source = experiment.source
    rows: np.ndarray = indices.astype(np.int32)
    fetched = source.fetch(rows) if source.fetch else rows
    return jax.device_get(source.read(experiment.arrays.data, jax.tree.map(jnp.asarray, fetched), rng.key(0)))


def conditions(experiment: Experiment, num: int) -> Batch:
    """Conditions for `num` fakes, the same every time.

    Args:
      experiment: The experiment.
      num: How many.

    Returns:
      {name: [num, ...]}. A game that is conditioned on labels alone gets the classes in turn; other games get
      fields of real examples.
    """
    names = experiment.game.conditions
    if set(names) <= {'label'}:
        label = sample.labels_in_turn(num, experiment.source.spec.num_classes)
        return {'label': label} if names and label is not None else {}
    examples = reals(experiment, num)
    return {name: jnp.asarray(examples[name]) for name in names}


def sampler(experiment: Experiment, num: int) -> Callable[[TrainState], Any]:
    """Compiled state -> `num` fakes, from latents and conditions that are the same every time."""
    key_data, condition_batch = rng.root(experiment.config.seed), conditions(experiment, num)
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


def standing(
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
