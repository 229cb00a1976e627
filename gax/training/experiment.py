"""From a config to compiled training: source, game, mesh, and the function that carries a run forward."""

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

# Training steps a call, where config.steps_per_call leaves the choice. Measured on CPU: a tenth of the host's
# work, and XLA's memory reused between steps (benchmarks/README.md). Not yet measured elsewhere.
AUTOMATIC = {'cpu': 10}  # and 10 on others
ROOM = 2**25  # bytes of rows in a call
LOOK_AHEAD = 64  # steps whose programs are compiled before the first one
ANY = 0  # number of steps
SLOW_LOOPS = (
    "one step a call: the networks hold XLA's own convolutions (as flax.linen.Conv makes), which are slow on CPU, and in a loop "
    'many times slower; gax.nets.layers.Conv, of the same parameters, is fast on CPU, in loops too'
)
Key = tuple[steps.Active, int]  # of a program: what its steps hold, and their number, or ANY


class Carry(NamedTuple):
    """All that a run carries from step to step, on the device and into a checkpoint."""

    state: TrainState
    meter: meter.Meter


class Experiment(NamedTuple):
    """A config brought to life.

    `arrays`: the data that lives on the devices. `rows`: examples that one step consumes.
    """

    config: ConfigDict
    source: data.Source
    game: Game
    mesh: Mesh
    arrays: Any
    rows: int


