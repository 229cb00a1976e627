"""Devices: one mesh axis, `data`, over which batches are split; the train state is whole on every device.

One step function, and three ways to compile it, chosen by `config.parallel`:

jit        Written for the global batch; the compiler inserts the all-reduces. The number of devices changes
           no result (to rounding), batch-norm statistics are global, and random draws, which threefry makes
           position by position, are the same on any mesh.
shard_map  Every device is a replica that plays the game on its own rows, and what a move found (gradient,
           loss, statistics of normalisation, states of terms, metrics) is averaged over all of them, by one
           all-reduce a move, before anything is made of it. Replicas draw their shares of the numbers that
           `jit` draws (see rng.py).
pmap       The same, by `jax.pmap`.

So all three agree, to rounding, where an objective is a mean over examples that do not see one another. Where
they do, a replica's examples see those of the replica alone: batch-norm (running averages are the mean of the
replicas'), minibatch discrimination and standard deviation, relativistic averages, feature matching, top-k,
DRAGAN's standard deviation, a controller that takes a sign. A metric that is no mean (the largest logit) is
the mean of the replicas'.
"""

from __future__ import annotations

import functools
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
# XLA:CPU has a pass that undoes rematerialisation (wrappers.remat): it lifts the barriers by which JAX keeps
# a pass that is made again apart from the first, and the two are then found to be the same.
OPTIONS = {'cpu': {'xla_disable_hlo_passes': 'cse_barrier_expander'}}
Advance = Callable[..., Any]  # (carry, arrays, rows) -> carry
OneStep = Callable[..., Any]  # (state, arrays, rows) -> (state, metrics)


class Mode(NamedTuple):
    """A way to run a game on the devices of a mesh.

    game: (game, mesh) -> what is played, and step: what is called, made of those for the whole batch.
    compile: (fn, mesh, row_axis) -> fn of
    (carry, arrays, rows) -> carry, with `carry` given away, and `rows` split over their `row_axis`.
    replicas: whether each device takes its rows for all there are.
    """

    compile: Callable[[Advance, Mesh, int], Any]
    game: Callable[[Game, Mesh], Game]
    step: Callable[[OneStep], OneStep] = lambda step: step
    replicas: bool = False


def mesh(devices: list[jax.Device] | None = None) -> Mesh:
    """All devices (or those given) in a row called 'data'. How arrays within a program lie is the compiler's
    choice (Auto): typed (Explicit, which is what JAX makes by default), a step whose state is whole
    everywhere would be so throughout, and every device would do all of the work.
    """
    count, auto = len(devices or jax.devices()), jax.sharding.AxisType.Auto
    return jax.make_mesh((count,), (AXIS,), axis_types=(auto,), devices=devices)


def check_batch(batch_size: int, mesh: Mesh) -> None:
    """Raises GaxError where the rows of a batch cannot be dealt out evenly."""
    if batch_size % mesh.size:
        near = max(1, round(batch_size / mesh.size)) * mesh.size
        raise errors.GaxError(
            f'config.batch_size {batch_size} cannot be divided among {mesh.size} devices; the nearest that can is {near}'
        )


def replicated(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())


def rows(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """The sharding of an array whose `axis` runs over the rows of a batch."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, AXIS))


def spans(mesh: Mesh) -> bool:
    """Whether devices of other processes are in it."""
    return own(mesh).size < mesh.size


def own(mesh: Mesh) -> Mesh:
    """The part of `mesh` that is this process's; all of it where there is one process."""
    devices: list[jax.Device] = list(mesh.devices.flat)
    mine = [device for device in devices if device.process_index == jax.process_index()]
    if len(mine) == len(devices):
        return mesh
    return Mesh(np.array(mine), mesh.axis_names, axis_types=mesh.axis_types)


def put(tree: PyTree, sharding: NamedSharding) -> PyTree:
    """Arrays of the host on the devices of `sharding`; where these are of several processes, which all have
    the same arrays, each puts there what lies on its own. Nothing is sent.
    """
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    host = jax.tree.map(np.asarray, tree)
    return jax.tree.map(lambda x: jax.make_array_from_callback(x.shape, sharding, lambda at: x[at]), host)


def view(tree: PyTree, mesh: Mesh) -> PyTree:
    """Arrays that are whole on every device of theirs as arrays of `mesh`, which has the same devices of this
    process, or fewer. Nothing is copied, and what becomes of the one becomes of the other.
    """
    devices: set[jax.Device] = set(mesh.devices.flat)

    def one(x: Any) -> Any:
        if not isinstance(x, jax.Array) or x.sharding.device_set == devices:
            return x
        parts = [shard.data for shard in x.addressable_shards if shard.device in devices]
        return jax.make_array_from_single_device_arrays(x.shape, replicated(mesh), parts)

    return jax.tree.map(one, tree)


def under(mesh: Mesh, fn: Callable[..., Any]) -> Callable[..., Any]:
    """`fn` traced with `mesh` in use: for layers that have to say themselves that rows are split over it
    (nets/conv.py).
    """

    @functools.wraps(fn)
    def traced(*arguments: Any) -> Any:
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):
            return fn(*arguments)

    return traced


