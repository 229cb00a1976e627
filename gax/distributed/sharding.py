"""Devices: a mesh with one axis, `data`. Batches are sharded over it; the train state is replicated.

There is one step function. `config.parallel` chooses how it is compiled:

jit        The step is written for the global batch; the compiler inserts the all-reduces. The number of
           devices changes no result (to rounding). Batch-norm statistics are global. Random draws are the
           same on any mesh, because threefry computes them position by position.
shard_map  Every device is a replica that runs the step on its shard of the batch. One all-reduce an update
           averages what the replica computed (gradient, loss, statistics of normalisation, states of terms,
           metrics) before anything is made of it. Replicas draw their shares of the numbers that `jit` draws
           (see rng.py).
pmap       The same, by `jax.pmap`.

All three agree, to rounding, if an objective is a mean over independent examples. Otherwise the examples of a
replica depend only on the examples of the same replica: batch-norm (running averages are the mean of the
replicas'), minibatch discrimination and standard deviation, relativistic averages, feature matching, top-k,
DRAGAN's standard deviation, a controller that takes a sign. A metric that is no mean (the largest logit) is
the mean of the replicas' values.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gax import errors
from gax.core import rng
from gax.core.types import Batch, Game, Key, PyTree, TrainState

AXIS = 'data'
# XLA:CPU has a pass that undoes rematerialisation (wrappers.remat): it removes the barriers by which JAX
# keeps the recomputed forward pass apart from the first one, and common subexpressions are then merged.
# Level 2 of LLVM's optimizations compiles the steps of four configs in 0.69 to 0.93 of the time of level 3,
# XLA's default, and the steps take 0.84 to 1.02 of the time (benchmarks/results/levels.json).
OPTIONS: dict[str, dict[str, Any]] = {
    'cpu': {'xla_disable_hlo_passes': 'cse_barrier_expander', 'xla_backend_optimization_level': 2}
}
Advance = Callable[..., Any]  # (carry, arrays, rows) -> carry
OneStep = Callable[..., Any]  # (state, arrays, rows) -> (state, metrics)


class Mode(NamedTuple):
    """A way to run a game on the devices of a mesh.

    Attributes:
      compile: (fn, mesh, row_axis) -> the compiled fn of (carry, arrays, rows) -> carry. `carry` is donated;
        `rows` are sharded along `row_axis`.
      game: (game, mesh) -> the game that the step is built from.
      step: The step for the whole batch -> the step that each device runs.
      replicas: Whether each device treats its shard as the whole batch.
    """

    compile: Callable[[Advance, Mesh, int], Any]
    game: Callable[[Game, Mesh], Game]
    step: Callable[[OneStep], OneStep] = lambda step: step
    replicas: bool = False


def mesh(devices: list[jax.Device] | None = None) -> Mesh:
    """A mesh of the devices (by default all), with one axis 'data'.

    The axis type is Auto: the compiler chooses the layout of intermediate arrays. With Explicit, JAX's
    default, a step whose state is replicated would be replicated throughout, and every device would do all of
    the work.
    """
    count, auto = len(devices or jax.devices()), jax.sharding.AxisType.Auto
    return jax.make_mesh((count,), (AXIS,), axis_types=(auto,), devices=devices)


def check_batch(batch_size: int, mesh: Mesh) -> None:
    """Checks that a batch can be sharded evenly over the devices.

    Raises:
      GaxError: `batch_size` is not divisible by the number of devices.
    """
    if batch_size % mesh.size:
        near = max(1, round(batch_size / mesh.size)) * mesh.size
        raise errors.GaxError(
            f'config.batch_size {batch_size} cannot be divided among {mesh.size} devices; the nearest that '
            f'can is {near}'
        )


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of an array that is replicated on every device."""
    return NamedSharding(mesh, PartitionSpec())


