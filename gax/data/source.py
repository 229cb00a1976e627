"""What a data source is: arrays that live on the device, or rows fetched for each step, and a pure function
that reads.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax.core import rng
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Key


class Source(NamedTuple):
    """arrays: a pytree, on the device for the whole run. read: (arrays, rows, key) -> batch of as many rows.

    fetch: (indices int32 [n]) -> a pytree of NumPy arrays [n, ...], on the host, for what does not fit on the
        device:
        `rows` is what it returns. None: `rows` is the indices themselves. It may be called by several threads
            at once.
    listing: () -> digest of the names and sizes of the files that the set is read from, see `listing`. None:
    of none. `read` is pure and runs inside the compiled step. Sources without end ignore the indices and draw
    from the key.
    """

    spec: Spec
    arrays: Any
    read: Callable[[Any, Any, Key], Batch]
    fetch: Callable[[np.ndarray], Any] | None = None
    listing: Callable[[], str] | None = None


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


def cropped(source: Source, pixels: int) -> Source:
    """`source`, each image moved by up to `pixels` pixels each way, anew each time that it is read.

    As if its reflection were put around it, `pixels` wide, and a piece of the old size cut out anywhere. The
    pixels at its edges are not repeated.
    """

    def places(key: Key, count: int, length: int) -> Array:
        """Where the pixels along a side come from, int32 [count, length]."""
        shift = jax.random.randint(key, (count, 1), -pixels, pixels + 1)
        return length - 1 - jnp.abs(length - 1 - jnp.abs(jnp.arange(length)[None] + shift))

    def read(arrays: Any, rows: Any, key: Key) -> Batch:
        batch = source.read(arrays, rows, key)
        image = batch['image']
        count, height, width, _ = image.shape
        rows_from = places(rng.stream(key, 'crop_rows'), count, height)
        columns_from = places(rng.stream(key, 'crop_columns'), count, width)
        image = jnp.take_along_axis(image, rows_from[:, :, None, None], axis=1)
        return {**batch, 'image': jnp.take_along_axis(image, columns_from[:, None, :, None], axis=2)}

    return source._replace(read=read)
