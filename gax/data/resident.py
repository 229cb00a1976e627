"""Sets that live on the device: read entirely, once, when a run begins."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax.core.spec import Spec
from gax.core.types import Array, Batch, Key
from gax.data.source import Source, read_resident, read_rows
from gax.data.threads import chunks

UINT8 = ('image', 'video')  # kinds of fields that are kept as uint8, and read as float32 in [-1, 1]


def nbytes(spec: Spec) -> int:
    """The bytes of a set as it is stored: images and video as uint8, other fields in their dtypes."""
    return spec.size * sum(
        prod(field.shape) * (1 if field.kind in UINT8 else np.dtype(field.dtype).itemsize)
        for field in spec.fields.values()
    )


def resident(source: Source) -> Source:
    """Reads a source that fetches, entirely, as arrays for the device.

    Its batches are the same, bit for bit.
    """
    assert source.fetch is not None
    arrays: Any = None
    for indices, rows in chunks(source.fetch, source.spec.size, source.spec.name):
        if arrays is None:
            arrays = jax.tree.map(lambda x: np.empty((source.spec.size, *x.shape[1:]), x.dtype), rows)
        jax.tree.map(lambda target, part, at=indices: target.__setitem__(at, part), arrays, rows)
    if source.read is read_rows:
        return source._replace(arrays=arrays, read=read_resident, fetch=None)
    read = source.read

    def read_there(arrays: Any, indices: Array, key: Key) -> Batch:
        return read((), jax.tree.map(lambda x: x[indices], arrays), key)

    return source._replace(arrays=arrays, read=read_there, fetch=None)


class Held(NamedTuple):
    """Arrays in the host's memory. They can be sent to worker processes.

    Attributes:
      arrays: A pytree, every leaf [size, ...].
    """

    arrays: Any

    def take(self, indices: np.ndarray) -> Any:
        """The examples at `indices`, leaves [n, ...]."""
        return jax.tree.map(lambda x: x[indices], self.arrays)


def streamed(source: Source) -> Source:
    """`source`, with its arrays (each [size, ...]) kept in the host's memory.

    Each step's examples are fetched from there.
    """
    if source.read is read_resident:
        return source._replace(arrays=(), read=read_rows, fetch=Held(source.arrays).take)
    read = source.read

    def read_fetched(arrays: Any, rows: Any, key: Key) -> Batch:
        count = len(jax.tree.leaves(rows)[0])
        return read(rows, jnp.arange(count), key)

    return source._replace(arrays=(), read=read_fetched, fetch=Held(source.arrays).take)
