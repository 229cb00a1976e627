"""Data: one config field chooses the source, `KIND:NAME`."""

from typing import Any

from gax import errors
from gax.data.memory import EMBEDDED, embedded, npz
from gax.data.source import Source, Spec
from gax.data.synthetic import SYNTHETIC, synthetic

__all__ = ['KINDS', 'Source', 'Spec', 'load']

KINDS = {
    'embedded': embedded,
    'npz': npz,
    'synthetic': lambda name, image_size: synthetic(name),
}


def load(config: Any) -> Source:
    """The source of `config.data`: its name, and image_size (0 keeps the size that the images have).

    Raises GaxError for an unknown kind or name, and for files that cannot be used.
    """
    kind, colon, name = config.data.name.partition(':')
    if not colon or kind not in KINDS:
        names = [f'embedded:{n}' for n in EMBEDDED] + [f'synthetic:{n}' for n in SYNTHETIC] + ['npz:PATH']
        raise errors.GaxError(errors.choices('data source', config.data.name, names))
    return KINDS[kind](name, config.data.image_size)
