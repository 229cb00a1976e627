"""Several sets read together, unpaired: each is shuffled independently."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gax import errors
from gax.core import rng
from gax.core.spec import Spec
from gax.core.types import Batch, Key
from gax.data import identity
from gax.data.source import Order, Source, order_of

APART = 2**32  # between the seeds of two sets, so that sets of equal size have different orders


class Orders(NamedTuple):
    """The orders of all sets by name. They can be sent to worker processes.

    Attributes:
      orders: Name -> order.
    """

    orders: Mapping[str, Order]

    def at(self, seed: int, start: int, count: int) -> dict[str, Any]:
        """Name -> the indices at positions start .. start + count - 1 of that set."""
        return {
            name: order(seed + i * APART, start, count) for i, (name, order) in enumerate(self.orders.items())
        }


class Rows(NamedTuple):
    """Fetches the examples of all sets by name. It can be sent to worker processes.

    Attributes:
      fetches: Name -> the set's `fetch`, or None for a set on the device, whose indices are passed on.
      sizes: Name -> the number of examples.
    """

    fetches: Mapping[str, Callable[[Any], Any] | None]
    sizes: Mapping[str, int]

    def take(self, rows: Any) -> dict[str, Any]:
        """Name -> the fetched examples, or the indices of a set on the device."""
        by_name = apart(rows, self.sizes)
        return {
            name: fetch(by_name[name]) if fetch else by_name[name] for name, fetch in self.fetches.items()
        }


def apart(rows: Any, sizes: Mapping[str, int]) -> Mapping[str, Any]:
    """Indices by name. Plain indices int [n] go to each set, modulo its size."""
    if isinstance(rows, Mapping):
        return rows
    return {name: rows % size if size else rows for name, size in sizes.items()}


def zip(*, name: str = '', **sources: Source) -> Source:
    """Sources that are read together, as one.

    A batch has the target of each source under the source's name, and nothing else. Labels and other fields
    are dropped, because an example has one of each set. Each source is shuffled independently, so pairs are
    random, and the smaller set is read more often. In evaluation, example i is example i of each set, modulo
    its size.

    Args:
      name: The name of the spec; by default made of the sources' names.
      **sources: Two or more, such as `a=photos, b=paintings`; the first one's field is the target.

    Returns:
      A source of as many examples as its largest set has; infinite if all are.

    Raises:
      GaxError: There are fewer than two sources.
    """
    if len(sources) < 2:
        raise errors.GaxError(f'zip takes two sources or more, by name, and was given {len(sources)}')
    targets = {name: source.spec.target for name, source in sources.items()}
    sizes = {name: source.spec.size for name, source in sources.items()}
    fields = {name: source.spec.fields[targets[name]] for name, source in sources.items()}
    full = name or f'zip:{",".join(source.spec.name for source in sources.values())}'
    splits = {source.split for source in sources.values()}

    fetches = {name: source.fetch for name, source in sources.items()}
    return Source(
        spec=Spec(full, fields, size=max(sizes.values())),
        arrays={name: source.arrays for name, source in sources.items()},
        read=reading(sources, targets, sizes),
        fetch=Rows(fetches, sizes).take if any(fetches.values()) else None,
        listing=lambda: listing(sources),
        order=Orders({name: order_of(source) for name, source in sources.items()}).at,
        split=splits.pop() if len(splits) == 1 else '',
        splits={f'{name} {split}': n for name, s in sources.items() for split, n in s.splits.items()},
        paired=False,
    )


def reading(
    sources: Mapping[str, Source], targets: Mapping[str, str], sizes: Mapping[str, int]
) -> Callable[[Any, Any, Key], Batch]:
    """Reads every source's target, each with a separate key, so that their flips are independent."""

    def read(arrays: Mapping[str, Any], rows: Any, key: Key) -> Batch:
        by_name = apart(rows, sizes)
        return {
            name: source.read(arrays[name], by_name[name], rng.stream(key, name))[targets[name]]
            for name, source in sources.items()
        }

    return read


def listing(sources: Mapping[str, Source]) -> str:
    """16 hex digits of the SHA-256 of the names and sizes of every set's files.

    A set without files contributes the digest of its contents, which is the same for a set on the device and
    for a streamed one.
    """
    sha = hashlib.sha256()
    for name, source in sources.items():
        digest = source.listing() if source.listing else identity.content_of(source)
        sha.update(f'{name} {digest}\n'.encode())
    return sha.hexdigest()[:16]
