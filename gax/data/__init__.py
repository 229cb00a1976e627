"""Data: one config field chooses the source, `KIND:NAME`, or the import path of your function."""

from collections.abc import Callable
from typing import Any

from gax import errors
from gax.core.spec import Field, Spec
from gax.data import (
    archive,
    arrays,
    degrade,
    domains,
    folder,
    openmoji,
    outside,
    pairs,
    preprocess,
    random_images,
    series,
    splits,
    stacked_mnist,
    synthetic,
    table,
    tfds,
)
from gax.data.defaults import COMMA
from gax.data.flips import PICTURES, cropped, flipped, sides
from gax.data.resident import nbytes, resident, streamed
from gax.data.source import Source, order_of, targeted
from gax.data.zipped import zip

__all__ = ['AS_THEY_ARE', 'KINDS', 'Field', 'Source', 'Spec', 'load', 'order_of', 'zip']

# Fields of the `data` section with which images are read as they are, and not changed at random.
AS_THEY_ARE = {'flip': False, 'random_crop': 0}


def as_they_are(section: Any) -> None:
    """Changes the `data` section of a config so that images are read as they are."""
    for field, value in AS_THEY_ARE.items():
        if field in section:
            section[field] = value


def embedded(name: str, data: Any) -> Source:
    """A set that comes with the package; 'noto_openmoji' is opened by `opened`, as its domains are two."""
    sets: dict[str, Callable[[], Source]] = {
        **{plain: lambda: arrays.embedded(name, preprocess.of(data)) for plain in arrays.EMBEDDED},
        'stacked_mnist': lambda: stacked_mnist.stacked_mnist(preprocess.of(data)),
        'openmoji': lambda: openmoji.pairs(data),
        'noto_openmoji': lambda: openmoji.domains(data),
        'sp500': lambda: series.sp500(data),
    }
    return errors.lookup('embedded data set', name, sets)()


# name -> (what comes after the colon, the `data` section of a config) -> source
KINDS: dict[str, Callable[[str, Any], Source]] = {
    'embedded': embedded,
    'tfds': tfds.named,
    'folder': folder.named,
    'npz': arrays.named,
    'synthetic': synthetic.named,
    'random': lambda name, data: random_images.named(name),
    'pairs': pairs.named,
    'series': series.named,
    'table': table.named,
}


def load(config: Any, resident_up_to: float | None = None) -> Source:
    """The source that `config.data` describes.

    Args:
      config: A config, whose `data` section is read: name, split, flips and crops, and condition.
      resident_up_to: MiB. A set of at most so many bytes (images and videos as uint8, at the configured size)
        is read now, to live on the device. Of a larger set, each step's examples are fetched. None is the
        same as `data.device_limit_mib`. 0: fetch, for callers that need a few images, or the spec alone.

    Returns:
      The source, split, cropped, flipped and degraded as the section says.

    Raises:
      GaxError: The kind or the name is unknown, files cannot be used, a set is missing, or a field of the
        section does not go with it.
    """
    section = config.data
    limit = section.device_limit_mib if resident_up_to is None else resident_up_to
    source = toward(opened(section, limit), section.get('direction', 'ba'))
    condition = section.get('condition', '')
    return degrade.degraded(source, condition) if condition else source


def toward(source: Source, direction: str) -> Source:
    """Two domains with the one as their target to which `direction` leads; other sources as they are."""
    return targeted(source, direction[1]) if {'a', 'b'} <= source.spec.fields.keys() else source


def opened(data: Any, limit: float) -> Source:
    """The source of a `data` section, limited, flipped and cropped, but without its condition.

    Args:
      data: The `data` section of a config.
      limit: MiB, see `load`.
    """
    kind, colon, name = data.name.partition(':')

    def prepared(source: Source) -> Source:
        few = splits.limited(source, data.get('limit', 0))
        return changed_at_random(placed(few, limit), data)

    if kind == 'zip' and colon and not archive.is_archive(name):
        return zipped(data, name, limit)
    if kind == 'domains' and colon:
        return domains.named(name, data, prepared)
    if data.name == 'embedded:noto_openmoji':
        return openmoji.domains(data, prepared)
    if outside.is_path(data.name):
        source = outside.load(data.name, data)
    elif kind == 'zip' and colon:
        source = archive.named(name, data)
    elif colon and kind in KINDS:
        source = KINDS[kind](name, data)
    else:
        raise errors.GaxError(errors.choices('data source', data.name, names()))
    split = data.get('split', '')
    refuse_unread(source, data)
    return prepared(splits.part(source, split) if split and not source.split else source)


