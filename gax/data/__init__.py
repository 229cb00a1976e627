"""Data: one config field chooses the source, `KIND:NAME`."""

from collections.abc import Callable
from typing import Any

from gax import errors
from gax.data import fit, folder, memory, stacked, synthetic, tfds
from gax.data.resident import nbytes, resident, streamed
from gax.data.source import Source, Spec, flipped

__all__ = ['KINDS', 'Source', 'Spec', 'load']


def embedded(name: str, data: Any) -> Source:
    """An image set that comes with the package."""
    if name == 'stacked_mnist':
        return stacked.stacked_mnist(fit.of(data))
    return memory.embedded(name, fit.of(data))


# name -> (what comes after the colon, the `data` section of a config) -> source
KINDS: dict[str, Callable[[str, Any], Source]] = {
    'embedded': embedded,
    'tfds': tfds.named,
    'folder': folder.named,
    'npz': lambda name, data: memory.npz(name, fit.of(data), data.layout, data.range),
    'synthetic': lambda name, data: synthetic.named(name),
}


def load(config: Any, resident_up_to: float | None = None) -> Source:
    """The source that `config.data` describes.

    Images whose bytes, as uint8 of the size asked for, are no more than `data.device_limit_mib` are all read now, to live
    on the device; of larger sets each step's rows are fetched. resident_up_to: a limit instead of that one (0: fetch, for
    a caller who wants to see a few images, or the spec alone). Raises GaxError for an unknown kind or name, for files that
    cannot be used, and for a set that is not there.
    """
    kind, colon, name = config.data.name.partition(':')
    if not colon or kind not in KINDS:
        raise errors.GaxError(errors.choices('data source', config.data.name, names()))
    if kind != 'npz' and (config.data.layout or config.data.range):
        raise errors.GaxError(
            f'config.data.layout and config.data.range are of npz: files, and {config.data.name} is none'
        )
    source = KINDS[kind](name, config.data)
    limit = config.data.device_limit_mib if resident_up_to is None else resident_up_to
    if source.spec.size:
        small = nbytes(source.spec) <= limit * 2**20
        if source.fetch and small:
            source = resident(source)
        elif not source.fetch and not small:
            source = streamed(source)
    if config.data.flip and 'image' not in source.spec.fields:
        raise errors.GaxError(f'config.data.flip is for images, which {config.data.name} has none of')
    return flipped(source) if config.data.flip else source


def names() -> list[str]:
    """What `config.data.name` may be."""
    found = [f'embedded:{n}' for n in (*memory.EMBEDDED, 'stacked_mnist')]
    found += [f'synthetic:{n}' for n in synthetic.SYNTHETIC]
    return [*found, 'tfds:NAME[/config][:split]', 'folder:PATH', 'npz:PATH']
