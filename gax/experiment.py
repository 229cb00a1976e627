"""From a config to compiled training: source, game, mesh, and the function that carries a run forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from gax import config as configs
from gax import data, gans, meter, parallel, rng, sampling
from gax import step as steps
from gax.data import order
from gax.types import Array, Game, TrainState


class Carry(NamedTuple):
    """All that a run carries from step to step, on the device and into a checkpoint."""

    state: TrainState
    meter: meter.Meter


class Experiment(NamedTuple):
    """A config brought to life. `arrays` is the data, on the devices. `rows`: examples that one step consumes."""

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


def init(experiment: Experiment) -> Carry:
    """The carry before step 0, on the devices."""

    def make(key_data: Array) -> Carry:
        state = steps.init(experiment.game, key_data)
        return Carry(state, meter.empty(metrics_of(experiment, state)))

    out = parallel.replicated(experiment.mesh)
    return jax.jit(make, out_shardings=out)(rng.root(experiment.config.seed))


def metrics_of(experiment: Experiment, state: TrainState) -> Any:
    """The shapes of the metrics of one step."""
    indices = jax.ShapeDtypeStruct((experiment.rows,), 'int32')
    one = one_step(experiment, None)
    return jax.eval_shape(one, state, experiment.arrays, indices)[1]


def one_step(experiment: Experiment, due: steps.Due | None) -> Callable[..., Any]:
    """(state, arrays, indices [rows]) -> (state, metrics): reads its batch, then takes the game's step."""
    step, read = steps.make_step(experiment.game, due), experiment.source.read

    def one(state: TrainState, arrays: Any, indices: Array) -> Any:
        key = rng.stream(rng.at_step(state.key, state.step), 'data')
        return step(state, read(arrays, indices, key))

    return one


def program(experiment: Experiment, due: steps.Due | None = None, count: int = 1) -> Callable[..., Carry]:
    """The compiled (carry, arrays, indices [count, rows]) -> carry: `count` steps, metrics gathered on the device."""
    one = one_step(experiment, due)

    def advance(carry: Carry, arrays: Any, indices: Array) -> Carry:
        def body(carry: Carry, row: Array) -> tuple[Carry, None]:
            state, metrics = one(carry.state, arrays, row)
            return Carry(state, meter.add(carry.meter, metrics, carry.state.step)), None

        # A scan of one step would still be a loop, in which XLA:CPU runs code more slowly.
        return body(carry, indices[0])[0] if count == 1 else jax.lax.scan(body, carry, indices)[0]

    return parallel.compile(advance, experiment.mesh, row_axis=1)


def indices(experiment: Experiment, step: int, count: int = 1) -> Any:
    """The examples that steps `step` .. `step + count - 1` read: int32 [count, rows], a function of the seed alone."""
    rows, size = experiment.rows, experiment.source.spec.size
    return order.indices(experiment.config.seed, step * rows, count * rows, size).reshape(count, rows)


def advancer(experiment: Experiment) -> Callable[[Carry, int, int], Carry]:
    """(carry, step, count) -> carry, with one compiled program per set of due lazy terms and per count."""
    programs: dict[Any, Callable[..., Carry]] = {}

    def advance(carry: Carry, step: int, count: int) -> Carry:
        key = (steps.due_terms(experiment.game, step), count)
        if key not in programs:
            programs[key] = program(experiment, *key)
        return programs[key](carry, experiment.arrays, indices(experiment, step, count))

    return advance


def sampler(experiment: Experiment, num: int) -> Callable[[TrainState], Any]:
    """Compiled state -> `num` fakes from latents that are the same every time, classes in turn."""
    key_data = rng.root(experiment.config.seed)

    def fixed(state: TrainState) -> Any:
        key = rng.stream(jax.random.wrap_key_data(key_data, impl='threefry2x32'), 'samples')
        label = sampling.labels_in_turn(num, experiment.source.spec.num_classes)
        return sampling.sample(experiment.game, state, key, num, label)

    return jax.jit(fixed)