def refuse_unread(source: Source, data: Any) -> None:
    """Raises GaxError if fields say how images are read, and the source reads none from files.

    Random images may have the size that the config asks for, as where they stand in for those of a preset.
    """
    random = data.name.startswith('random:')
    met = {'image_size': source.spec.target_shape[0]} if random else {}
    named = [field for field in ('image_size', 'channels', 'layout') if data.get(field)]
    unread = [field for field in named if data[field] != met.get(field)]
    if unread and (random or source.spec.fields[source.spec.target].kind != 'image'):
        raise errors.GaxError(
            f'config.data.{unread[0]}={data[unread[0]]} says how images are read from files, which '
            f'{data.name} has none of; leave it out'
        )


def zipped(data: Any, names: str, limit: float) -> Source:
    """The sources between the commas of 'zip:NAME,NAME', as the fields 'a', 'b', ...; see `zip`."""
    parts = [part.strip() for part in names.split(COMMA)]
    if len(parts) < 2 or not all(parts):
        raise errors.GaxError(
            f'config.data.name={data.name!r} must name two sources with a comma between, such as '
            'zip:embedded:emoji,folder:PATH'
        )
    sources = {}
    for i, part in enumerate(parts):
        section = data.copy_and_resolve_references()
        with section.unlocked():
            section.name = part
        sources[chr(ord('a') + i)] = opened(section, limit)
    return zip(name=data.name, **sources)


def placed(source: Source, limit: float) -> Source:
    """`source` on the device if it is no larger than `limit` MiB; else in the host's memory or in files."""
    if source.spec.size:
        small = nbytes(source.spec) <= limit * 2**20
        if source.fetch and small:
            return resident(source)
        if not source.fetch and not small:
            return streamed(source)
    return source


def changed_at_random(source: Source, data: Any) -> Source:
    """`source`, read as the `data` section of a config says: cropped, then mirrored.

    Raises:
      GaxError: The source has no images, or none that can be cropped so.
    """
    fields = [field for field in AS_THEY_ARE if data.get(field)]
    if fields and not source.spec.of_kind(*PICTURES):
        raise errors.GaxError(f'config.data.{fields[0]} is for images, which {data.name} has none of')
    if pixels := data.get('random_crop', 0):
        sizes = sorted(sides(source.spec))
        if len(sizes) > 1:
            listed = ', '.join(f'{height}x{width}' for height, width in sizes)
            raise errors.GaxError(
                f'config.data.random_crop={pixels} takes images of one size, and {data.name} has {listed}'
            )
        height, width = sizes[0]
        if pixels >= min(height, width):
            raise errors.GaxError(
                f'config.data.random_crop={pixels} must be below the sides of the images, which are '
                f'{height}x{width}'
            )
        source = cropped(source, pixels)
    return flipped(source) if data.flip else source


def names() -> list[str]:
    """The valid forms of `config.data.name`."""
    listed = [f'embedded:{n}' for n in (*arrays.EMBEDDED, 'stacked_mnist', *openmoji.NAMES, 'sp500')]
    listed += [f'synthetic:{n}' for n in synthetic.SYNTHETIC]
    files = [
        'tfds:NAME[/config][:split]',
        'folder:PATH',
        'npz:PATH',
        'pairs:PATH',
        'domains:PATH',
        'series:FILE.csv',
        'table:FILE.csv',
    ]
    return [
        *listed,
        *files,
        'zip:FILE.zip',
        'zip:NAME,NAME',
        'random:HxWxC[/CLASSES]',
        'package.module:function',
    ]
