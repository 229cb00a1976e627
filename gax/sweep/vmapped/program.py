"""Trains runs that differ only in numbers in one compiled program, by `vmap`.

Every array has a leading axis of runs. Each run is what it would be alone, up to rounding: it has its seed,
its order of the data, and its numbers, which the program takes as arrays. grouping.py decides which runs can
be trained like this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gax import data, gans
from gax.config import fields
from gax.core import metrics as meter
from gax.core import rng, sample, updates
from gax.core import step as steps
from gax.core.types import Array, Batch, PyTree, TrainState
from gax.data import prefetch
from gax.distributed import sharding as parallel
from gax.training import experiment, fixed_samples, programs, real_examples
from gax.training.experiment import Carry, Experiment
from gax.training.pace import Pace
from gax.viz import scatter

Values = Mapping[str, Any]  # dotted field of the config -> its number: float [], or [runs]


class Runs(NamedTuple):
    """Runs that are trained together.

    Attributes:
      built: The experiment of any of them, on the mesh over which the runs are sharded.
      seeds: The seed of each run.
      values: The fields that differ: {path: float [runs]}.
    """

    built: Experiment
    seeds: tuple[int, ...]
    values: dict[str, np.ndarray]

    @property
    def sharding(self) -> jax.sharding.Sharding:
        """The sharding of an array whose first axis is that of the runs."""
        return parallel.rows(self.built.mesh)


def gather(built: Experiment, configs: Sequence[ConfigDict], varied: Sequence[str] = ()) -> Runs:
    """The runs of `configs`, sharded over as many devices as divide their number.

    Args:
      built: The experiment of any of them.
      configs: The configs, which differ in the seed and in `varied` only.
      varied: The paths of the fields that differ.

    Returns:
      The runs.
    """
    devices = jax.devices()
    count = max(n for n in range(1, len(devices) + 1) if len(configs) % n == 0)
    mesh = parallel.mesh(devices[:count])
    arrays = jax.device_put(built.arrays, parallel.replicated(mesh))
    values = {
        path: np.asarray([fields.get(config, path) for config in configs], jnp.result_type(float))
        for path in varied
    }
    return Runs(built._replace(mesh=mesh, arrays=arrays), tuple(c.seed for c in configs), values)


def with_values(built: Experiment, values: Values) -> Experiment:
    """The experiment with other numbers in some fields. Checks nothing.

    Args:
      built: The experiment.
      values: {path: number}; the numbers may be tracers.

    Returns:
      The experiment.
    """
    if not values:
        return built
    config = built.config.copy_and_resolve_references()
    with config.unlocked(), config.ignore_type():
        for path, value in values.items():
            section, _, name = path.rpartition('.')
            (fields.get(config, section) if section else config)[name] = value
    return built._replace(config=config, game=gans.make(config, built.source.spec))


def over_runs(runs: Runs, fn: Callable[..., Any], *axes: int | None, **options: Any) -> Callable[..., Any]:
    """Compiles a function for all runs at once.

    Args:
      runs: The runs.
      fn: (experiment of one run, *arguments) -> a pytree.
      *axes: For each argument, 0 if it has the axis of the runs, None if the runs share it.
      **options: Those of jax.jit.

    Returns:
      (*arguments) -> a pytree with leaves [runs, ...].
    """

    def one(values: Values, *arguments: Any) -> Any:
        return fn(with_values(runs.built, values), *arguments)

    # Each device computes its runs only. The compiler alone would replicate the convolutions of all runs, see
    # conv.py.
    mesh, sharded = runs.built.mesh, jax.P(parallel.AXIS)
    split = jax.shard_map(
        jax.vmap(one, in_axes=(0, *axes)),
        mesh=mesh,
        in_specs=(sharded, *[jax.P() if axis is None else sharded for axis in axes]),
        out_specs=sharded,
        check_vma=False,
    )
    platform: str = mesh.devices.flat[0].platform
    compiled = jax.jit(
        split,
        out_shardings=runs.sharding,
        compiler_options=parallel.compiler_options(platform),
        **options,
    )
    return partial(compiled, jax.device_put(runs.values, runs.sharding))


def roots(runs: Runs) -> Array:
    """The root keys of the runs, uint32 [runs, 2]."""
    return jnp.stack([jnp.asarray(rng.root(seed)) for seed in runs.seeds])


def init(runs: Runs, like: Carry | None = None) -> Carry:
    """The carries before step 0.

    Args:
      runs: The runs.
      like: The shapes of the carry of one run, if they are known already.

    Returns:
      A carry with leaves [runs, ...].
    """
    metrics = (like or experiment.shapes(runs.built)).meter.totals

    def make(built: Experiment, key_data: Array) -> Carry:
        return Carry(steps.init(built.game, key_data), meter.empty(metrics))

    return over_runs(runs, make, 0)(roots(runs))


def place(runs: Runs, carries: Sequence[PyTree]) -> Carry:
    """Puts carries of single runs on the devices, as one carry. A program copies it; it can be donated.

    Args:
      runs: The runs.
      carries: The carry of each run, on the host.

    Returns:
      A carry with leaves [runs, ...].
    """
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *carries)
    return jax.jit(lambda tree: jax.tree.map(jnp.copy, tree), out_shardings=runs.sharding)(stacked)


def program(runs: Runs, active: updates.Active, count: int) -> Callable[..., Carry]:
    """The compiled steps of all runs, see `programs.program`. The carry is donated.

    Args:
      runs: The runs.
      active: The lazy terms and the phase.
      count: How many steps, or ANY.

    Returns:
      (carry, arrays, rows) -> carry, with `rows` a pytree of leaves [runs, steps, rows, ...].
    """

    def advance(built: Experiment, carry: Carry, arrays: Any, rows: Any) -> Carry:
        return programs.stretch(experiment.one_step(built, active), count, carry, arrays, rows)

    return over_runs(runs, advance, 0, None, 0, donate_argnums=1)


def advancer(runs: Runs, pace: Pace | None = None) -> Callable[[Carry, int, int], Carry]:
    """The function that advances all runs, see `programs.advancer`. All runs are at the same step.

    Args:
      runs: The runs.
      pace: Registers every call.

    Returns:
      (carry, step, count) -> carry.
    """

    def rows(count: int) -> Any:
        shapes = experiment.row_shapes(runs.built, count)
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct((len(runs.seeds), *x.shape), x.dtype), shapes)

    maker = programs.Maker(partial(program, runs), rows)
    return programs.advancer(runs.built, rows=feeder(runs), pace=pace, maker=maker)


def feeder(runs: Runs) -> prefetch.Feed:
    """The rows that each run reads: (step, count) -> leaves [runs, count, rows, ...]."""
    rows, order = runs.built.rows, data.order_of(runs.built.source)

    def indices(step: int, count: int) -> Any:
        read = {seed: order(seed, step * rows, count * rows) for seed in {*runs.seeds}}
        each = [
            jax.tree.map(lambda x: x.reshape(count, rows, *x.shape[1:]), read[seed]) for seed in runs.seeds
        ]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *each)

    return prefetch.Feed(indices, axis=1)


def taker(runs: Runs) -> Callable[[meter.Meter], tuple[meter.Meter, meter.Meter]]:
    """Compiled metrics of all runs -> (a copy of them, empty ones)."""
    return over_runs(runs, lambda built, m: (jax.tree.map(jnp.copy, m), meter.empty(m.totals)), 0)


def sampler(runs: Runs, num: int) -> Callable[[TrainState], Any]:
    """Compiled states -> `num` fakes of each run, from latents that are the same every time.

    See `fixed_samples.sampler`.
    """

    def fixed(built: Experiment, condition_batch: Batch, key_data: Array, state: TrainState) -> Any:
        return fixed_samples.fixed_fakes(
            built, key_data, state, num, condition_batch, sample.last_phase(built.game)
        )

    condition_batch = real_examples.conditions(runs.built, num)
    return partial(over_runs(runs, fixed, None, 0, 0), condition_batch, roots(runs))


def surfaces(runs: Runs, real: PyTree) -> Callable[[TrainState], Array | None]:
    """D's logits on a grid in the plane, over which pictures of points are drawn.

    Args:
      runs: The runs.
      real: Real examples, which determine the extent of the grid.

    Returns:
      Compiled states -> logits [runs, ...]; None for other data than points in the plane.
    """
    spec = runs.built.source.spec
    if spec.fields[spec.target].kind != 'point' or spec.target_shape != (2,):
        return lambda states: None
    plane = jnp.asarray(scatter.lattice(scatter.window(real[spec.target])))
    return over_runs(runs, lambda built, state: sample.surface(built.game, state, plane), 0)


@jax.jit
def _pick(tree: PyTree, run: int | Array) -> PyTree:
    return jax.tree.map(lambda x: x[run], tree)


def pick(tree: PyTree, run: int) -> PyTree:
    """The part of one run of a tree with an axis of runs, on the first device."""
    return jax.device_put(_pick(tree, run), parallel.replicated(parallel.mesh(jax.devices()[:1])))
