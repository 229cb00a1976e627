"""Many small tasks on the host, in threads, with a progress bar on a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np

CHUNK = 64  # indices that one thread takes at a time
T = TypeVar('T')


def chunks(work: Callable[[np.ndarray], T], size: int, label: str) -> Iterator[tuple[np.ndarray, T]]:
    """(indices, work(indices)) of 0 .. size - 1 in order, 64 at a time.

    Errors in a thread are raised here. Pillow's decoders release the GIL, so one thread per core is as fast
    as processes.

    Args:
      work: indices int32 [n] -> any result.
      size: The number of indices.
      label: The label of the progress bar.
    """
    from tqdm import tqdm

    starts = iter(range(0, size, CHUNK))
    with (
        ThreadPoolExecutor(cores(), 'gax-data') as pool,
        tqdm(total=size, desc=label, unit='image', dynamic_ncols=True, disable=None, leave=False) as bar,
    ):
        pending: list[tuple[np.ndarray, Future[T]]] = []
        try:
            while True:
                for start in islice(starts, 2 * cores() + 2 - len(pending)):
                    some: np.ndarray = np.arange(start, min(start + CHUNK, size), dtype=np.int32)
                    pending.append((some, pool.submit(work, some)))
                if not pending:
                    return
                indices, future = pending.pop(0)
                yield indices, future.result()
                bar.update(len(indices))
        finally:
            for _, future in pending:
                future.cancel()


def cores() -> int:
    """The number of CPU cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
