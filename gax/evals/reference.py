"""The real examples that fakes are compared with: which, in what order, and their fingerprints."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from gax import paths
from gax.core.spec import Field
from gax.data import tfds, walk
from gax.data.defaults import COMMA, data_offers
from gax.data.source import Source
from gax.evals.collect import EVALUATED, OTHERS, Chunk, reader
from gax.evals.features.extractors import shape_text

DIGESTED = 1024
FILES = ('npz', 'folder', 'pairs', 'domains', 'series', 'table')  # sources whose names are paths
FITTED = ('crop', 'resize', 'image_width', 'random_crop')  # fields that a protocol names


class Reference(NamedTuple):
    """A set of real examples.

    Attributes:
      source: The data.
      read: See collect.reader.
      describe: The fields of a protocol that are about the data.
      files: Digest of names, sizes and times of the files that it is read from, for the key of a cache; ''
        without files.
    """

    source: Source
    read: Callable[[np.ndarray, int, int], Iterator[Chunk]]
    describe: dict[str, str]
    files: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.source.spec.target_shape

    @property
    def field(self) -> Field:
        """The field that is evaluated: the target of the data."""
        return self.source.spec.fields[self.source.spec.target]

    @property
    def dtype(self) -> Any:
        """The dtype of examples as they are evaluated."""
        return EVALUATED.get(self.field.kind, OTHERS)[1]


def reference(source: Source, data: Any, mesh: Mesh, arrays: Any = None) -> Reference:
    """The examples of a source; its target is evaluated (see `source.targeted` for another field).

    Args:
      source: A source that flips nothing.
      data: The `data` section of the config.
      mesh: The devices that batches are sharded over.
      arrays: The source's arrays, if they are on the devices already.
    """
    arrays = source.arrays if arrays is None else arrays
    read = reader(source, arrays, mesh)
    name, split = name_and_split(data.name)
    split = data.get('split', '') or (source.split if split == 'all' and source.split else split)
    describe = {
        'data': name,
        'data_checksum': digest_of(source, read),
        'split': split,
        'image': shape_text(source.spec.target_shape),
        'preprocessing': preprocessing(data),
    }
    return Reference(source, read, describe, files_digest(data))


def name_and_split(name: str) -> tuple[str, str]:
    """Splits the name of a data set into the set and the split.

    ('tfds:mnist:3.0.1', 'train') for both 'tfds:mnist:3.0.1' and 'tfds:mnist:3.0.1:train'; ('npz:x', 'all')
    for other kinds.
    """
    kind, _, text = name.partition(':')
    if kind != 'tfds':
        return name, 'all'
    plain, split = tfds.parts(text)
    return f'tfds:{plain}', split


def preprocessing(data: Any) -> str:
    """The fields of a `data` section by which images got their shape, as a text; 'none' without any."""
    offers = data_offers('')
    usual = {'image_size': 0, 'channels': 0, **{name: offers[name] for name in FITTED}}
    fields = {name: data.get(name, default) for name, default in usual.items()}
    if not (fields.get('image_size') or fields.get('channels')):
        return 'none'
    if data.get('image_width'):
        fields['image_width'] = data.image_width
    return ', '.join(f'{name} {value}' for name, value in fields.items())


def digest_of(source: Source, read: Callable[[np.ndarray, int, int], Iterator[Chunk]]) -> str:
    """16 hex digits of the SHA-256 of up to 1,024 examples, evenly spaced, and of their number.

    Examples are hashed as they are evaluated; for an infinite source, its arrays are hashed. The digest does
    not depend on where and how the data is read. It may miss a change to few examples of many; the key of the
    cache, which includes the files, does not.
    """
    size = source.spec.size
    sha = hashlib.sha256(f'{source.spec.name if not size else ""} {size}'.encode())
    if size:
        chosen = np.unique(np.linspace(0, size - 1, min(size, DIGESTED)).round().astype(np.int32))
        for chunk in read(chosen, 256, 0):
            sha.update(np.ascontiguousarray(np.asarray(chunk.x)[: chunk.valid]))
    else:
        for leaf in jax.tree.leaves(source.arrays):
            sha.update(np.ascontiguousarray(leaf))
    return sha.hexdigest()[:16]


def files_digest(data: Any) -> str:
    """16 hex digits of the SHA-256 of path, size and times of change of every file of `data.name`.

    '' without files.
    """
    kind, _, name = data.name.partition(':')
    if kind == 'zip':
        digests = [files_of(part.strip(), data) for part in name.split(COMMA)]
        return hashlib.sha256(' '.join(digests).encode()).hexdigest()[:16] if any(digests) else ''
    return files_of(data.name, data)


def files_of(source: str, data: Any) -> str:
    """As `files_digest`, for one source, called `source`."""
    kind, _, name = source.partition(':')
    if kind == 'tfds':
        root = tfds.place(tfds.parts(name)[0], data.get('dir') or '')
    elif kind in FILES:
        root = paths.user(name)
    else:
        return ''
    files = walk.below(root).files if root.is_dir() else [path for path in [root] if path.is_file()]
    sha = hashlib.sha256(os.fsencode(root.absolute()))
    for path in files:
        stat = path.stat()  # a copy may keep the mtime of its content, but not the ctime
        sha.update(os.fsencode(path.relative_to(root)))
        sha.update(f' {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}\n'.encode())
    return sha.hexdigest()[:16]


class Parts(NamedTuple):
    """Disjoint examples of a set, int32 indices.

    Attributes:
      a: The reals that `b` is compared with, and of which examples are held.
      b: The stand-ins for fakes when the floor is measured.
      rest: Further reals to compare with, of which only moments are kept.
    """

    a: np.ndarray
    b: np.ndarray
    rest: np.ndarray


def parts(chosen: np.ndarray, num: int) -> Parts:
    """Splits the reals `chosen`, in random order, for a result of `num` fakes.

    The result is compared with all of them. With at least 2 `num` reals, the floor is measured at the
    result's numbers of samples, else as one half against the other.
    """
    count = min(num, len(chosen) // 2)
    b, a = chosen[:count], chosen[count:]
    return Parts(a[:num], b, a[num:])
