"""The real examples that fakes are held against: which, in what order, and what says that they are the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from gax.data import order, tfds
from gax.data.source import Source
from gax.evals.features import said
from gax.evals.gather import Chunk, reader
from gax.sections import data_offers

DIGESTED = 1024


class Reference(NamedTuple):
    """A set of real examples. read: see gather.reader. describe: the fields of a protocol that are about the data.

    files: digest of names, sizes and times of the files that it is read from, for the key of a cache; '' where there are
    none.
    """

    source: Source
    read: Callable[[np.ndarray, int, int], Iterator[Chunk]]
    describe: dict[str, str]
    files: str

    @property
    def shape(self) -> tuple[int, ...]:
        fields = self.source.spec.fields
        return fields['image'] if 'image' in fields else fields['point']

    @property
    def dtype(self) -> Any:
        return np.uint8 if 'image' in self.source.spec.fields else np.float32


def reference(source: Source, data: Any, mesh: Mesh, arrays: Any = None) -> Reference:
    """source: one that flips nothing. data: the section of the config. arrays: the source's, on the devices already."""
    arrays = source.arrays if arrays is None else arrays
    read = reader(source, arrays, mesh)
    fields = source.spec.fields
    name, split = name_and_split(data.name)
    describe = {
        'data': name,
        'data_checksum': digest_of(source, read),
        'split': split,
        'image': said(fields['image'] if 'image' in fields else fields['point']),
        'preprocessing': preprocessing(data),
    }
    return Reference(source, read, describe, files_digest(data))


def name_and_split(name: str) -> tuple[str, str]:
    """('tfds:mnist:3.0.1', 'train') of both 'tfds:mnist:3.0.1' and 'tfds:mnist:3.0.1:train'; of other kinds ('npz:x', 'all')."""
    kind, _, text = name.partition(':')
    if kind != 'tfds':
        return name, 'all'
    plain, split = tfds.parts(text)
    return f'tfds:{plain}', split


def preprocessing(data: Any) -> str:
    """How images came to their shape, of the `data` section of a config: 'none', or the fields that say it."""
    usual = {'image_size': 0, 'channels': 0, **data_offers('')}
    fields = {name: data.get(name, default) for name, default in usual.items()}
    if not (fields.get('image_size') or fields.get('channels')):
        return 'none'
    return ', '.join(f'{name} {value}' for name, value in fields.items())


def digest_of(source: Source, read: Callable[[np.ndarray, int, int], Iterator[Chunk]]) -> str:
    """16 hex digits of the SHA-256 of up to 1,024 examples, evenly spaced, as evaluated, and of how many there are.

    Of a source without end: of its arrays. The same wherever and however the data is read; a change to few examples of many
    may escape it (not the cache, which looks at the files, too).
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
    """16 hex digits of the SHA-256 of path, size and time of change of every file below what `data.name` names."""
    kind, _, name = data.name.partition(':')
    if kind == 'tfds':
        root = tfds.where(data.get('dir') or '') / Path(name.partition(':')[0]).expanduser()
    elif kind in ('npz', 'folder'):
        root = Path(name).expanduser()
    else:
        return ''
    paths = sorted(p for p in root.rglob('*') if p.is_file()) if root.is_dir() else [root]
    sha = hashlib.sha256(str(root.absolute()).encode())
    for path in filter(Path.is_file, paths):
        stat = path.stat()
        sha.update(f'{path.relative_to(root)} {stat.st_size} {stat.st_mtime_ns}\n'.encode())
    return sha.hexdigest()[:16]


def halves(size: int, num: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """(examples of a, of b, whether `a` alone is the reference), of a set of `size` (0: without end); disjoint.

    A set of 2 `num` or more gives `num` to each: `a` is the reference, and `b` stands for the fakes when the floor is
    measured, in equal numbers. Of a smaller one at most `num` are used; the reference is all of them, and the floor, between
    the halves, is of fewer examples than the result. In a fixed random order: files may be sorted by class.
    """
    if not size or size >= 2 * num:
        chosen = order.indices(0, 0, 2 * num, size)
        return chosen[:num], chosen[num:], True
    chosen = order.indices(0, 0, min(size, num), size)
    middle = -(-len(chosen) // 2)
    return chosen[:middle], chosen[middle:], False