def build(config: ConfigDict, mesh: Mesh | None = None, source: data.Source | None = None) -> Experiment:
    """Checks the config and makes everything but the compiled programs. Raises GaxError for bad configs and
    data.

    source: in place of the one that the config names.
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
    """The source with the arrays of frozen nets among its own: programs take them as an argument, since
    arrays that a traced function closes over become constants of its program.
    """
    if not game.frozen:
        return source
    arrays = (source.arrays, {name: tuple(frozen) for name, frozen in game.frozen.items()})
    return source._replace(arrays=arrays, read=lambda arrays, rows, key: source.read(arrays[0], rows, key))


def with_arrays(game: Game, arrays: Any) -> Game:
    """The game with the arrays of its frozen nets from those of `with_frozen`."""
    return game._replace(frozen={name: Frozen(*arrays[1][name]) for name in game.frozen})


def own(experiment: Experiment) -> Experiment:
    """The experiment on this process's devices alone, for what it does without the others (see
    sharding.view).
    """
    mesh = parallel.own(experiment.mesh)
    return experiment._replace(mesh=mesh, arrays=parallel.view(experiment.arrays, mesh))


def shapes(experiment: Experiment) -> Carry:
    """The shapes of the carry. Traces the whole step, so what is wrong with a network is found here."""
    state = jax.eval_shape(lambda: steps.init(experiment.game, rng.root(experiment.config.seed)))
    return jax.eval_shape(lambda: Carry(state, meter.empty(metrics_of(experiment, state))))


def init(experiment: Experiment, like: Carry | None = None) -> Carry:
    """The carry before step 0, on the devices. like: its shapes, where they are known already."""
    metrics = (like or shapes(experiment)).meter.totals

    def make(key_data: Array) -> Carry:
        return Carry(steps.init(experiment.game, key_data), meter.empty(metrics))

    out = parallel.replicated(experiment.mesh)
    return jax.jit(make, out_shardings=out)(rng.root(experiment.config.seed))


def metrics_of(experiment: Experiment, state: TrainState) -> Any:
    """The shapes of the metrics of one step, as each replica makes it where there are such: it may refuse
    its rows.
    """
    share = experiment.mesh.size if parallel.PARALLEL[experiment.config.parallel].replicas else 1
    rows = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((x.shape[1] // share, *x.shape[2:]), x.dtype), row_shapes(experiment)
    )
    found: dict[str, Any] = {}
    for phase in steps.phase_names(experiment.game):
        one = one_step(experiment, steps.Active(None, phase))
        found |= jax.eval_shape(one, state, experiment.arrays, rows)[1]
    return found


def row_shapes(experiment: Experiment, count: int = 1) -> Any:
    """The shapes of the rows that `count` steps read, leaves [count, rows, ...]: one example is fetched to
    know them.
    """
    fetch = experiment.source.fetch or (lambda index: index)
    example = fetch(data.order_of(experiment.source)(experiment.config.seed, 0, 1))
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((count, experiment.rows, *x.shape[1:]), x.dtype), example
    )


def one_step(experiment: Experiment, active: steps.Active = steps.EVERY_TERM) -> Callable[..., Any]:
    """(state, arrays, rows) -> (state, metrics): reads its batch, then takes the game's step. rows: see
    `feeder`.
    """
    read = experiment.source.read

    def one(state: TrainState, arrays: Any, rows: Any) -> Any:
        step = steps.make_step(with_arrays(experiment.game, arrays), *active)
        key = rng.stream(rng.at_step(state.key, state.step), 'data')
        return step(state, read(arrays, rows, key))

    return one


def program(experiment: Experiment, active: steps.Active = steps.EVERY_TERM, count: int = 1) -> Any:
    """The compiled (carry, arrays, rows) -> carry: `count` steps of the same phase with the same lazy terms,
    metrics gathered on the device.

    rows: a pytree of leaves [steps, rows, ...], see `feeder`. A program of ANY number of steps is given that
        number with each
    call, at most as many as there are rows: (carry, (arrays, number), rows) -> carry. Compiled as
    config.parallel says.
    """
    mode = parallel.PARALLEL[experiment.config.parallel]
    played = experiment._replace(game=mode.game(experiment.game, experiment.mesh))
    one = mode.step(one_step(played, active))
    return mode.compile(functools.partial(stretch, one, count), experiment.mesh, 1)


def stretch(one: Callable[..., Any], count: int, carry: Carry, arrays: Any, rows: Any) -> Carry:
    """`count` steps `one` (see `one_step`), one after the other. See `program`."""
    arrays, number = arrays if count == ANY else (arrays, count)

    def body(at: Any, carry: Carry) -> Carry:
        here = jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, at, keepdims=False), rows)
        state, metrics = one(carry.state, arrays, here)
        return Carry(state, meter.add(carry.meter, metrics, carry.state.step))

    # A loop of one step would still be a loop, in which XLA:CPU convolves slowly.
    return body(0, carry) if count == 1 else jax.lax.fori_loop(0, number, body, carry)


def plan_of(game: Game, step: int, count: int) -> list[tuple[steps.Active, int]]:
    """What `count` steps from `step` on hold, and how many of them in a row hold the same."""
    groups = itertools.groupby(steps.active_at(game, at) for at in range(step, step + count))
    return [(active, len(list(same))) for active, same in groups]


def longest_call(experiment: Experiment) -> int:
    """The most steps of a call: config.steps_per_call, or where that is 0 the platform's; fewer where their
    rows are large.
    """
    most = experiment.config.steps_per_call or AUTOMATIC.get(platform(experiment), 10)
    size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(row_shapes(experiment)))
    return max(1, min(most, ROOM // max(1, size)))


def platform(experiment: Experiment) -> str:
    """'cpu', 'gpu' or 'tpu'."""
    return str(experiment.mesh.devices.flat[0].platform)


def indices(experiment: Experiment, step: int, count: int = 1) -> Any:
    """The examples that steps `step` ..

    `step + count - 1` read: int32 [count, rows], a function of the seed alone.
    """
    rows, order = experiment.rows, data.order_of(experiment.source)
    chosen = order(experiment.config.seed, step * rows, count * rows)
    return jax.tree.map(lambda x: x.reshape(count, rows, *x.shape[1:]), chosen)


def feeder(experiment: Experiment) -> prefetch.Feed:
    """(step, count) -> the rows of `count` steps from `step` on, leaves [count, rows, ...], which
    `source.read` reads.

    The examples' indices, where the data is on the device; what `source.fetch` makes of them, ready ahead of
    time, where it is not. Close it, to end its workers.
    """
    source, rows, sharding = experiment.source, experiment.rows, parallel.rows(experiment.mesh, 1)
    if source.fetch is None:
        put = (lambda x: parallel.put(x, sharding)) if parallel.spans(experiment.mesh) else (lambda x: x)
        return prefetch.Feed(lambda step, count: indices(experiment, step, count), put=put)
    pick = prefetch.Pick(experiment.config.seed, rows, data.order_of(source), source.fetch)
    return prefetch.Stream(pick, sharding, experiment.config.data.get('workers', 0))


class Maker(NamedTuple):
    """How programs are made. program: (active, count) -> see `program`; rows: n -> the shapes of the rows of n
    steps.
    """

    program: Callable[[steps.Active, int], Any]
    rows: Callable[[int], Any]


class Program(NamedTuple):
    """A compiled program. length: how many steps it takes, or ANY. room: of how many steps it is given the
    rows.
    """

    run: Callable[..., Carry]
    length: int
    room: int


def key_of(experiment: Experiment, active: steps.Active, count: int, most: int) -> Key:
    """Which program takes `count` steps: the one of ANY number, or on accelerators, where a loop of unknown
    length asks the host on every step whether it goes on, that of the longest call.
    """
    return active, most if most == 1 or (count == most and platform(experiment) != 'cpu') else ANY


def constants(experiment: Experiment, count: int, number: int) -> Any:
    """The second argument of a program of `count` steps, which takes `number` of them: see `program`."""
    if count != ANY:
        return experiment.arrays
    steps, mesh = np.int32(number), experiment.mesh
    return experiment.arrays, parallel.put(steps, parallel.replicated(mesh)) if parallel.spans(
        mesh
    ) else steps


def compiled(experiment: Experiment, maker: Maker, key: Key, most: int, carry: Any) -> Program:
    """Of a single step where it would be a loop on CPU that holds convolutions of XLA's own."""
    active, count = key
    made: Any = maker.program(active, count)
    bound = made.args if isinstance(made, functools.partial) else ()
    made = made.func if isinstance(made, functools.partial) else made
    ahead = hasattr(made, 'lower')  # what has not compiles at its first call
    lowered = (made if ahead else made.alike).lower(
        *bound, carry, constants(experiment, count, 1), maker.rows(most)
    )
    if count != 1 and platform(experiment) == 'cpu' and 'stablehlo.convolution' in lowered.as_text():
        return compiled(experiment, maker, (active, 1), 1, carry)
    return Program(functools.partial(lowered.compile(), *bound) if ahead else made, count, most)


