"""From a config to compiled training: source, game, mesh, and the function that carries a run forward."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from gax import config as configs
from gax import data, gans, meter, parallel, rng, sampling
from gax import step as steps
from gax.data import feed, order
from gax.types import Array, Game, TrainState

AHEAD = 2


class Carry(NamedTuple):
    """All that a run carries from step to step, on the device and into a checkpoint."""

    state: TrainState
    meter: meter.Meter


class Experiment(NamedTuple):
    """A config brought to life. `arrays`: the data that lives on the devices. `rows`: examples that one step consumes."""

    config: ConfigDict
    source: data.Source
    game: Game
    mesh: Mesh
    arrays: Any
    rows: int


def build(config: ConfigDict, mesh: Mesh | None = None) -> Experiment:
    """Checks the config and makes everything but the compiled programs. Raises GaxError for bad configs and data."""
    configs.check(config)
    mesh = mesh or parallel.mesh()
    parallel.check_batch(config.batch_size, mesh)
    source = data.load(config)
    game = gans.make(config, source.spec)
    arrays = jax.device_put(source.arrays, parallel.replicated(mesh))
    return Experiment(config, source, game, mesh, arrays, config.batch_size * steps.draws(game))


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
    """The shapes of the metrics of one step."""
    rows = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), row_shapes(experiment))
    return jax.eval_shape(one_step(experiment, None), state, experiment.arrays, rows)[1]


def row_shapes(experiment: Experiment, count: int = 1) -> Any:
    """The shapes of the rows that `count` steps read, leaves [count, rows, ...]: one example is fetched to know them."""
    fetch = experiment.source.fetch or (lambda index: index)
    example = fetch(np.zeros(1, np.int32))
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((count, experiment.rows, *x.shape[1:]), x.dtype), example
    )


def one_step(experiment: Experiment, due: steps.Due | None) -> Callable[..., Any]:
    """(state, arrays, rows) -> (state, metrics): reads its batch, then takes the game's step. rows: see `feeder`."""
    step, read = steps.make_step(experiment.game, due), experiment.source.read

    def one(state: TrainState, arrays: Any, rows: Any) -> Any:
        key = rng.stream(rng.at_step(state.key, state.step), 'data')
        return step(state, read(arrays, rows, key))

    return one


def program(experiment: Experiment, due: steps.Due | None = None, count: int = 1) -> Any:
    """The compiled (carry, arrays, rows) -> carry: `count` steps, metrics gathered on the device.

    rows: a pytree of leaves [count, rows, ...], see `feeder`.
    """
    one = one_step(experiment, due)

    def advance(carry: Carry, arrays: Any, rows: Any) -> Carry:
        def body(carry: Carry, step_rows: Any) -> tuple[Carry, None]:
            state, metrics = one(carry.state, arrays, step_rows)
            return Carry(state, meter.add(carry.meter, metrics, carry.state.step)), None

        # A scan of one step would still be a loop, in which XLA:CPU runs code more slowly.
        if count == 1:
            return body(carry, jax.tree.map(lambda x: x[0], rows))[0]
        return jax.lax.scan(body, carry, rows)[0]

    return parallel.compile(advance, experiment.mesh, row_axis=1)


def indices(experiment: Experiment, step: int, count: int = 1) -> Any:
    """The examples that steps `step` .. `step + count - 1` read: int32 [count, rows], a function of the seed alone."""
    rows, size = experiment.rows, experiment.source.spec.size
    return order.indices(experiment.config.seed, step * rows, count * rows, size).reshape(count, rows)


def feeder(experiment: Experiment) -> feed.Feed:
    """(step, count) -> the rows of `count` steps from `step` on, leaves [count, rows, ...], which `source.read` reads.

    The examples' indices, where the data is on the device; what `source.fetch` makes of them, ready ahead of time, where
    it is not. Close it, to end its workers.
    """
    source, rows = experiment.source, experiment.rows
    if source.fetch is None:
        return feed.Feed(lambda step, count: indices(experiment, step, count))
    pick = feed.Pick(experiment.config.seed, rows, source.spec.size, source.fetch)
    return feed.Stream(pick, parallel.rows(experiment.mesh, 1), experiment.config.data.workers)


Key = tuple[Any, int]  # of a program: the lazy terms that are due, and the number of steps


def compile_ahead(
    experiment: Experiment, like: Carry, step: int, count: int
) -> dict[Key, Callable[..., Carry]]:
    """The program that a call of `count` steps at `step` needs, compiled in another thread while this one goes on."""
    key = (steps.due_terms(experiment.game, step), count)
    rows = row_shapes(experiment, count)
    pool = ThreadPoolExecutor(1, 'gax-compile')
    found = pool.submit(lambda: program(experiment, *key).lower(like, experiment.arrays, rows).compile())
    pool.shutdown(wait=False)
    return {key: lambda *arguments: found.result()(*arguments)}


def advancer(
    experiment: Experiment,
    programs: Mapping[Key, Callable[..., Carry]] = MappingProxyType({}),
    rows: Callable[[int, int], Any] | None = None,
) -> Callable[[Carry, int, int], Carry]:
    """(carry, step, count) -> carry, with one compiled program per set of due lazy terms and per count.

    programs: those that are there already. rows: a `feeder`, where the caller wants to close it. At most AHEAD calls wait
    on the device: a signal is answered soon, and what the host says of progress is true.
    """
    known, waiting = dict(programs), deque[Array]()
    rows = rows or feeder(experiment)
    copy = jax.jit(jnp.copy)  # the carry itself is given away in the next call

    def advance(carry: Carry, step: int, count: int) -> Carry:
        key = (steps.due_terms(experiment.game, step), count)
        if key not in known:
            known[key] = program(experiment, *key)
        carry = known[key](carry, experiment.arrays, rows(step, count))
        waiting.append(copy(carry.state.step))
        if len(waiting) > AHEAD:
            waiting.popleft().block_until_ready()
        return carry

    return advance


def sample_grid(experiment: Experiment) -> tuple[int, int]:
    """(how many samples a picture of a run shows, its columns): a column a class, where there are not too many."""
    classes = experiment.source.spec.num_classes
    columns = classes if 0 < classes <= 16 else 8
    return (2048 if 'point' in experiment.source.spec.fields else 8 * columns), columns


def reals(experiment: Experiment, num: int) -> Any:
    """A host batch of `num` examples, the same every time."""
    source = experiment.source
    rows: np.ndarray = np.arange(num, dtype=np.int32) % (source.spec.size or num)
    fetched = source.fetch(rows) if source.fetch else rows
    return jax.device_get(
        source.read(experiment.arrays, jax.tree.map(jnp.asarray, fetched), jax.random.key(0))
    )


def sampler(experiment: Experiment, num: int) -> Callable[[TrainState], Any]:
    """Compiled state -> `num` fakes from latents that are the same every time, classes in turn."""
    key_data = rng.root(experiment.config.seed)

    def fixed(state: TrainState) -> Any:
        key = rng.stream(jax.random.wrap_key_data(key_data, impl='threefry2x32'), 'samples')
        label = sampling.labels_in_turn(num, experiment.source.spec.num_classes)
        return sampling.sample(experiment.game, state, key, num, label)

    return jax.jit(fixed)
