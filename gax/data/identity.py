"""The identity of a data set, small enough to be kept in a workdir: its spec and digests of its contents.

A config only names its data, and the contents behind a name may change between two starts. A run therefore
keeps this (data.json), and is not continued on other data by accident. It can also be sampled on a machine
without the data, from the spec alone.
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

LONGEST = 200  # letters of a description of a field, in messages


class Identity(NamedTuple):
    """What distinguishes one data set from another.

    Attributes:
      spec: The spec of the data.
      content: 16 hex digits of a SHA-256 of all arrays, for sets that are read from memory, on the device or
        streamed; '' for others.
      listing: 16 hex digits of a SHA-256 of the names (below the set's folder) and sizes of the files, in
        order; '' without files. For a set that is streamed from files it is the only digest: a file that
        changes and keeps its size is not noticed.
      split: The split of the set; '' for all of it.
    """

    spec: Spec
    content: str = ''
    listing: str = ''
    split: str = ''


def of(source: Source) -> Identity:
    """The identity of a source.

    It hashes what is in memory (about a second a GiB), and the listing of the files that a set is read from.
    """
    listing = source.listing() if source.listing else ''
    in_memory = source.fetch is None or source.listing is None
    return Identity(source.spec, content_of(source) if in_memory else '', listing, source.split)


def content_of(source: Source) -> str:
    """The digest of all arrays of a source, 16 hex digits.

    It is the same whether the arrays live on the device or are streamed.
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
    # An infinite source draws its examples: its name identifies the distribution.
    total = hashlib.sha256(b'' if source.spec.size else source.spec.name.encode(errors='surrogateescape'))
    for name in sorted(digests):
        total.update(f'{name} {digests[name].hexdigest()}\n'.encode())
    return total.hexdigest()[:16]


def differences(old: Identity, new: Identity) -> list[str]:
    """The differences between two identities.

    Returns:
      One line each, such as 'size: 8 there, 9 now'; empty for the same data, wherever it is stored.
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
    """A field of a spec as text; the same before and after a round trip through JSON."""
    if isinstance(value, Mapping):
        return ', '.join(field_text(name, field) for name, field in value.items())
    return repr(list(value)) if isinstance(value, (tuple, list)) else str(value)


def field_text(name: str, field: Field) -> str:
    """'image 28x28x1', followed by whatever of the field differs from the defaults."""
    usual = Field(field.shape, name if name in KINDS else 'image')
    rest = [str(value) for value, default in zip(field[1:3], usual[1:3], strict=True) if value != default]
    rest += [f'{key} {short(value)}' for key, value in sorted(field.info.items())]
    return ' '.join([name, 'x'.join(map(str, field.shape)), *rest])


def short(value: Any) -> str:
    """A text of at most LONGEST letters: of a longer one the first 16 hex digits of its SHA-256."""
    text = str(value)
    return text if len(text) <= LONGEST else f'digest {hashlib.sha256(text.encode()).hexdigest()[:16]}'


def field_from_json(content: Mapping[str, Any]) -> Field:
    """A field that `to_json` wrote; JSON's lists become tuples."""
    info = {str(k): tuple(v) if isinstance(v, list) else v for k, v in content['info'].items()}
    shape = tuple(int(n) for n in content['shape'])
    return Field(shape, str(content['kind']), str(content['dtype']), info)


def to_json(identity: Identity) -> dict[str, Any]:
    """A dict for JSON, which `from_json` reads."""
    spec = identity.spec._asdict()
    fields = {
        name: {**field._asdict(), 'info': dict(field.info)} for name, field in identity.spec.fields.items()
    }
    digests = {'content': identity.content, 'listing': identity.listing, 'split': identity.split}
    return {**spec, 'fields': fields, **digests}


def from_json(content: Mapping[str, Any]) -> Identity:
    """The identity that `to_json` wrote.

    Raises:
      KeyError, TypeError, ValueError, AttributeError: `content` is something else.
    """
    spec = Spec(
        str(content['name']),
        {str(name): field_from_json(field) for name, field in content['fields'].items()},
        int(content['num_classes']),
        int(content['size']),
        tuple(str(name) for name in content['classes']),
    )
    return Identity(spec, str(content['content']), str(content['listing']), str(content.get('split', '')))


def described(spec: Spec) -> Source:
    """A source with this spec and without data, to trace programs or to sample.

    Its batches are all zeros.
    """

    def read(arrays: Any, rows: Any, key: Key) -> Batch:
        count = len(jax.tree.leaves(rows)[0])
        batch: dict[str, Array] = {
            name: jnp.zeros((count, *field.shape), field.dtype) for name, field in spec.fields.items()
        }
        return batch | ({'label': jnp.zeros(count, jnp.int32)} if spec.num_classes else {})

    return Source(spec, (), read)
