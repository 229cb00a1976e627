"""Rows for one step after another: at once where they are cheap, or made ready ahead of time by threads or
processes.
"""

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

AHEAD_MIB = 512  # of memory that rows may wait in
WITHOUT_END = 2**40  # steps: more than any run has


class Pick(NamedTuple):
    """step -> the rows of that step: a pure function, so that any worker may make any step's, and no position
    is kept.

    Attributes:
      seed: Of the order.
      rows: How many one step reads, in all processes together.
      order: Of the source, see `source.order_of`.
      fetch: Of the source.
      own: The places among a step's rows that this process reads, int [n]; None: all.
    """

    seed: int
    rows: int
    order: Order
    fetch: Callable[[Any], Any]
    own: np.ndarray | None = None

    def __call__(self, step: int) -> Any:
        chosen = self.order(self.seed, step * self.rows, self.rows)
        return self.fetch(chosen if self.own is None else jax.tree.map(lambda x: x[self.own], chosen))


class Feed:
    """(step, count) -> the rows of `count` steps from `step` on, leaves [count, rows, ...].

    room: with more of it than `count`, leaves [room, rows, ...], zeros behind: a program has arrays of one
        shape.
    waited: seconds that callers have waited, in all; None where there is nothing to wait for.
    """

    waited: float | None = None

    def __init__(
        self, rows: Callable[[int, int], Any], axis: int = 0, put: Callable[[Any], Any] = lambda x: x
    ) -> None:
        """rows: (step, count) -> a pytree of arrays, of steps along `axis`. put: places it on devices."""
        self._rows, self._axis, self._put = rows, axis, put

    def __call__(self, step: int, count: int, room: int = 0) -> Any:
        rows = jax.tree.map(lambda x: padded(x, room, self._axis), self._rows(step, count))
        return self._put(rows)

    def close(self) -> None:
        """Ends what works in the background."""


class Stream(Feed):
    """Rows that Grain makes ready: each process of several its own, put together into arrays split over all
    devices.

    It begins at whatever step it is asked for first, and again where it is asked for another than the next.
    What goes wrong in a worker is raised here.
    """

    waited: float

    def __init__(self, pick: Pick, sharding: jax.sharding.Sharding, workers: int = 0) -> None:
        """sharding: of leaves [count, rows, ...]. workers: processes; 0: threads of this one, one a core."""
        self._count = pick.rows
        self._pick = pick._replace(own=own_rows(sharding, pick.rows))
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
    """`x` with zeros behind, so that it is at least `room` long along `axis`."""
    if x.shape[axis] >= room:
        return x
    result = np.zeros((*x.shape[:axis], room, *x.shape[axis + 1 :]), x.dtype)
    result[(slice(None),) * axis + (slice(x.shape[axis]),)] = x
    return result


def own_rows(sharding: jax.sharding.Sharding, rows: int) -> np.ndarray:
    """The places among the `rows` of a step that lie on this process's devices, in order, int [n]."""
    slices = sharding.addressable_devices_indices_map((1, rows)).values()
    ends = {index[1].indices(rows)[:2] for index in slices if index is not None}
    return np.concatenate([np.arange(*pair) for pair in sorted(ends)])


def begin(pick: Pick, step: int, workers: int) -> Any:
    """Grain's iterator over the rows of step `step`, the next, and so on without end. Close it."""
    try:
        import grain
    except ImportError as error:
        raise errors.GaxError(
            "a set that is larger than config.data.device_limit_mib is read by Grain: pip install 'gax[stream]', or raise "
            'that limit'
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
        if not flags.FLAGS.is_parsed():  # in a notebook or a test, nobody does; Grain reads flags of its own
            flags.FLAGS.mark_as_parsed()
    return iter(steps)


def leave_signals(index: int, count: int) -> None:
    """In a worker: Ctrl-C and SIGTERM are the parent's to answer, and where it dies, so does the worker."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, name='gax-parent', daemon=True).start()
