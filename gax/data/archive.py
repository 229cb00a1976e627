"""Images in a zip file with a dataset.json, as the tools of StyleGAN2-ADA and its successors read and write.

The images are in the order of their names. dataset.json is {"labels": [["00000/img00000000.png", 6], ...]},
or {"labels": null} for images without classes; it may be absent. gax adds "classes", the names of the
classes, which those tools ignore.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gax import errors, paths
from gax.core.spec import Field, Spec
from gax.data import decode, preprocess
from gax.data.source import Source, read_rows

LABELS = 'dataset.json'
SUFFIX = '.zip'


def is_archive(name: str) -> bool:
    """Whether what follows 'zip:' in config.data.name is one file, and not the names of several sets."""
    return ',' not in name and name.endswith(SUFFIX)


class Open(NamedTuple):
    """A zip file of images of one shape. It can be sent to worker processes.

    Attributes:
      file: The zip file.
      names: The images in it.
      labels: int32 [N], or None.
      fit: The size and the channels of the images.
      shape: (H, W, C) of every image.
    """

    file: Path
    names: tuple[str, ...]
    labels: np.ndarray | None
    fit: preprocess.Fit
    shape: tuple[int, ...]

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """The examples at `indices`: 'image' uint8 [n, H, W, C], and 'label' int32 [n] if there are classes.

        Raises:
          GaxError: An image, which it names, is damaged or has another shape.
        """
        images: np.ndarray = np.empty((len(indices), *self.shape), np.uint8)
        for place, index in enumerate(indices):
            image = fitted(self.file, self.names[index], self.fit)
            if image.shape != self.shape:
                raise errors.GaxError(
                    f'{self.file}: {self.names[index]} has the shape {image.shape}, and {self.names[0]} has '
                    f'{self.shape}: give --config.data.image_size=64 or --config.data.channels=3'
                )
            images[place] = image
        return {'image': images} if self.labels is None else {'image': images, 'label': self.labels[indices]}


def named(path: str, data: Any) -> Source:
    """A source of the images in a zip file.

    Args:
      path: The file.
      data: The `data` section of a config.

    Raises:
      GaxError: There is no such file, it is no zip file, has no images, or its dataset.json does not fit.
    """
    file, fitting = paths.user(path), preprocess.of(data)
    content = opened(str(file), os.getpid())
    names = sorted(n for n in content.namelist() if Path(n).suffix.lower() in decode.SUFFIXES)
    if not names:
        raise errors.GaxError(f'{file} has no images')
    labels, classes = read_labels(file, content, names)
    num = 0 if labels is None else max(len(classes), int(labels.max()) + 1)
    shape = fitted(file, names[0], fitting).shape
    spec = Spec(f'zip:{path}', {'image': Field(shape)}, num, len(names), classes)
    rows = Open(file, tuple(names), labels, fitting, shape).rows
    return Source(spec, (), read_rows, rows, partial(listing, file, names, labels))


@cache
def opened(file: str, process: int) -> zipfile.ZipFile:
    """The zip file, opened once in each process: a forked process must not share its place in the file.

    Raises:
      GaxError: There is no such file, or it is no zip file.
    """
    try:
        return zipfile.ZipFile(file)
    except FileNotFoundError as error:
        raise errors.GaxError(f'there is no file {file}') from error
    except (OSError, zipfile.BadZipFile) as error:
        raise errors.GaxError(f'{file} cannot be read as a zip file ({errors.first_line(error)})') from error


def fitted(file: Path, name: str, fitting: preprocess.Fit) -> np.ndarray:
    """One image, decoded and resized.

    Raises:
      BadImage: It is damaged.
    """
    where = f'{file}: {name}'
    try:
        content = opened(str(file), os.getpid()).read(name)
    except (OSError, zipfile.BadZipFile) as error:
        raise decode.BadImage(f'{where} cannot be read ({errors.first_line(error)})') from error
    image = decode.image(content, where, fitting.channels)
    try:
        return fitting(image)
    except errors.GaxError as error:
        raise decode.BadImage(f'{where}: {error}') from error


def read_labels(
    file: Path, content: zipfile.ZipFile, names: list[str]
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The labels of the images, int32 [N] or None, and the names of the classes, if there are any.

    Raises:
      GaxError: dataset.json is damaged, lacks an image, or has labels that are not whole numbers from 0.
    """
    if LABELS not in content.namelist():
        return None, ()
    try:
        dataset = json.loads(content.read(LABELS))
        pairs = dataset['labels']
        table = None if pairs is None else {str(name).replace('\\', '/'): label for name, label in pairs}
        classes = tuple(map(str, dataset.get('classes') or ()))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise errors.GaxError(
            f'{LABELS} of {file} is not {{"labels": [[FILE, CLASS], ...]}} ({errors.first_line(error)})'
        ) from error
    if table is None:
        return None, ()
    if lost := [name for name in names if name not in table]:
        raise errors.GaxError(f'{LABELS} of {file} has no label of {lost[0]}, nor of {len(lost) - 1} others')
    labels = [table[name] for name in names]
    wrong = [label for label in labels if type(label) is not int or label < 0]
    if wrong:
        raise errors.GaxError(
            f'{LABELS} of {file}: a class is a whole number from 0, and one is {wrong[0]!r}'
        )
    return np.asarray(labels, np.int32), classes


def listing(file: Path, names: list[str], labels: np.ndarray | None) -> str:
    """16 hex digits of the SHA-256 of the names, sizes and checksums of the images, and of the labels."""
    content = opened(str(file), os.getpid())
    sha = hashlib.sha256(b'' if labels is None else labels.tobytes())
    for name in names:
        info = content.getinfo(name)
        sha.update(f'{name}\0{info.file_size}\0{info.CRC}\n'.encode())
    return sha.hexdigest()[:16]
