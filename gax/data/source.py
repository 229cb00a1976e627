"""What a data source is: arrays that live on the device, or rows fetched for each step, and a pure function
that reads.
"""

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

Order = Callable[[int, int, int], Any]  # (seed, start, count) -> indices of rows, leaves [count, ...]


class Source(NamedTuple):
    """A data set, or a density that examples are drawn from.

    Attributes:
      spec: What a batch holds.
      arrays: A pytree, on the device for the whole run. Of a finite set every leaf is [size, ...].
      read: (arrays, rows, key) -> batch of as many rows. Pure; it runs inside the compiled step. Sources
        without end ignore the indices and draw from the key.
      fetch: (indices int32 [n]) -> a pytree of NumPy arrays [n, ...], on the host, for what does not fit on
        the device: `rows` is what it returns. None: `rows` is the indices themselves. It may be called by
        several threads at once.
      listing: () -> digest of the names and sizes of the files that the set is read from, see `listing`.
        None: it is read from no files.
      order: (seed, start, count) -> the rows at positions start .. start + count - 1 of the run, a pytree of
        NumPy arrays [count, ...], a function of these three alone. `fetch`, or `read` where there is no
        `fetch`, is given what it returns; and, when examples are evaluated or drawn, plain indices int32 [n].
        None: shuffled epochs, see `order_of`.
      split: The part of the set that this is: 'train', 'validation' or 'test'; '' for all of it.
      splits: The number of examples of each split of the set, where it has any.
    """

    spec: Spec
    arrays: Any
    read: Callable[[Any, Any, Key], Batch]
    fetch: Callable[[Any], Any] | None = None
    listing: Callable[[], str] | None = None
    order: Order | None = None
    split: str = ''
    splits: Mapping[str, int] = MappingProxyType({})


def order_of(source: Source) -> Order:
    """(seed, start, count) -> the rows that training reads, a pytree of NumPy arrays [count, ...].

    The source's own order, or shuffled epochs of all its rows: int32 [count], see `shuffle.indices`. It can
    be sent to another process.
    """
    return source.order or partial(shuffle.indices, size=source.spec.size)


def targeted(source: Source, name: str) -> Source:
    """`source` with another field as its target: what is evaluated, drawn and written.

    Raises GaxError for a field that it has not.
    """
    fields = source.spec.fields
    errors.lookup(f'field of {source.spec.name}', name, dict.fromkeys(fields))
    first = {name: fields[name], **fields}
    return source._replace(spec=source.spec._replace(fields=first))


def listing(root: Path, paths: Iterable[Path], also: bytes = b'') -> str:
    """16 hex digits of the SHA-256 of names (below `root`) and sizes of files, in order. also: what is
    digested beside.
    """
    sha = hashlib.sha256(also + b'\0')
    for path in paths:
        sha.update(os.fsencode(path.relative_to(root)) + f'\0{path.stat().st_size}\n'.encode())
    return sha.hexdigest()[:16]


def to_unit(image: Array) -> Array:
    """uint8 [0, 255] -> float32 [-1, 1]."""
    return image.astype(jnp.float32) / 127.5 - 1.0


def read_rows(arrays: Any, rows: Mapping[str, Array], key: Key) -> Batch:
    """Rows as they are stored -> a batch: uint8 (images and video, see `resident.UINT8`) -> float32 in
    [-1, 1]; other dtypes as they are.
    """
    return {name: to_unit(x) if x.dtype == jnp.uint8 else x for name, x in rows.items()}


def read_resident(arrays: Mapping[str, Array], indices: Array, key: Key) -> Batch:
    """The same of rows `indices` of arrays that live on the device."""
    return read_rows((), {name: array[indices] for name, array in arrays.items()}, key)
