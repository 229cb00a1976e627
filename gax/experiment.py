"""From a config to compiled training: source, game, mesh, and the function that carries a run forward."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from gax import config as configs
from gax import data, gans, loop, meter, parallel, rng, sampling
from gax import step as steps
from gax.data import feed, order
from gax.types import Array, Game, TrainState

AHEAD = 2
# Training steps a call, where config.steps_per_call leaves the choice. Measured on CPU: a tenth of the host's work, and
# XLA's memory reused between steps (benchmarks/README.md). Not yet measured elsewhere.
AUTOMATIC = {'cpu': 10}  # and 10 on others
# Lazy terms that are due, and for how many steps; one after another.
Plan = tuple[tuple[steps.Due | None, int], ...]


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


def build(config: ConfigDict, mesh: Mesh | None = None, source: data.Source | None = None) -> Experiment:
    """Checks the config and makes everything but the compiled programs. Raises GaxError for bad configs and data.

    source: in place of the one that the config names.
    """
    configs.check(config)
    mesh = mesh or parallel.mesh()
    parallel.check_batch(config.batch_size, mesh)
    source = source or data.load(config)
    game = gans.make(config, source.spec)
    arrays = parallel.put(source.arrays, parallel.replicated(mesh))
    return Experiment(config, source, game, mesh, arrays, config.batch_size * steps.draws(game))


def own(experiment: Experiment) -> Experiment:
    """The experiment on this process's devices alone, for what it does without the others (see parallel.view)."""
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
    """The shapes of the metrics of one step, as each replica makes it where there are such: it may refuse its rows."""
    share = experiment.mesh.size if parallel.PARALLEL[experiment.config.parallel].replicas else 1
    rows = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((x.shape[1] // share, *x.shape[2:]), x.dtype), row_shapes(experiment)
    )
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
    """The compiled (carry, arrays, rows) -> carry: `count` steps with the same lazy terms. See `planned`."""
    return planned(experiment, ((due, count),))


def planned(experiment: Experiment, plan: Plan) -> Any:
    """The compiled (carry, arrays, rows) -> carry: the steps of `plan`, metrics gathered on the device.

    rows: a pytree of leaves [steps, rows, ...], see `feeder`. Compiled as config.parallel says.
    """
    mode = parallel.PARALLEL[experiment.config.parallel]
    played = experiment._replace(game=mode.game(experiment.game, experiment.mesh))
    return mode.compile(chained(played, plan, mode.step), experiment.mesh, 1)


def chained(
    experiment: Experiment, plan: Plan, change: Callable[..., Any] = lambda step: step
) -> Callable[[Carry, Any, Any], Carry]:
    """The steps of `plan`, each changed by `change`, as one pure function (carry, arrays, rows) -> carry. See `planned`."""
    stretches = [(change(one_step(experiment, due)), count) for due, count in plan]

    def advance(carry: Carry, arrays: Any, rows: Any) -> Carry:
        at = 0
        for one, count in stretches:
            part = jax.tree.map(lambda x: x[at : at + count], rows)  # noqa: B023 (used at once)
            carry = stretch(one, count, carry, arrays, part)
            at += count
        return carry

    return advance


def stretch(one: Callable[..., Any], count: int, carry: Carry, arrays: Any, rows: Any) -> Carry:
    """`count` steps `one` (see `one_step`), one after the other."""

    def body(carry: Carry, step_rows: Any) -> tuple[Carry, None]:
        state, metrics = one(carry.state, arrays, step_rows)
        return Carry(state, meter.add(carry.meter, metrics, carry.state.step)), None

    # A scan of one step would still be a loop, in which XLA:CPU runs code more slowly.
    if count == 1:
        return body(carry, jax.tree.map(lambda x: x[0], rows))[0]
    return jax.lax.scan(body, carry, rows)[0]


def plan_of(game: Game, step: int, count: int) -> Plan:
    """What falls due in a call of `count` steps from `step` on."""
    dues = itertools.groupby(steps.due_terms(game, at) for at in range(step, step + count))
    return tuple((due, len(list(same))) for due, same in dues)


def call_sizes(experiment: Experiment, hooks: Sequence[loop.Hook] = ()) -> tuple[int, int]:
    """(the training steps of a call, the number that the first step of such a call is a multiple of).

    config.steps_per_call, or where that is 0 the platform's. With lazy terms a call is no longer than their common rhythm,
    and divides it: then all calls are of few programs, as each begins where a term falls due or a fixed way behind. Of
    the sizes that do, the one with the fewest calls, as `hooks` end some early.
    """
    asked = experiment.config.steps_per_call or AUTOMATIC.get(experiment.mesh.devices.flat[0].platform, 10)
    lazy = steps.lazy_terms(experiment.game)
    if not lazy:
        return asked, 1
    fitting = [n for n in range(1, asked + 1) if math.gcd(*lazy.values()) % n == 0]
    return (min(fitting, key=lambda size: calls(size, hooks)),) * 2


def calls(size: int, hooks: Sequence[loop.Hook], steps: int = 1000) -> int:
    """How many calls of `size` steps, each beginning at a multiple of that, and of single steps `steps` steps take."""
    step = count = 0
    while step < steps:
        step += loop.call_size(step, steps, hooks, size, size)
        count += 1
    return count


def indices(experiment: Experiment, step: int, count: int = 1) -> Any:
    """The examples that steps `step` .. `step + count - 1` read: int32 [count, rows], a function of the seed alone."""
    rows, size = experiment.rows, experiment.source.spec.size
    return order.indices(experiment.config.seed, step * rows, count * rows, size).reshape(count, rows)


def feeder(experiment: Experiment) -> feed.Feed:
    """(step, count) -> the rows of `count` steps from `step` on, leaves [count, rows, ...], which `source.read` reads.

    The examples' indices, where the data is on the device; what `source.fetch` makes of them, ready ahead of time, where
    it is not. Close it, to end its workers.
    """
    source, rows, sharding = experiment.source, experiment.rows, parallel.rows(experiment.mesh, 1)
    if source.fetch is None:
        if not parallel.spans(experiment.mesh):
            return feed.Feed(lambda step, count: indices(experiment, step, count))
        return feed.Feed(lambda step, count: parallel.put(indices(experiment, step, count), sharding))
    pick = feed.Pick(experiment.config.seed, rows, source.spec.size, source.fetch)
    return feed.Stream(pick, sharding, experiment.config.data.workers)


def compile_ahead(
    experiment: Experiment, like: Carry, step: int, count: int
) -> dict[Plan, Callable[..., Carry]]:
    """The program that a call of `count` steps at `step` needs, compiled in another thread while this one goes on."""
    plan = plan_of(experiment.game, step, count)
    made = planned(experiment, plan)
    if not hasattr(made, 'lower'):  # what compiles at its first call
        return {plan: made}
    rows = row_shapes(experiment, count)
    pool = ThreadPoolExecutor(1, 'gax-compile')
    found = pool.submit(lambda: made.lower(like, experiment.arrays, rows).compile())
    pool.shutdown(wait=False)
    return {plan: lambda *arguments: found.result()(*arguments)}


def advancer(
    experiment: Experiment,
    programs: Mapping[Plan, Callable[..., Carry]] = MappingProxyType({}),
    rows: Callable[[int, int], Any] | None = None,
    make: Callable[[Experiment, Plan], Callable[..., Carry]] = planned,
) -> Callable[[Carry, int, int], Carry]:
    """(carry, step, count) -> carry, with one compiled program per pattern of due lazy terms.

    programs: those that are there already. rows: a `feeder`, where the caller wants to close it. make: how a program is made.
    At most AHEAD calls wait on the device: a signal is answered soon, and what the host says of progress is true.
    """
    known, waiting = dict(programs), deque[Array]()
    rows = rows or feeder(experiment)
    copy = jax.jit(jnp.copy)  # the carry itself is given away in the next call

    def advance(carry: Carry, step: int, count: int) -> Carry:
        plan = plan_of(experiment.game, step, count)
        if plan not in known:
            known[plan] = make(experiment, plan)
        carry = known[plan](carry, experiment.arrays, rows(step, count))
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
    """A host batch of `num` examples, a random choice that is the same every time: sets may lie in any order."""
    source, size = experiment.source, experiment.source.spec.size or num
    rows = np.random.default_rng(0).permutation(size)[np.arange(num) % size].astype(np.int32)
    fetched = source.fetch(rows) if source.fetch else rows
    return jax.device_get(source.read(experiment.arrays, jax.tree.map(jnp.asarray, fetched), rng.key(0)))


def sampler(experiment: Experiment, num: int) -> Callable[[TrainState], Any]:
    """Compiled state -> `num` fakes from latents that are the same every time, classes in turn."""
    key_data = rng.root(experiment.config.seed)
    return jax.jit(lambda state: fixed_fakes(experiment, key_data, state, num))


def fixed_fakes(experiment: Experiment, key_data: Array, state: TrainState, num: int) -> Any:
    """`num` fakes that follow from the state and the root stream (see rng.root) alone. Pure."""
    key = rng.stream(jax.random.wrap_key_data(key_data, impl='threefry2x32'), 'samples')
    label = sampling.labels_in_turn(num, experiment.source.spec.num_classes)
    return sampling.sample(experiment.game, state, key, num, label)
