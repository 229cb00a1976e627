"""A folder of images: all directly in it, or in one folder per class whose name is the label."""

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
from gax.data.images import ImageFiles, find, refuse_dangling
from gax.data.resident import nbytes
from gax.data.source import Source, listing, read_rows
from gax.data.threads import chunks

log = logging.getLogger('gax')


class Open(NamedTuple):
    """A folder of images of one shape. It can be sent to worker processes.

    Attributes:
      files: The images and their labels.
      fit: The size and the channels of the images.
      shape: (H, W, C) of every image.
    """

    files: ImageFiles
    fit: preprocess.Fit
    shape: tuple[int, ...]

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """The examples at `indices`: 'image' uint8 [n, H, W, C] and 'label' int32 [n].

        Raises:
          GaxError: A file, which it names, is damaged or has another shape.
        """
        images: np.ndarray = np.empty((len(indices), *self.shape), np.uint8)
        for place, index in enumerate(indices):
            path = self.files.paths[index]
            image = fitted(path, self.fit)
            if image.shape != self.shape:
                raise unlike(path, image.shape, self.files.paths[0], self.shape, self.fit)
            images[place] = image
        labels = self.files.labels
        return {'image': images} if labels is None else {'image': images, 'label': labels[indices]}


def named(path: str, data: Any) -> Source:
    """A source of the images under `path`.

    The labels number the class folders in the order of their names, or as the class list of a folder that gax
    wrote. Images are recognised by their suffixes, at any depth; other files are ignored with a warning. If
    the set will be fetched and the config leaves the shape open, the headers of all files are compared first.

    Args:
      path: The folder.
      data: The `data` section of a config. `broken`: 'error' refuses damaged files by name; 'skip' leaves
        them out and logs how many, for which every file is read once before a run begins.

    Raises:
      GaxError: The folder has no images, or a file is damaged or has another shape.
    """
    root, fitting = paths.user(path), preprocess.of(data)
    images = find(root)
    refuse_dangling(images, root, skip=data.get('broken') == 'skip')
    if data.get('broken') == 'skip':
        images = without_broken(images, root, data.channels)
    shape = fitted(images.paths[0], fitting).shape
    spec = Spec(f'folder:{path}', {'image': Field(shape)}, images.num, len(images.paths), images.classes)
    if nbytes(spec) > data.device_limit_mib * 2**20 and not (fitting.image_size and fitting.channels):
        compare_heads(images.paths, fitting, shape)
    labels = b'' if images.labels is None else images.labels.tobytes()
    files = partial(listing, root, images.paths, labels)
    return Source(spec, (), read_rows, Open(images, fitting, shape).rows, files)


def fitted(path: Path, fitting: preprocess.Fit) -> np.ndarray:
    """One image, decoded and resized."""
    image = decode.image(path, channels=fitting.channels)
    try:
        return fitting(image)
    except errors.GaxError as error:
        raise decode.BadImage(f'{path}: {error}') from error


def unlike(
    path: Path, shape: Sequence[int], first: Path, wanted: Sequence[int], fitting: preprocess.Fit
) -> Exception:
    """The error for two images of different shapes, which cannot be in one batch."""
    fields = [] if fitting.image_size or tuple(shape[:2]) == tuple(wanted[:2]) else ['image_size=64']
    fields += [] if shape[2] == wanted[2] else ['channels=3']
    flags = ' and '.join(f'--config.data.{field}' for field in fields)
    sizes = [f'{w}x{h}x{c}' for h, w, c in (shape, wanted)]
    return errors.GaxError(
        f'{path} is {sizes[0]} (width, height, channels) and {first} is {sizes[1]}: give {flags}'
    )


def without_broken(images: ImageFiles, root: Path, channels: int) -> ImageFiles:
    """The images that can be read, each of them decoded once.

    Raises:
      GaxError: None is left, or none of a class.
    """

    reasons = [(index, why) for index, why in tried(images.paths, channels) if why]
    if not reasons:
        return images
    bad = {index for index, _ in reasons}
    kept = [index for index in range(len(images.paths)) if index not in bad]
    log.warning('%s: %d of %d images are left out, e.g. %s', root, len(bad), len(images.paths), reasons[0][1])
    if images.labels is None:
        lost = [] if kept else [str(root)]
    else:
        counts = Counter(images.labels[kept].tolist())
        gone = [images.paths[i] for i, label in enumerate(images.labels) if not counts[int(label)]]
        lost = [str(root / path.relative_to(root).parts[0]) for path in gone]
    if lost:
        raise errors.GaxError(f'no image in {lost[0]} can be read: {reasons[0][1]}')
    labels = None if images.labels is None else images.labels[kept]
    return images._replace(paths=[images.paths[index] for index in kept], labels=labels)


def tried(images: list[Path], channels: int) -> list[tuple[int, str]]:
    """(index, the reason why it cannot be read, or '') of every file."""

    def try_all(indices: np.ndarray) -> list[tuple[int, str]]:
        return [(int(index), problem(images[index], channels)) for index in indices]

    return [pair for _, part in chunks(try_all, len(images), 'reading every image') for pair in part]


def problem(path: Path, channels: int) -> str:
    """The reason why a file cannot be decoded; '' if it can."""
    try:
        decode.image(path, channels=channels)
    except decode.BadImage as error:
        return str(error)
    return ''


def compare_heads(images: list[Path], fitting: preprocess.Fit, shape: tuple[int, ...]) -> None:
    """Raises GaxError for the first image whose shape is not `shape`."""

    def compare(indices: np.ndarray) -> None:
        for index in indices:
            height, width, channels = decode.shape(images[index], fitting.channels)
            image_shape = (*fitting.size((height, width)), fitting.channels or channels)
            if image_shape != tuple(shape):
                raise unlike(images[index], image_shape, images[0], shape, fitting)

    for _ in chunks(compare, len(images), 'comparing images'):
        pass
