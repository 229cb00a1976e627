"""From a config to compiled training: source, game, mesh, and the function that advances a run."""

from __future__ import annotations

import functools
import itertools
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from gax import data, gans
from gax.config import defaults as configs
from gax.core import metrics as meter
from gax.core import rng, sample
from gax.core import step as steps
from gax.core.types import Array, Batch, Frozen, Game, TrainState
from gax.data import prefetch
from gax.distributed import sharding as parallel
from gax.training.pace import Pace

log = logging.getLogger('gax')

# Training steps per call if config.steps_per_call is 0. Measured on CPU: a tenth of the host's work, and XLA
# reuses memory between steps (benchmarks/README.md). Not yet measured elsewhere.
AUTOMATIC = {'cpu': 10}  # and 10 on others
ROOM = 2**25  # at most this many bytes of rows per call
LOOK_AHEAD = 64  # steps whose programs are compiled before the first one
ANY = 0  # number of steps
SLOW_LOOPS = (
    "one step a call: the networks hold XLA's own convolutions (as flax.linen.Conv makes), which are slow on "
    'CPU, and in a loop '
    'many times slower; gax.nets.layers.Conv, of the same parameters, is fast on CPU, in loops too'
)
Key = tuple[steps.Active, int]  # of a program: lazy terms and phase; number of steps, or ANY


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
      arrays: The arrays of the data, and of frozen networks, on the devices.
      rows: The examples that one step reads.
    """

    config: ConfigDict
    source: data.Source
    game: Game
    mesh: Mesh
    arrays: Any
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
    source = source or data.load(config)
    game = gans.make(config, source.spec)
    steps.check(game)
    parallel.check_states(game, config.accumulate)
    source = with_frozen(source, game)
    arrays = parallel.put(source.arrays, parallel.replicated(mesh))
    return Experiment(config, source, game, mesh, arrays, config.batch_size * steps.batches_per_step(game))


def with_frozen(source: data.Source, game: Game) -> data.Source:
    """Adds the arrays of frozen networks to the arrays of the source.

    Programs take these arrays as an argument. Arrays that a traced function closes over would become
    constants of its program.

    Args:
      source: The data.
      game: The game.

    Returns:
      A source whose arrays are (arrays, {name: frozen}); `source` if nothing is frozen.
    """
    if not game.frozen:
        return source
    arrays = (source.arrays, {name: tuple(frozen) for name, frozen in game.frozen.items()})
    return source._replace(arrays=arrays, read=lambda arrays, rows, key: source.read(arrays[0], rows, key))


def with_arrays(game: Game, arrays: Any) -> Game:
    """The game with the arrays of its frozen networks taken from the arrays of `with_frozen`."""
    return game._replace(frozen={name: Frozen(*arrays[1][name]) for name in game.frozen})


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
    share = experiment.mesh.size if parallel.PARALLEL[experiment.config.parallel].replicas else 1
    rows = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((x.shape[1] // share, *x.shape[2:]), x.dtype), row_shapes(experiment)
    )
    metrics: dict[str, Any] = {}
    for phase in steps.phase_names(experiment.game):
        one = one_step(experiment, steps.Active(None, phase))
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


def one_step(experiment: Experiment, active: steps.Active = steps.EVERY_TERM) -> Callable[..., Any]:
    """A step of training that reads its own batch.

    Args:
      experiment: The experiment.
      active: The lazy terms and the phase, see `steps.Active`.

    Returns:
      (state, arrays, rows) -> (state, metrics). `rows` are those of one step, see `feeder`.
    """
    read = experiment.source.read

    def one(state: TrainState, arrays: Any, rows: Any) -> Any:
        step = steps.make_step(with_arrays(experiment.game, arrays), *active)
        key = rng.stream(rng.at_step(state.key, state.step), 'data')
        return step(state, read(arrays, rows, key))

    return one


def program(experiment: Experiment, active: steps.Active = steps.EVERY_TERM, count: int = 1) -> Any:
    """The compiled function that takes `count` steps with the same phase and the same lazy terms.

    Metrics are accumulated on the device. It is compiled as config.parallel says.

    Args:
      experiment: The experiment.
      active: The lazy terms and the phase.
      count: How many steps; with ANY each call takes the number as an argument.

    Returns:
      (carry, arrays, rows) -> carry, with `rows` a pytree of leaves [steps, rows, ...], see `feeder`. With
      ANY it is (carry, (arrays, number), rows) -> carry, with `number` at most as large as `steps`.
    """
    mode = parallel.PARALLEL[experiment.config.parallel]
    played = experiment._replace(game=mode.game(experiment.game, experiment.mesh))
    one = mode.step(one_step(played, active))
    return mode.compile(functools.partial(stretch, one, count), experiment.mesh, 1)


def stretch(one: Callable[..., Any], count: int, carry: Carry, arrays: Any, rows: Any) -> Carry:
    """Takes `count` steps, see `program`.

    Args:
      one: The step, see `one_step`.
      count: How many steps, or ANY.
      carry: The carry.
      arrays: The arrays; with ANY (arrays, number).
      rows: Leaves [steps, rows, ...].

    Returns:
      The carry.
    """
    arrays, number = arrays if count == ANY else (arrays, count)

    def body(at: Any, carry: Carry) -> Carry:
        here = jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, at, keepdims=False), rows)
        state, metrics = one(carry.state, arrays, here)
        return Carry(state, meter.add(carry.meter, metrics, carry.state.step))

    # Even a loop of one step is a loop, in which XLA:CPU convolves slowly.
    return body(0, carry) if count == 1 else jax.lax.fori_loop(0, number, body, carry)


def plan_of(game: Game, step: int, count: int) -> list[tuple[steps.Active, int]]:
    """Splits steps into groups of successive steps that run the same program.

    Args:
      game: The game.
      step: The first step.
      count: How many steps.

    Returns:
      [(lazy terms and phase, how many steps)], in order.
    """
    groups = itertools.groupby(steps.active_at(game, at) for at in range(step, step + count))
    return [(active, len(list(same))) for active, same in groups]


def longest_call(experiment: Experiment) -> int:
    """The most steps of one compiled call.

    That is config.steps_per_call, or the default of the platform if it is 0; fewer if the rows of a step are
    large.
    """
    most = experiment.config.steps_per_call or AUTOMATIC.get(platform(experiment), 10)
    size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(row_shapes(experiment)))
    return max(1, min(most, ROOM // max(1, size)))


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


class Maker(NamedTuple):
    """Builds programs.

    Attributes:
      program: (active, count) -> a program, see `program`.
      rows: n -> the shapes of the rows of n steps.
    """

    program: Callable[[steps.Active, int], Any]
    rows: Callable[[int], Any]


class Program(NamedTuple):
    """A compiled program.

    Attributes:
      run: The function, see `program`.
      length: How many steps a call takes, or ANY.
      room: For how many steps a call is given rows.
    """

    run: Callable[..., Carry]
    length: int
    room: int


def key_of(experiment: Experiment, active: steps.Active, count: int, most: int) -> Key:
    """The key of the program that takes `count` steps.

    It is the program of ANY number of steps. On accelerators, where a loop of unknown length asks the host at
    each step whether to continue, a call of full length has a program of fixed length.

    Args:
      experiment: The experiment.
      active: The lazy terms and the phase.
      count: How many steps, at most `most`.
      most: The longest call, see `longest_call`.

    Returns:
      (active, number of steps or ANY).
    """
    return active, most if most == 1 or (count == most and platform(experiment) != 'cpu') else ANY


def constants(experiment: Experiment, count: int, number: int) -> Any:
    """The second argument of a program, see `program`.

    Args:
      experiment: The experiment.
      count: How many steps the program takes, or ANY.
      number: How many steps this call takes.

    Returns:
      The arrays; with ANY (arrays, int32 number).
    """
    if count != ANY:
        return experiment.arrays
    steps: Any = np.int32(number)
    mesh = experiment.mesh
    if parallel.spans(mesh):
        steps = parallel.put(steps, parallel.replicated(mesh))
    return experiment.arrays, steps


def compiled(experiment: Experiment, maker: Maker, key: Key, most: int, carry: Any) -> Program:
    """Compiles a program. On CPU a loop over XLA's own convolutions becomes a program of a single step.

    Args:
      experiment: The experiment.
      maker: Builds the program.
      key: Which program.
      most: For how many steps it is given rows.
      carry: A carry, or its shapes.

    Returns:
      The program.
    """
    active, count = key
    jitted: Any = maker.program(active, count)
    bound = jitted.args if isinstance(jitted, functools.partial) else ()
    jitted = jitted.func if isinstance(jitted, functools.partial) else jitted
    lowers = hasattr(jitted, 'lower')  # a function without it compiles at its first call
    lowered = (jitted if lowers else jitted.alike).lower(
        *bound, carry, constants(experiment, count, 1), maker.rows(most)
    )
    loops = count != 1 or steps.scans(experiment.game, active)
    if loops and platform(experiment) == 'cpu' and 'stablehlo.convolution' in lowered.as_text():
        return compiled(experiment, maker, (active._replace(unroll=True), 1), 1, carry)
    return Program(functools.partial(lowered.compile(), *bound) if lowers else jitted, count, most)


def maker_of(experiment: Experiment) -> Maker:
    """What builds the programs of an experiment."""
    return Maker(functools.partial(program, experiment), functools.partial(row_shapes, experiment))


def compile_ahead(
    experiment: Experiment, like: Carry, start: int, end: int
) -> dict[Key, Callable[[], Program]]:
    """Starts to compile the programs of the next steps in other threads.

    Args:
      experiment: The experiment.
      like: The shapes of the carry.
      start: The first step.
      end: The step after the last one. Programs of at most LOOK_AHEAD steps are compiled.

    Returns:
      {key: a function that waits for the program and returns it}.
    """
    maker, most = maker_of(experiment), longest_call(experiment)
    plan = plan_of(experiment.game, start, min(end - start, LOOK_AHEAD))
    keys = {
        key_of(experiment, active, n, most): None for active, count in plan for n in {1, min(count, most)}
    }
    pool = ThreadPoolExecutor(2, 'gax-compile')
    ready: dict[Key, Callable[[], Program]] = {
        key: pool.submit(compiled, experiment, maker, key, most, like).result for key in keys
    }
    pool.shutdown(wait=False)
    return ready


def advancer(
    experiment: Experiment,
    programs: Mapping[Key, Callable[[], Program]] = MappingProxyType({}),
    rows: Callable[[int, int, int], Any] | None = None,
    pace: Pace | None = None,
    maker: Maker | None = None,
) -> Callable[[Carry, int, int], Carry]:
    """The function that advances a run, with one compiled program per phase and set of scheduled lazy terms.

    Args:
      experiment: The experiment.
      programs: See `compile_ahead`. All are awaited before the first step, as signals are handled between
        calls.
      rows: A `feeder`, if the caller wants to close it.
      pace: Registers every call, and limits how many are dispatched ahead of the device. This bounds the
        latency of signals and keeps the progress bar accurate.
      maker: Builds the programs; by default those of the experiment.

    Returns:
      (carry, step, count) -> carry after `count` steps. The carry is donated.
    """
    most = longest_call(experiment)
    rows, pace = rows or feeder(experiment), pace or Pace(most)
    maker = maker or maker_of(experiment)
    known: dict[Key, Program] = {}
    warnings: list[str] = []
    copy = jax.jit(jnp.copy)  # the next call donates the carry itself

    def get(key: Key, carry: Carry) -> Program:
        if not known:
            known.update({key: program() for key, program in programs.items()})
        if key not in known:
            known[key] = compiled(experiment, maker, key, most, carry)
        if known[key].length != key[1] and not warnings:
            warnings.append(SLOW_LOOPS)
            log.warning(SLOW_LOOPS)
        return known[key]

    def advance(carry: Carry, step: int, count: int) -> Carry:
        end = step + count
        while step < end:
            active, same = plan_of(experiment.game, step, min(end - step, most))[0]
            run, of, room = get(key_of(experiment, active, same, most), carry)
            same, began = min(same, room), time.perf_counter()
            carry = run(carry, constants(experiment, of, same), rows(step, same, room))
            pace.sent(began, copy(carry.state.step), same)
            step += same
        return carry

    return advance


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
    return jax.device_get(source.read(experiment.arrays, jax.tree.map(jnp.asarray, fetched), rng.key(0)))


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
