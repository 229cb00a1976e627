"""A folder of images: all in it, or in one folder per class whose name is the label."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gax import errors, paths
from gax.core.spec import Field, Spec
from gax.data import decode, preprocess
from gax.data.images import Found, find, refuse_dangling
from gax.data.resident import nbytes
from gax.data.source import Source, listing, read_rows
from gax.data.threads import chunks

log = logging.getLogger('gax')


class Open(NamedTuple):
    """A folder of images of one shape: a value that worker processes can be sent."""

    found: Found
    fit: preprocess.Fit
    shape: tuple[int, ...]

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """'image' uint8 [n, H, W, C] and 'label' int32 [n].

        Raises GaxError that names the file that is broken or unlike.
        """
        images: np.ndarray = np.empty((len(indices), *self.shape), np.uint8)
        for place, index in enumerate(indices):
            path = self.found.paths[index]
            image = fitted(path, self.fit)
            if image.shape != self.shape:
                raise unlike(path, image.shape, self.found.paths[0], self.shape, self.fit)
            images[place] = image
        labels = self.found.labels
        return {'image': images} if labels is None else {'image': images, 'label': labels[indices]}


def named(path: str, data: Any) -> Source:
    """The images under `path`; their labels are the class folders in the order of their names, or as gax
    wrote them down.

    Found by their suffixes, at any depth; other files are left out, and told of. A broken one ends it, by
    name (data.broken='error'), or is left out and counted ('skip': then every file is read once before a run
    begins). A set that will be fetched has the heads of its files compared before anything else, if the
    config leaves their shape open.
    """
    root, fitting = paths.user(path), preprocess.of(data)
    found = find(root)
    refuse_dangling(found, root, skip=data.get('broken') == 'skip')
    if data.get('broken') == 'skip':
        found = without_broken(found, root, data.channels)
    shape = fitted(found.paths[0], fitting).shape
    spec = Spec(f'folder:{path}', {'image': Field(shape)}, found.num, len(found.paths), found.classes)
    if nbytes(spec) > data.device_limit_mib * 2**20 and not (fitting.image_size and fitting.channels):
        compare_heads(found.paths, fitting, shape)
    labels = b'' if found.labels is None else found.labels.tobytes()
    files = partial(listing, root, found.paths, labels)
    return Source(spec, (), read_rows, Open(found, fitting, shape).rows, files)


def fitted(path: Path, fitting: preprocess.Fit) -> np.ndarray:
    """One image, decoded and made to fit."""
    image = decode.image(path, channels=fitting.channels)
    try:
        return fitting(image)
    except errors.GaxError as error:
        raise decode.BadImage(f'{path}: {error}') from error


def unlike(
    path: Path, shape: Sequence[int], first: Path, wanted: Sequence[int], fitting: preprocess.Fit
) -> Exception:
    """What to say of two images that cannot stand in one batch."""
    fields = [] if fitting.image_size or tuple(shape[:2]) == tuple(wanted[:2]) else ['image_size=64']
    fields += [] if shape[2] == wanted[2] else ['channels=3']
    said = ' and '.join(f'--config.data.{field}' for field in fields)
    sizes = [f'{w}x{h}x{c}' for h, w, c in (shape, wanted)]
    return errors.GaxError(
        f'{path} is {sizes[0]} (width, height, channels) and {first} is {sizes[1]}: give {said}'
    )


def without_broken(found: Found, root: Path, channels: int) -> Found:
    """The images that can be read, each of them tried.

    Raises GaxError where none is left, in all or of a class.
    """

    reasons = [(index, why) for index, why in tried(found.paths, channels) if why]
    if not reasons:
        return found
    bad = {index for index, _ in reasons}
    kept = [index for index in range(len(found.paths)) if index not in bad]
    log.warning('%s: %d of %d images are left out, e.g. %s', root, len(bad), len(found.paths), reasons[0][1])
    if found.labels is None:
        lost = [] if kept else [str(root)]
    else:
        counts = Counter(found.labels[kept].tolist())
        gone = [found.paths[i] for i, label in enumerate(found.labels) if not counts[int(label)]]
        lost = [str(root / path.relative_to(root).parts[0]) for path in gone]
    if lost:
        raise errors.GaxError(f'no image in {lost[0]} can be read: {reasons[0][1]}')
    labels = None if found.labels is None else found.labels[kept]
    return found._replace(paths=[found.paths[index] for index in kept], labels=labels)


def tried(images: list[Path], channels: int) -> list[tuple[int, str]]:
    """(index, why it cannot be read, or '') of every file."""

    def try_all(indices: np.ndarray) -> list[tuple[int, str]]:
        return [(int(index), problem(images[index], channels)) for index in indices]

    return [pair for _, part in chunks(try_all, len(images), 'reading every image') for pair in part]


def problem(path: Path, channels: int) -> str:
    try:
        decode.image(path, channels=channels)
    except decode.BadImage as error:
        return str(error)
    return ''


def compare_heads(images: list[Path], fitting: preprocess.Fit, shape: tuple[int, ...]) -> None:
    """Raises GaxError for the first image that would have another shape than `shape`."""

    def compare(indices: np.ndarray) -> None:
        for index in indices:
            height, width, channels = decode.shape(images[index], fitting.channels)
            found = (*fitting.size((height, width)), fitting.channels or channels)
            if found != tuple(shape):
                raise unlike(images[index], found, images[0], shape, fitting)

    for _ in chunks(compare, len(images), 'comparing images'):
        pass
