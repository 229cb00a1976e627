"""What tells one data set from another, small enough to lie in a workdir: the spec, and digests of what is in
the set.

A config only names its data, and what a name stands for may change between two starts. So a run keeps this
(data.json) and is not continued on other data by accident; and it can be sampled where the data is not at
hand, from the spec alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax.core.spec import KINDS, Field, Spec
from gax.core.types import Array, Batch, Key
from gax.data.source import Source
from gax.data.threads import chunks


class Identity(NamedTuple):
    """spec: of the data. content, listing: 16 hex digits of a SHA-256 each, '' where there is no such digest.

    content: of every array, whole; of sets that are read from memory, whether they live on the device or are
        streamed.
    listing: of the names (below the set's folder) and sizes of its files, in their order. Of a set that is
        streamed from
    files it is all there is: a file that changes and keeps its size is not noticed.
    split: the part of the set that it is; '' for all of it.
    """

    spec: Spec
    content: str = ''
    listing: str = ''
    split: str = ''


def of(source: Source) -> Identity:
    """Hashes what is in memory (about a second a GiB), and the listing of the files that a set is read
    from.
    """
    listing = source.listing() if source.listing else ''
    in_memory = source.fetch is None or source.listing is None
    return Identity(source.spec, content_of(source) if in_memory else '', listing, source.split)


def content_of(source: Source) -> str:
    """The digest of all arrays of a source: the same of one whose arrays live on the device and of one that
    is streamed.
    """
    digests: dict[str, Any] = {}
    parts: Iterable[Any] = [source.arrays]
    if source.fetch:
        parts = (rows for _, rows in chunks(source.fetch, source.spec.size, source.spec.name))
    for part in parts:
        for path, leaf in jax.tree_util.tree_leaves_with_path(part):
            array = np.ascontiguousarray(leaf)
            name = f'{jax.tree_util.keystr(path)} {array.dtype} {array.shape[1:]}'
            digests.setdefault(name, hashlib.sha256()).update(array.reshape(-1).view(np.uint8))
    # A source without end draws its examples: its name says how.
    whole = hashlib.sha256(b'' if source.spec.size else source.spec.name.encode(errors='surrogateescape'))
    for name in sorted(digests):
        whole.update(f'{name} {digests[name].hexdigest()}\n'.encode())
    return whole.hexdigest()[:16]


def differences(old: Identity, new: Identity) -> list[str]:
    """What tells `new` from `old`, each as 'size: 8 there, 9 now'; empty for the same data, wherever it
    lies.
    """
    lines = [
        f'{name}: {plain(before)} there, {plain(after)} now'
        for name in ('fields', 'num_classes', 'size', 'classes')
        if plain(before := getattr(old.spec, name)) != plain(after := getattr(new.spec, name))
    ]
    if old.split != new.split:
        lines.insert(0, f'split: {old.split or "all"} there, {new.split or "all"} now')
    if old.content and new.content:
        digests = ('content', old.content, new.content)
    else:
        digests = ('names and sizes of the files', old.listing, new.listing)
    what, before, after = digests
    if before != after or not before:
        lines.append(f'{what}: digest {before or "unknown"} there, {after or "unknown"} now')
    return lines


def plain(value: Any) -> str:
    """A field of a spec as text, the same after it was written as JSON."""
    if isinstance(value, Mapping):
        return ', '.join(field_text(name, field) for name, field in value.items())
    return repr(list(value)) if isinstance(value, (tuple, list)) else str(value)


def field_text(name: str, field: Field) -> str:
    """'image 28x28x1', and what else is not usual of the field."""
    usual = Field(field.shape, name if name in KINDS else 'image')
    rest = [str(value) for value, default in zip(field[1:3], usual[1:3], strict=True) if value != default]
    rest += [f'{key} {value}' for key, value in sorted(field.info.items())]
    return ' '.join([name, 'x'.join(map(str, field.shape)), *rest])


def field_from_json(content: Mapping[str, Any]) -> Field:
    """A field as `to_json` writes it, with tuples again for JSON's lists."""
    info = {str(k): tuple(v) if isinstance(v, list) else v for k, v in content['info'].items()}
    shape = tuple(int(n) for n in content['shape'])
    return Field(shape, str(content['kind']), str(content['dtype']), info)


def to_json(identity: Identity) -> dict[str, Any]:
    """What `from_json` reads."""
    spec = identity.spec._asdict()
    fields = {
        name: {**field._asdict(), 'info': dict(field.info)} for name, field in identity.spec.fields.items()
    }
    digests = {'content': identity.content, 'listing': identity.listing, 'split': identity.split}
    return {**spec, 'fields': fields, **digests}


def from_json(content: Mapping[str, Any]) -> Identity:
    """Raises KeyError, TypeError, ValueError or AttributeError for what `to_json` does not make."""
    spec = Spec(
        str(content['name']),
        {str(name): field_from_json(field) for name, field in content['fields'].items()},
        int(content['num_classes']),
        int(content['size']),
        tuple(str(name) for name in content['classes']),
    )
    return Identity(spec, str(content['content']), str(content['listing']), str(content.get('split', '')))


def described(spec: Spec) -> Source:
    """A source that has the spec and no data, for programs that are traced or sampled from: its batches are
    all zeros.
    """

    def read(arrays: Any, rows: Any, key: Key) -> Batch:
        count = len(jax.tree.leaves(rows)[0])
        batch: dict[str, Array] = {
            name: jnp.zeros((count, *field.shape), field.dtype) for name, field in spec.fields.items()
        }
        return batch | ({'label': jnp.zeros(count, jnp.int32)} if spec.num_classes else {})

    return Source(spec, (), read)