def compile(fn: Advance, mesh: Mesh, row_axis: int = 0) -> Any:
    """jit of fn(carry, arrays, rows) -> carry: carry donated and whole everywhere, rows split over their
    `row_axis`.
    """
    whole = replicated(mesh)
    return jax.jit(
        under(mesh, fn),
        in_shardings=(whole, whole, rows(mesh, row_axis)),
        out_shardings=whole,
        donate_argnums=0,
        compiler_options=OPTIONS.get(mesh.devices.flat[0].platform),
    )


def by_shard_map(fn: Advance, mesh: Mesh, row_axis: int = 0) -> Any:
    """As `compile`; on each device fn sees the rows of that device."""
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
    """As `by_shard_map`, by `jax.pmap`, which wants the devices as an axis of the rows, and of several
    processes in each its own devices alone. Compiled when it is first called.
    """

    def __init__(self, fn: Advance, mesh: Mesh, row_axis: int = 0) -> None:
        self._shape, self._axis = (mesh.size, -1), row_axis
        axes = (None, None, row_axis)
        self._mapped = jax.pmap(fn, AXIS, in_axes=axes, out_axes=None, devices=list(mesh.devices.flat))
        self._mesh, self._own = mesh, own(mesh)
        self.alike = by_shard_map(fn, mesh, row_axis)  # to be looked at, as `pmap` shows nothing

    def __call__(self, carry: PyTree, arrays: Any, rows: Any) -> PyTree:
        if self._own is not self._mesh:
            carry, arrays = view((carry, arrays), self._own)
            after = self._mapped(carry, arrays, jax.tree.map(self._dealt_here, rows))
            return view(after, self._mesh)
        before, after = slice(None, self._axis), slice(self._axis + 1, None)
        dealt = jax.tree.map(lambda x: x.reshape(*x.shape[before], *self._shape, *x.shape[after]), rows)
        return self._mapped(carry, arrays, dealt)

    def _dealt_here(self, rows: jax.Array) -> np.ndarray:
        parts = {shard.device: np.asarray(shard.data) for shard in rows.addressable_shards}
        devices: list[jax.Device] = list(self._own.devices.flat)
        return np.stack([parts[device] for device in devices], self._axis)


def dealt_out(game: Game, mesh: Mesh) -> Game:
    """The game with latents split over the devices as the batch is. The compiler sees by itself that what is
    made of split rows is split; fakes it would have every device make all of.
    """

    def latents(key: Key, num: int, batch: Batch) -> Batch:
        made = game.latents(key, num, batch)
        return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, rows(mesh)), made)

    return game._replace(latents=latents)


def of_replicas(game: Game, mesh: Mesh) -> Game:
    """The game as each of several replicas plays it, under the mesh axis `data`.

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
    """Raises GaxError where `accumulate` microbatches would average a state that must not be averaged."""
    if accumulate > 1 and (buffers := unaveraged(game)):
        raise errors.GaxError(
            f'the state of {buffers[0]} must not be averaged over microbatches: use config.accumulate=1'
        )


def as_replica(step: OneStep) -> OneStep:
    """`step` with the random numbers of this device's rows."""

    def own(state: TrainState, arrays: Any, rows: Any) -> Any:
        key = rng.of_replica(state.key, jax.lax.axis_index(AXIS))
        after, metrics = step(replace(state, key=key), arrays, rows)
        return replace(after, key=state.key), metrics

    return own


def mean(tree: PyTree) -> PyTree:
    """Every float leaf's mean over the replicas, by one all-reduce of one vector; other leaves as they
    are.
    """
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