def rows(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """The sharding of an array whose `axis` runs over the examples of a batch."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, AXIS))


def spans(mesh: Mesh) -> bool:
    """Whether the mesh has devices of other processes."""
    return local(mesh).size < mesh.size


def local(mesh: Mesh) -> Mesh:
    """The part of `mesh` that belongs to this process: `mesh` itself if there is one process."""
    devices: list[jax.Device] = list(mesh.devices.flat)
    mine = [device for device in devices if device.process_index == jax.process_index()]
    if len(mine) == len(devices):
        return mesh
    return Mesh(np.array(mine), mesh.axis_names, axis_types=mesh.axis_types)


def put(tree: PyTree, sharding: NamedSharding) -> PyTree:
    """Puts host arrays on the devices of `sharding`.

    With several processes, all must pass the same arrays; each puts its own shards on its devices, and
    nothing is sent.
    """
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    host = jax.tree.map(np.asarray, tree)
    return jax.tree.map(lambda x: jax.make_array_from_callback(x.shape, sharding, lambda at: x[at]), host)


def view(tree: PyTree, mesh: Mesh) -> PyTree:
    """Replicated arrays as arrays of `mesh`, which has the same local devices or fewer.

    Zero-copy: both arrays share buffers, so donating one invalidates the other.
    """
    devices: set[jax.Device] = set(mesh.devices.flat)

    def one(x: Any) -> Any:
        if not isinstance(x, jax.Array) or x.sharding.device_set == devices:
            return x
        parts = [shard.data for shard in x.addressable_shards if shard.device in devices]
        return jax.make_array_from_single_device_arrays(x.shape, replicated(mesh), parts)

    return jax.tree.map(one, tree)


def under(mesh: Mesh, fn: Callable[..., Any]) -> Callable[..., Any]:
    """Traces `fn` with `mesh` in use, for layers that shard their examples explicitly (nets/ops).

    Args:
      mesh: The mesh.
      fn: A function of arrays.
    """

    @functools.wraps(fn)
    def traced(*arguments: Any) -> Any:
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):
            return fn(*arguments)

    return traced


def compiler_options(platform: str) -> dict[str, Any]:
    """The compiler options of the programs of steps. Options that the user's XLA_FLAGS set are left out.

    Args:
      platform: 'cpu', 'gpu' or 'tpu'.

    Returns:
      {flag without dashes: value}, for `jax.jit(compiler_options=...)`.
    """
    flags = os.environ.get('XLA_FLAGS', '')
    return {name: value for name, value in OPTIONS.get(platform, {}).items() if f'--{name}=' not in flags}


def compile(fn: Advance, mesh: Mesh, row_axis: int = 0) -> Any:
    """Compiles fn of (carry, arrays, rows) -> carry by `jax.jit`.

    The carry is donated and replicated; `rows` are sharded along `row_axis`.
    """
    replicate = replicated(mesh)
    return jax.jit(
        under(mesh, fn),
        in_shardings=(replicate, replicate, rows(mesh, row_axis)),
        out_shardings=replicate,
        donate_argnums=0,
        compiler_options=compiler_options(mesh.devices.flat[0].platform),
    )


def by_shard_map(fn: Advance, mesh: Mesh, row_axis: int = 0) -> Any:
    """As `compile`; on each device `fn` sees the shard of that device."""
    # check_vma would have autodiff sum gradients over devices where each parameter is used: an all-reduce for
    # each.
    split = jax.shard_map(
        fn,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec(), rows(mesh, row_axis).spec),
        out_specs=PartitionSpec(),
        check_vma=False,
    )
    return compile(split, mesh, row_axis)


class ByPmap:
    """As `by_shard_map`, by `jax.pmap`. Compiled on the first call.

    `pmap` takes the devices as an axis of the rows, and in each of several processes only the local devices.

    Attributes:
      alike: The same function by `by_shard_map`, for inspection: `pmap` shows no lowered program.
    """

    def __init__(self, fn: Advance, mesh: Mesh, row_axis: int = 0) -> None:
        self._shape, self._axis = (mesh.size, -1), row_axis
        axes = (None, None, row_axis)
        self._mapped = jax.pmap(fn, AXIS, in_axes=axes, out_axes=None, devices=list(mesh.devices.flat))
        self._mesh, self._local = mesh, local(mesh)
        self.alike = by_shard_map(fn, mesh, row_axis)

    def __call__(self, carry: PyTree, arrays: Any, rows: Any) -> PyTree:
        if self._local is not self._mesh:
            carry, arrays = view((carry, arrays), self._local)
            after = self._mapped(carry, arrays, jax.tree.map(self._dealt_here, rows))
            return view(after, self._mesh)
        before, after = slice(None, self._axis), slice(self._axis + 1, None)
        shards = jax.tree.map(lambda x: x.reshape(*x.shape[before], *self._shape, *x.shape[after]), rows)
        return self._mapped(carry, arrays, shards)

    def _dealt_here(self, rows: jax.Array) -> np.ndarray:
        parts = {shard.device: np.asarray(shard.data) for shard in rows.addressable_shards}
        devices: list[jax.Device] = list(self._local.devices.flat)
        return np.stack([parts[device] for device in devices], self._axis)


def dealt_out(game: Game, mesh: Mesh) -> Game:
    """The game with latents that are sharded as the batch is.

    The compiler shards what is computed from sharded rows. Without the constraint every device would generate
    all fakes.
    """

    def latents(key: Key, num: int, batch: Batch) -> Batch:
        noise = game.latents(key, num, batch)
        return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, rows(mesh)), noise)

    return game._replace(latents=latents)


def of_replicas(game: Game, mesh: Mesh) -> Game:
    """The game that each of several replicas runs, under the mesh axis `data`.

    Raises:
      GaxError: A net or a term has a state that must not be averaged over replicas.
    """
    if buffers := unaveraged(game):
        raise errors.GaxError(
            f'the state of {buffers[0]} must not be averaged over replicas: use config.parallel=jit'
        )
    return game._replace(mean=mean)


def unaveraged(game: Game) -> list[str]:
    """The nets and terms whose states must not be averaged, as 'net NAME' and 'term PLAYER/NAME'."""
    terms = [(f'{name}/{label}', t) for name, p in game.players.items() for label, t in p.live_terms.items()]
    nets = [f'net {name}' for name, net in game.nets.items() if not net.average_state]
    return nets + [f'term {label}' for label, term in terms if not term.average_state]


def check_states(game: Game, accumulate: int) -> None:
    """Checks that every state may be averaged over `accumulate` microbatches.

    Raises:
      GaxError: A net or a term has a state that must not be averaged.
    """
    if accumulate > 1 and (buffers := unaveraged(game)):
        raise errors.GaxError(
            f'the state of {buffers[0]} must not be averaged over microbatches: use config.accumulate=1'
        )


def as_replica(step: OneStep) -> OneStep:
    """`step` with the random numbers of this device's examples."""

    def replica_step(state: TrainState, arrays: Any, rows: Any) -> Any:
        key = rng.of_replica(state.key, jax.lax.axis_index(AXIS))
        after, metrics = step(replace(state, key=key), arrays, rows)
        return replace(after, key=state.key), metrics

    return replica_step


def mean(tree: PyTree) -> PyTree:
    """Averages every float leaf over the replicas, by one all-reduce of one vector; other leaves stay."""
    leaves, structure = jax.tree.flatten(tree)
    floats = [i for i, leaf in enumerate(leaves) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    flat, back = ravel_pytree([leaves[i] for i in floats])
    for i, leaf in zip(floats, back(jax.lax.pmean(flat, AXIS)), strict=True):
        leaves[i] = leaf
    return jax.tree.unflatten(structure, leaves)


PARALLEL: dict[str, Mode] = {
    'jit': Mode(compile, dealt_out),
    'shard_map': Mode(by_shard_map, of_replicas, as_replica, replicas=True),
    'pmap': Mode(ByPmap, of_replicas, as_replica, replicas=True),
}
