"""The images in a folder, and the class of each."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gax import errors
from gax.data import decode, walk
from gax.viz import png_folder

log = logging.getLogger('gax')


class ImageFiles(NamedTuple):
    """The images in a folder.

    Attributes:
      paths: The images, sorted.
      labels: int32, one for each path; None without classes.
      classes: The names of the classes, by label; () if they have none.
      num: The number of classes.
      dangling: All dangling links, those among the images included.
    """

    paths: list[Path]
    labels: np.ndarray | None
    classes: tuple[str, ...] = ()
    num: int = 0
    dangling: Sequence[Path] = ()


def find(root: Path) -> ImageFiles:
    """Lists the images under `root`, following links.

    A dangling link with the suffix of an image counts as a damaged image; all dangling links are in
    `dangling`.

    Raises:
      GaxError: The folder does not exist, is empty, or has images both directly in it and in class folders.
    """
    if not root.is_dir():
        what = 'is not a folder' if root.exists() else 'does not exist'
        raise errors.GaxError(f'folder of images {root} {what}')
    here = walk.level(root)
    files = [path for path in here.files if path.name != png_folder.CLASSES]
    top = images_in(files, here.dangling)
    inside = {path.name: images_in(*walk.below(path)[:2]) for path in here.folders}
    filled = [name for name, part in inside.items() if part.images]
    if top.images and filled:
        raise errors.GaxError(
            f'{root} has images both in itself ({top.images[0].name}, ...) and in class folders '
            f'({filled[0]}, ...): have one or the other'
        )
    if not top.images and not filled:
        known = ' '.join(sorted(decode.SUFFIXES))
        raise errors.GaxError(f'{root} has no images (files that end in {known}), nor folders with images')
    parts = [top, *inside.values()]
    others = [path for part in parts for path in part.others]
    if others:
        log.warning('%s: %d files that are no images are left out, e.g. %s', root, len(others), others[0])
    dangling = [path for part in parts for path in part.dangling]
    if top.images:
        return ImageFiles(top.images, None, dangling=dangling)
    empty = [name for name in inside if name not in filled]
    if empty:
        raise errors.GaxError(f'class folder {root / empty[0]} has no images: remove it, or fill it')
    classes = classes_of(root, filled)
    images = [inside[name].images for name in filled]
    labels: np.ndarray = np.repeat(
        np.array([classes.labels[name] for name in filled], np.int32), [len(part) for part in images]
    )
    return ImageFiles([p for part in images for p in part], labels, classes.names, classes.num, dangling)


def classes_of(root: Path, filled: Sequence[str]) -> png_folder.Classes:
    """The label of each class folder, and all classes.

    They follow the class list of a folder that gax wrote; without one they are the folders that exist.
    """
    known = png_folder.read_classes(root)
    if known is None:
        return png_folder.named_by(filled)
    differ = sorted(set(filled) ^ known.labels.keys())
    if differ:
        raise errors.GaxError(
            f'{root / png_folder.CLASSES} is of other class folders than there are ({differ[0]}, ...): '
            'remove that file, and the folders name the classes, or put them back'
        )
    return known


class Part(NamedTuple):
    """The files of one folder.

    Attributes:
      images: Sorted, with the dangling links that have the suffix of an image.
      others: The other files.
      dangling: All dangling links.
    """

    images: list[Path]
    others: list[Path]
    dangling: list[Path]


def images_in(files: Sequence[Path], dangling: Sequence[Path]) -> Part:
    """Separates files and links, each sorted, by their suffixes."""
    lost = [path for path in dangling if is_image(path)]
    images = [path for path in files if is_image(path)]
    if lost:
        images = sorted([*images, *lost], key=lambda path: [os.fsencode(part) for part in path.parts])
    return Part(images, [path for path in files if not is_image(path)], list(dangling))


def is_image(path: Path) -> bool:
    """Whether the file's suffix is that of an image."""
    return path.suffix.lower() in decode.SUFFIXES


def refuse_dangling(images: ImageFiles, root: Path, skip: bool) -> None:
    """Refuses dangling links; with `skip`, warns of those that do not look like images.

    Raises:
      GaxError: There are dangling links, and not `skip`.
    """
    if images.dangling and not skip:
        raise errors.GaxError(
            f'{root}: {len(images.dangling)} links lead to nothing, e.g. {images.dangling[0]}: mend or '
            'remove them, or leave them out with --config.data.broken=skip'
        )
    others = [path for path in images.dangling if not is_image(path)]
    if others:
        log.warning('%s: %d links that lead to nothing are left out, e.g. %s', root, len(others), others[0])
