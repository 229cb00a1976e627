"""Data sources: arrays on the device, or examples fetched for each step, and a pure function to read them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax.numpy as jnp

from gax import errors
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Key
from gax.data import shuffle

Order = Callable[[int, int, int], Any]  # (seed, start, count) -> indices, leaves [count, ...]


class Source(NamedTuple):
    """A data set, or a density that examples are drawn from.

    Attributes:
      spec: The fields of a batch.
      arrays: A pytree, on the device for the whole run. For a finite set every leaf is [size, ...].
      read: (arrays, rows, key) -> batch of as many examples as `rows` has. Pure; it runs inside the compiled
        step. Infinite sources ignore the indices and draw from the key.
      fetch: (indices int32 [n]) -> a pytree of NumPy arrays [n, ...], on the host, for sets that do not fit
        on the device. `rows` of `read` is its result. None: `rows` is the indices themselves. Several threads
        may call it at once.
      listing: () -> digest of the names and sizes of the files that the set is read from, see `listing`.
        None: it is read from no files.
      order: (seed, start, count) -> the indices at positions start .. start + count - 1 of the run, a pytree
        of NumPy arrays [count, ...]; a pure function. Its result is passed to `fetch`, or to `read` without
        `fetch`. Evaluation and sampling pass plain indices int32 [n] instead. None: shuffled epochs, see
        `order_of`.
      split: The split of the set: 'train', 'validation' or 'test'; '' for all of it.
      splits: The number of examples of each split of the set, if it has any.
      paired: Whether the fields of an example belong together; not so for unpaired domains.
    """

    spec: Spec
    arrays: Any
    read: Callable[[Any, Any, Key], Batch]
    fetch: Callable[[Any], Any] | None = None
    listing: Callable[[], str] | None = None
    order: Order | None = None
    split: str = ''
    splits: Mapping[str, int] = MappingProxyType({})
    paired: bool = True


def order_of(source: Source) -> Order:
    """(seed, start, count) -> the indices that training reads, a pytree of NumPy arrays [count, ...].

    It is the source's order, or shuffled epochs of all its examples: int32 [count], see `shuffle.indices`. It
    can be sent to another process.
    """
    return source.order or partial(shuffle.indices, size=source.spec.size)


def targeted(source: Source, name: str) -> Source:
    """`source` with another field as its target, which is evaluated, drawn and written.

    Raises:
      GaxError: The source has no such field.
    """
    fields = source.spec.fields
    errors.lookup(f'field of {source.spec.name}', name, dict.fromkeys(fields))
    first = {name: fields[name], **fields}
    return source._replace(spec=source.spec._replace(fields=first))


def listing(root: Path, paths: Iterable[Path], also: bytes = b'') -> str:
    """16 hex digits of the SHA-256 of names (below `root`) and sizes of files, in order.

    Args:
      root: The folder of the set.
      paths: The files, all below `root`.
      also: Further bytes to digest.
    """
    sha = hashlib.sha256(also + b'\0')
    for path in paths:
        sha.update(os.fsencode(path.relative_to(root)) + f'\0{path.stat().st_size}\n'.encode())
    return sha.hexdigest()[:16]


def to_unit(image: Array) -> Array:
    """uint8 [0, 255] -> float32 [-1, 1]."""
    return image.astype(jnp.float32) / 127.5 - 1.0


def read_rows(arrays: Any, rows: Mapping[str, Array], key: Key) -> Batch:
    """Stored examples -> a batch.

    uint8 (images and video, see `resident.UINT8`) becomes float32 in [-1, 1]; other dtypes stay.
    """
    return {name: to_unit(x) if x.dtype == jnp.uint8 else x for name, x in rows.items()}


def read_resident(arrays: Mapping[str, Array], indices: Array, key: Key) -> Batch:
    """As `read_rows`, for the examples at `indices` of arrays on the device."""
    return read_rows((), {name: array[indices] for name, array in arrays.items()}, key)
