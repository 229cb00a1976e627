"""A folder of images: all in it, or in one folder per class whose name is the label."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gax import errors
from gax.data import decode, fit
from gax.data.resident import nbytes
from gax.data.source import Source, Spec, read_rows
from gax.data.threads import chunks

log = logging.getLogger('gax')


class Found(NamedTuple):
    """paths: of the images, sorted. labels: int32, one a path; None without classes. classes: their names, sorted."""

    paths: list[Path]
    labels: np.ndarray | None
    classes: tuple[str, ...] = ()


class Open(NamedTuple):
    """A folder of images of one shape: a value that worker processes can be sent."""

    found: Found
    fit: fit.Fit
    shape: tuple[int, ...]

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """'image' uint8 [n, H, W, C] and 'label' int32 [n]. Raises GaxError that names the file that is broken or unlike."""
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
    """The images under `path`; their labels are the class folders in the order of their names.

    Found by their suffixes, at any depth; other files are left out, and told of. A broken one ends it, by name
    (data.broken='error'), or is left out and counted ('skip': then every file is read once before a run begins). A set that
    will be fetched has the heads of its files compared before anything else, if the config leaves their shape open.
    """
    root, fitting = Path(path).expanduser(), fit.of(data)
    found = find(root)
    if data.broken == 'skip':
        found = without_broken(found, root, data.channels)
    shape = fitted(found.paths[0], fitting).shape
    spec = Spec(f'folder:{path}', {'image': shape}, len(found.classes), len(found.paths), found.classes)
    if nbytes(spec) > data.device_limit_mib * 2**20 and not (fitting.image_size and fitting.channels):
        compare_heads(found.paths, fitting, shape)
    return Source(spec, (), read_rows, Open(found, fitting, shape).rows)


def fitted(path: Path, fitting: fit.Fit) -> np.ndarray:
    """One image, decoded and made to fit."""
    image = decode.image(path, channels=fitting.channels)
    try:
        return fitting(image)
    except errors.GaxError as error:
        raise decode.BadImage(f'{path}: {error}') from error


def unlike(
    path: Path, shape: Sequence[int], first: Path, wanted: Sequence[int], fitting: fit.Fit
) -> Exception:
    """What to say of two images that cannot stand in one batch."""
    fields = [] if fitting.image_size or tuple(shape[:2]) == tuple(wanted[:2]) else ['image_size=64']
    fields += [] if shape[2] == wanted[2] else ['channels=3']
    said = ' and '.join(f'--config.data.{field}' for field in fields)
    sizes = [f'{w}x{h}x{c}' for h, w, c in (shape, wanted)]
    return errors.GaxError(
        f'{path} is {sizes[0]} (width, height, channels) and {first} is {sizes[1]}: give {said}'
    )


def find(root: Path) -> Found:
    """The images under `root`. Raises GaxError for a folder that is not there, is empty, or is of no one kind."""
    if not root.is_dir():
        what = 'is not a folder' if root.exists() else 'does not exist'
        raise errors.GaxError(f'folder of images {root} {what}')
    with errors.plain_os_errors(root):
        top, rest = images_in(root, root.iterdir())
        folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith('.'))
        inside = {p.name: images_in(p, p.rglob('*')) for p in folders}
    others = rest + [path for _, unknown in inside.values() for path in unknown]
    filled = [name for name, (images, _) in inside.items() if images]
    if top and filled:
        raise errors.GaxError(
            f'{root} has images both in itself ({top[0].name}, ...) and in class folders ({filled[0]}, ...): have one or the '
            'other'
        )
    if not top and not filled:
        known = ' '.join(sorted(decode.SUFFIXES))
        raise errors.GaxError(f'{root} has no images (files that end in {known}), nor folders with images')
    if others:
        log.warning('%s: %d files that are no images are left out, e.g. %s', root, len(others), others[0])
    if top:
        return Found(top, None)
    empty = [name for name in inside if name not in filled]
    if empty:
        raise errors.GaxError(f'class folder {root / empty[0]} has no images: remove it, or fill it')
    paths = [path for name in filled for path in inside[name][0]]
    labels: np.ndarray = np.repeat(
        np.arange(len(filled), dtype=np.int32), [len(inside[name][0]) for name in filled]
    )
    return Found(paths, labels, tuple(filled))


def images_in(folder: Path, paths: Any) -> tuple[list[Path], list[Path]]:
    """(images, other files) among `paths`, each sorted; hidden ones, and those in hidden folders, are neither."""
    seen = sorted(
        path
        for path in paths
        if not any(part.startswith('.') for part in path.relative_to(folder).parts) and path.is_file()
    )
    images = [path for path in seen if path.suffix.lower() in decode.SUFFIXES]
    return images, [path for path in seen if path.suffix.lower() not in decode.SUFFIXES]


def without_broken(found: Found, root: Path, channels: int) -> Found:
    """The images that can be read, each of them tried. Raises GaxError where none is left, in all or of a class."""

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
        lost = [str(root / name) for label, name in enumerate(found.classes) if not counts[label]]
    if lost:
        raise errors.GaxError(f'no image in {lost[0]} can be read: {reasons[0][1]}')
    labels = None if found.labels is None else found.labels[kept]
    return Found([found.paths[index] for index in kept], labels, found.classes)


def tried(paths: list[Path], channels: int) -> list[tuple[int, str]]:
    """(index, why it cannot be read, or '') of every file."""

    def try_all(indices: np.ndarray) -> list[tuple[int, str]]:
        return [(int(index), problem(paths[index], channels)) for index in indices]

    return [pair for _, part in chunks(try_all, len(paths), 'reading every image') for pair in part]


def problem(path: Path, channels: int) -> str:
    try:
        decode.image(path, channels=channels)
    except decode.BadImage as error:
        return str(error)
    return ''


def compare_heads(paths: list[Path], fitting: fit.Fit, shape: tuple[int, ...]) -> None:
    """Raises GaxError for the first image that would have another shape than `shape`."""

    def compare(indices: np.ndarray) -> None:
        for index in indices:
            height, width, channels = decode.shape(paths[index], fitting.channels)
            found = (*fitting.size((height, width)), fitting.channels or channels)
            if found != tuple(shape):
                raise unlike(paths[index], found, paths[0], shape, fitting)

    for _ in chunks(compare, len(paths), 'comparing images'):
        pass
