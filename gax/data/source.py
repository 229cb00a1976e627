"""What a data source is: arrays that live on the device, or rows fetched for each step, and a pure function that reads."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax import rng
from gax.types import Array, Batch, Key


class Spec(NamedTuple):
    """What a recipe needs to know of the data.

    fields: float fields of a batch and their shapes, without the batch axis: {'image': (H, W, C)}, {'point': (2,)}.
    num_classes: 0 where there are no labels. size: examples; 0 for a source without end. classes: the names of the
    classes, in the order of their labels; empty where nobody named them.
    """

    name: str
    fields: Mapping[str, tuple[int, ...]]
    num_classes: int = 0
    size: int = 0
    classes: tuple[str, ...] = ()


class Source(NamedTuple):
    """arrays: a pytree, on the device for the whole run. read: (arrays, rows, key) -> batch of as many rows.

    fetch: (indices int32 [n]) -> a pytree of NumPy arrays [n, ...], on the host, for what does not fit on the device:
        `rows` is what it returns. None: `rows` is the indices themselves. It may be called by several threads at once.
    listing: () -> digest of the names and sizes of the files that the set is read from, see `listing`. None: of none.
    `read` is pure and runs inside the compiled step. Sources without end ignore the indices and draw from the key.
    """

    spec: Spec
    arrays: Any
    read: Callable[[Any, Any, Key], Batch]
    fetch: Callable[[np.ndarray], Any] | None = None
    listing: Callable[[], str] | None = None


def listing(root: Path, paths: Iterable[Path], also: bytes = b'') -> str:
    """16 hex digits of the SHA-256 of names (below `root`) and sizes of files, in order. also: what is digested beside."""
    sha = hashlib.sha256(also + b'\0')
    for path in paths:
        sha.update(os.fsencode(path.relative_to(root)) + f'\0{path.stat().st_size}\n'.encode())
    return sha.hexdigest()[:16]


def to_unit(image: Array) -> Array:
    """uint8 [0, 255] -> float32 [-1, 1]."""
    return image.astype(jnp.float32) / 127.5 - 1.0


def read_rows(arrays: Any, rows: Mapping[str, Array], key: Key) -> Batch:
    """Fetched rows as a batch: 'image' uint8 -> float32 in [-1, 1], 'label' int32 as it is."""
    return {**rows, 'image': to_unit(rows['image'])}


def read_resident(arrays: Mapping[str, Array], indices: Array, key: Key) -> Batch:
    """The same of rows `indices` of arrays that live on the device."""
    return read_rows((), {name: array[indices] for name, array in arrays.items()}, key)


def flipped(source: Source) -> Source:
    """`source`, each image mirrored left to right with probability 1/2, anew each time that it is read."""

    def read(arrays: Any, rows: Any, key: Key) -> Batch:
        batch = source.read(arrays, rows, key)
        image = batch['image']
        mirrored = jax.random.bernoulli(rng.stream(key, 'flip'), shape=(image.shape[0], 1, 1, 1))
        return {**batch, 'image': jnp.where(mirrored, image[:, :, ::-1], image)}

    return source._replace(read=read)
