"""Examples of one step after another: indices at once, or fetched ahead by threads or processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import parent_process
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import flags

from gax import errors
from gax.data.source import Order
from gax.data.threads import cores

AHEAD_MIB = 512  # memory for prefetched examples
WITHOUT_END = 2**40  # steps: more than any run has


class Pick(NamedTuple):
    """step -> the examples of that step.

    It is a pure function, so any worker can compute any step, and no position is stored.

    Attributes:
      seed: The seed of the order.
      rows: The number of examples that one step reads, in all processes together.
      order: The order of the source, see `source.order_of`.
      fetch: The `fetch` of the source.
      positions: The positions among a step's examples that this process reads, int [n]; None: all.
    """

    seed: int
    rows: int
    order: Order
    fetch: Callable[[Any], Any]
    positions: np.ndarray | None = None

    def __call__(self, step: int) -> Any:
        chosen = self.order(self.seed, step * self.rows, self.rows)
        return self.fetch(
            chosen if self.positions is None else jax.tree.map(lambda x: x[self.positions], chosen)
        )


class Feed:
    """(step, count) -> the examples of `count` steps from `step` on, leaves [count, rows, ...].

    With `room` above `count`, leaves are [room, rows, ...], padded with zeros, because a compiled program
    takes arrays of one shape.

    Attributes:
      waited: The seconds that callers have waited in total; None if there is nothing to wait for.
    """

    waited: float | None = None

    def __init__(
        self, rows: Callable[[int, int], Any], axis: int = 0, put: Callable[[Any], Any] = lambda x: x
    ) -> None:
        """Makes a feed of examples that are cheap to compute.

        Args:
          rows: (step, count) -> a pytree of arrays.
          axis: The axis of the arrays that counts steps.
          put: Puts the pytree on the devices.
        """
        self._rows, self._axis, self._put = rows, axis, put

    def __call__(self, step: int, count: int, room: int = 0) -> Any:
        rows = jax.tree.map(lambda x: padded(x, room, self._axis), self._rows(step, count))
        return self._put(rows)

    def close(self) -> None:
        """Stops the threads or processes in the background."""


class Stream(Feed):
    """Examples that Grain prefetches, as arrays sharded over all devices.

    Each process reads its part of every step. The stream begins at the first step that is requested, and
    again whenever a request is not for the next step. Errors in a worker are raised here.
    """

    waited: float

    def __init__(self, pick: Pick, sharding: jax.sharding.Sharding, workers: int = 0) -> None:
        """Prepares a stream; it starts at the first call.

        Args:
          pick: The examples of each step.
          sharding: The sharding of leaves [count, rows, ...].
          workers: The number of processes; 0: threads of this one, one for each core.
        """
        self._count = pick.rows
        self._pick = pick._replace(positions=own_rows(sharding, pick.rows))
        self._sharding, self._workers = sharding, workers
        self._ready: Any = None
        self._next, self.waited = -1, 0.0

    def __call__(self, step: int, count: int, room: int = 0) -> Any:
        began = time.perf_counter()
        if step != self._next:
            self.close()
            self._ready = begin(self._pick, step, self._workers)
        parts = [next(self._ready) for _ in range(count)]
        self._next = step + count
        self.waited += time.perf_counter() - began
        return jax.tree.map(lambda *leaves: self._together(room, *leaves), *parts)

    def _together(self, room: int, *leaves: np.ndarray) -> jax.Array:
        local = padded(leaves[0][None] if len(leaves) == 1 else np.stack(leaves), room)
        shape = (len(local), self._count, *local.shape[2:])
        return jax.make_array_from_process_local_data(self._sharding, local, shape)

    def close(self) -> None:
        ready, self._ready, self._next = self._ready, None, -1
        if ready is not None:
            ready.close()


def padded(x: np.ndarray, room: int, axis: int = 0) -> np.ndarray:
    """`x` padded with zeros at the end, so that it is at least `room` long along `axis`."""
    if x.shape[axis] >= room:
        return x
    result = np.zeros((*x.shape[:axis], room, *x.shape[axis + 1 :]), x.dtype)
    result[(slice(None),) * axis + (slice(x.shape[axis]),)] = x
    return result


def own_rows(sharding: jax.sharding.Sharding, rows: int) -> np.ndarray:
    """The positions among the `rows` of a step that are on this process's devices, in order, int [n]."""
    slices = sharding.addressable_devices_indices_map((1, rows)).values()
    ends = {index[1].indices(rows)[:2] for index in slices if index is not None}
    return np.concatenate([np.arange(*pair) for pair in sorted(ends)])


def begin(pick: Pick, step: int, workers: int) -> Any:
    """Grain's iterator over the examples of step `step`, the next, and so on without end.

    The caller closes it.

    Raises:
      GaxError: Grain is not installed.
    """
    try:
        import grain
    except ImportError as error:
        raise errors.GaxError(
            'a set that is larger than config.data.device_limit_mib is read by Grain: '
            "pip install 'gax[stream]', or raise that limit"
        ) from error
    threads = 1 if workers else cores()
    example = pick.fetch(pick.order(pick.seed, 0, 1))
    size = pick.rows * sum(leaf.nbytes for leaf in jax.tree.leaves(example))
    ahead = max(threads, min(2 * threads + 16, AHEAD_MIB * 2**20 // (size * max(1, workers))))
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=ahead)
    steps = grain.MapDataset.range(step, step + WITHOUT_END).map(pick).to_iter_dataset(options)
    if workers:
        processes = grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=2)
        steps = steps.mp_prefetch(processes, worker_init_fn=leave_signals)
        if not flags.FLAGS.is_parsed():  # as in a notebook or a test; Grain reads its flags
            flags.FLAGS.mark_as_parsed()
    return iter(steps)


def leave_signals(index: int, count: int) -> None:
    """Initialises a worker: the parent handles Ctrl-C and SIGTERM.

    A worker whose parent dies exits.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, name='gax-parent', daemon=True).start()