def maker_of(experiment: Experiment) -> Maker:
    return Maker(functools.partial(program, experiment), functools.partial(row_shapes, experiment))


def compile_ahead(
    experiment: Experiment, like: Carry, start: int, end: int
) -> dict[Key, Callable[[], Program]]:
    """The programs that the steps from `start` on need, compiled in other threads while this one goes on."""
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
    """(carry, step, count) -> carry, with one compiled program per phase and set of due lazy terms, whatever
    `count` is.

    programs: see `compile_ahead`; all are waited for before the first step, as a signal is answered between
    calls. rows: a `feeder`, where the caller wants to close it. pace: told of every call; few of them wait on
    the device, so that a signal is answered soon, and what the host says of progress is true.
    """
    most = longest_call(experiment)
    rows, pace = rows or feeder(experiment), pace or Pace(most)
    maker = maker or maker_of(experiment)
    known: dict[Key, Program] = {}
    told: list[str] = []
    copy = jax.jit(jnp.copy)  # the carry itself is given away in the next call

    def get(key: Key, carry: Carry) -> Program:
        if not known:
            known.update({key: program() for key, program in programs.items()})
        if key not in known:
            known[key] = compiled(experiment, maker, key, most, carry)
        if known[key].length != key[1] and not told:
            told.append(SLOW_LOOPS)
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
    """(how many samples a picture of a run shows, its columns): a column a class, where there are not too
    many.
    """
    classes = experiment.source.spec.num_classes
    columns = classes if 0 < classes <= 16 else 8
    spec = experiment.source.spec
    many = spec.fields[spec.target].kind in ('point', 'table')
    return (2048 if many else 8 * columns), columns


def reals(experiment: Experiment, num: int) -> Any:
    """A host batch of `num` examples, a random choice that is the same every time: sets may lie in any
    order.
    """
    size = experiment.source.spec.size or num
    return examples(experiment, np.random.default_rng(0).permutation(size)[np.arange(num) % size])


def examples(experiment: Experiment, indices: np.ndarray) -> Any:
    """A host batch of the examples with these indices, int [num]."""
    source = experiment.source
    rows: np.ndarray = indices.astype(np.int32)
    fetched = source.fetch(rows) if source.fetch else rows
    return jax.device_get(source.read(experiment.arrays, jax.tree.map(jnp.asarray, fetched), rng.key(0)))


def conditions(experiment: Experiment, num: int) -> Batch:
    """What `num` fakes are made from beside noise, the same every time: leaves [num, ...].

    Of a game that is conditioned on labels alone the classes in turn; of others fields of real examples.
    """
    names = experiment.game.conditions
    if set(names) <= {'label'}:
        label = sample.labels_in_turn(num, experiment.source.spec.num_classes)
        return {'label': label} if names and label is not None else {}
    examples = reals(experiment, num)
    return {name: jnp.asarray(examples[name]) for name in names}


def sampler(experiment: Experiment, num: int) -> Callable[[TrainState], Any]:
    """Compiled state -> `num` fakes from latents and conditions that are the same every time."""
    key_data, given = rng.root(experiment.config.seed), conditions(experiment, num)
    compiled = jax.jit(
        lambda state, given, phase: fixed_fakes(experiment, key_data, state, num, given, phase),
        static_argnums=2,
    )
    game = experiment.game
    return lambda state: compiled(state, given, game.phase_at(int(state.step)) if game.phases else '')


def fixed_fakes(
    experiment: Experiment, key_data: Array, state: TrainState, num: int, given: Batch, phase: str = ''
) -> Any:
    """`num` fakes that follow from the state, the conditions `given` and the root stream (see rng.root)
    alone. Pure.
    """
    key = rng.stream(jax.random.wrap_key_data(key_data, impl='threefry2x32'), 'samples')
    return sample.sample(experiment.game, state, key, num, given, phase=phase)
