"""Data: one config field chooses the source, `KIND:NAME`, or the import path of a function of your own."""

from collections.abc import Callable
from typing import Any

from gax import errors
from gax.core.spec import Spec
from gax.data import arrays, folder, outside, preprocess, stacked_mnist, synthetic, tfds
from gax.data.resident import nbytes, resident, streamed
from gax.data.source import Source, cropped, flipped

__all__ = ['AS_THEY_ARE', 'KINDS', 'Source', 'Spec', 'load']

# Fields of the `data` section with which images are read as they are, and not changed at random.
AS_THEY_ARE = {'flip': False, 'random_crop': 0}


def as_they_are(section: Any) -> None:
    """Changes the `data` section of a config so that images are read as they are."""
    for field, value in AS_THEY_ARE.items():
        if field in section:
            section[field] = value


def embedded(name: str, data: Any) -> Source:
    """An image set that comes with the package."""
    if name == 'stacked_mnist':
        return stacked_mnist.stacked_mnist(preprocess.of(data))
    return arrays.embedded(name, preprocess.of(data))


# name -> (what comes after the colon, the `data` section of a config) -> source
KINDS: dict[str, Callable[[str, Any], Source]] = {
    'embedded': embedded,
    'tfds': tfds.named,
    'folder': folder.named,
    'npz': lambda name, data: arrays.npz(
        name, preprocess.of(data), data.get('layout', ''), data.get('range', '')
    ),
    'synthetic': lambda name, data: synthetic.named(name),
}


def load(config: Any, resident_up_to: float | None = None) -> Source:
    """The source that `config.data` describes.

    Images whose bytes, as uint8 of the size asked for, are no more than `data.device_limit_mib` are all read
    now, to live on the device; of larger sets each step's rows are fetched. resident_up_to: a limit instead
    of that one (0: fetch, for a caller who wants to see a few images, or the spec alone). Raises GaxError for
    an unknown kind or name, for files that cannot be used, and for a set that is not there.
    """
    source = of_name(config.data)
    limit = config.data.device_limit_mib if resident_up_to is None else resident_up_to
    if source.spec.size:
        small = nbytes(source.spec) <= limit * 2**20
        if source.fetch and small:
            source = resident(source)
        elif not source.fetch and not small:
            source = streamed(source)
    return changed_at_random(source, config.data)


def of_name(data: Any) -> Source:
    """The source that the field `name` of a section `data` stands for; raises GaxError for none."""
    if outside.is_path(data.name, KINDS):
        return outside.load(data.name, data)
    kind, colon, name = data.name.partition(':')
    if not colon or kind not in KINDS:
        raise errors.GaxError(errors.choices('data source', data.name, names()))
    return KINDS[kind](name, data)


def changed_at_random(source: Source, data: Any) -> Source:
    """`source`, read as the `data` section of a config says: cropped, then mirrored.

    Raises GaxError where that cannot be.
    """
    fields = [field for field in AS_THEY_ARE if data.get(field)]
    if fields and 'image' not in source.spec.fields:
        raise errors.GaxError(f'config.data.{fields[0]} is for images, which {data.name} has none of')
    if pixels := data.get('random_crop', 0):
        height, width = source.spec.fields['image'][:2]
        if pixels >= min(height, width):
            raise errors.GaxError(
                f'config.data.random_crop={pixels} must be below the sides of the images, which are {height}x{width}'
            )
        source = cropped(source, pixels)
    return flipped(source) if data.flip else source


def names() -> list[str]:
    """What `config.data.name` may be."""
    found = [f'embedded:{n}' for n in (*arrays.EMBEDDED, 'stacked_mnist')]
    found += [f'synthetic:{n}' for n in synthetic.SYNTHETIC]
    return [*found, 'tfds:NAME[/config][:split]', 'folder:PATH', 'npz:PATH', 'package.module:function']
