"""Data: one config field chooses the source, `KIND:NAME`."""

from collections.abc import Callable
from typing import Any

from gax import errors
from gax.data import memory, stacked, synthetic
from gax.data.source import Source, Spec

__all__ = ['KINDS', 'Source', 'Spec', 'load']


def embedded(name: str, image_size: int) -> Source:
    """An image set that comes with the package."""
    if name == 'stacked_mnist':
        return stacked.stacked_mnist(image_size)
    return memory.embedded(name, image_size)


KINDS: dict[str, Callable[[str, int], Source]] = {
    'embedded': embedded,
    'npz': memory.npz,
    'synthetic': lambda name, image_size: synthetic.named(name),
}


def load(config: Any) -> Source:
    """The source of `config.data`: its name, and image_size (0 keeps the size that the images have).

    Raises GaxError for an unknown kind or name, and for files that cannot be used.
    """
    kind, colon, name = config.data.name.partition(':')
    if not colon or kind not in KINDS:
        names = [f'embedded:{n}' for n in (*memory.EMBEDDED, 'stacked_mnist')]
        names += [f'synthetic:{n}' for n in synthetic.SYNTHETIC] + ['npz:PATH']
        raise errors.GaxError(errors.choices('data source', config.data.name, names))
    return KINDS[kind](name, config.data.image_size)
