"""Image sets of TensorFlow Datasets, prepared as ArrayRecord files: read without TensorFlow.

Preparing a set (gax-prepare) is another matter: most stock builders encode images with TensorFlow.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gax import errors, paths
from gax.core.spec import Field, Spec
from gax.data import decode, preprocess, splits
from gax.data.source import Source, listing, read_rows

NOTE = 'gax'  # the key in the metadata of sets that gax wrote
VERSION = re.compile(r'\d+\.\d+\.\d+')
INSTALL = "reading tfds: data needs TensorFlow Datasets (without TensorFlow): pip install 'gax[tfds]'"


class Open(NamedTuple):
    """An opened split. It can be sent to worker processes.

    Attributes:
      name: The name of the split in messages.
      records: Its records, by index.
      image: The name of the feature with the image.
      label: The name of the feature with the label; '' for none.
      fit: The size and the channels of the images.
      shape: (H, W, C) of every image.
    """

    name: str
    records: Any
    image: str
    label: str
    fit: preprocess.Fit
    shape: tuple[int, ...]

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """The examples at `indices`: 'image' uint8 [n, H, W, C], 'label' int32 [n].

        Raises:
          GaxError: A record, which it names, is damaged or has another shape.
        """
        images: np.ndarray = np.empty((len(indices), *self.shape), np.uint8)
        records = [self.records[int(index)] for index in indices]
        for place, (index, record) in enumerate(zip(indices, records, strict=True)):
            image = fitted(record[self.image], f'example {index} of {self.name}', self.fit)
            if image.shape != self.shape:
                raise errors.GaxError(
                    f'example {index} of {self.name} has the shape {image.shape}, and the first has '
                    f'{self.shape}: give --config.data.image_size=64, or --config.data.channels=3 where '
                    'channels differ'
                )
            images[place] = image
        rows = {'image': images}
        return rows | {'label': np.array([r[self.label] for r in records], np.int32)} if self.label else rows


def named(text: str, data: Any) -> Source:
    """A source of a prepared set of TFDS.

    Images are the feature 'image', or the only image; labels the feature 'label', or the only class label.

    Args:
      text: `NAME[/config][:version][:split]`; the split is 'train' by default. NAME may also be the path of a
        prepared set, a folder with dataset_info.json. Any split that TFDS knows is valid, e.g. 'train[:80%]'
        or 'train+test'.
      data: The `data` section of a config. `dir`: where prepared sets are ('': the default of TFDS).

    Raises:
      GaxError: The set is missing (the message says how to get it, and on which machine), or has no images.
    """
    name, split = parts(text)
    builder = find(name, data.get('dir', ''))
    split, others = split_of(text, name, split, builder, data.get('split', ''))
    image, label = features(name, builder.info.features)
    records = open_split(text, name, split, builder)
    kind, full = builder.info.features[image], f'tfds:{name}:{split}'
    if not data.image_size and None in kind.shape[:2]:
        raise errors.GaxError(
            f'images of {full} have many sizes: give the one to train on, --config.data.image_size=64'
        )
    if not len(records):
        raise errors.GaxError(f'{full} has no examples')
    shape = fitted(records[0][image], f'example 0 of {full}', preprocess.of(data)).shape
    names = builder.info.features[label].names or () if label else ()
    classes = tuple(note_of(Path(str(builder.data_path))).get('classes', names))
    num_classes = builder.info.features[label].num_classes if label else 0
    spec = Spec(f'tfds:{text}', {'image': Field(shape)}, num_classes, len(records), classes)
    root = Path(str(builder.data_path))
    files = sorted(path for path in root.rglob('*') if path.is_file())
    rows = Open(full, records, image, label, preprocess.of(data), shape).rows
    digest = partial(listing, root, files, split.encode())
    source = Source(spec, (), read_rows, rows, digest)
    if not others and data.get('split', ''):
        return splits.part(source, data.split)
    return source._replace(split=splits.standard(split) if others else '', splits=others)


def split_of(text: str, name: str, split: str, builder: Any, wanted: str) -> tuple[str, dict[str, int]]:
    """(the split to open, {split: its size} if TFDS defines the splits of the set).

    Args:
      text, name, split: See `parts`.
      builder: The builder of the set.
      wanted: `config.data.split`.

    Raises:
      GaxError: Both the name and `wanted` name a split, or the set has other splits than `wanted`.
    """
    if text != name:
        if wanted:
            raise errors.GaxError(
                f'config.data.name=tfds:{text} names a split, and config.data.split={wanted} another: leave '
                'one out'
            )
        return split, {}
    try:
        infos = dict(builder.info.splits.items())
    except Exception:  # the set is not prepared; opening it reports that
        infos = {}
    defined = {splits.standard(key): key for key in infos if splits.standard(key) in splits.SPLITS}
    if len(defined) < 2:
        return split, {}
    if wanted:
        splits.refuse_unknown(wanted, defined, f'tfds:{text}')
    counts = {plain: int(infos[key].num_examples) for plain, key in defined.items()}
    plain = wanted or 'train'
    return defined.get(plain, split), counts


def parts(text: str) -> tuple[str, str]:
    """Splits the text into the name and the split.

    ('cifar10', 'train') for 'cifar10'. A version stays with the name: ('mnist:3.0.1', 'test') for
    'mnist:3.0.1:test'.
    """
    for path, _, split in (
        (text, '', ''),
        text.rpartition(':'),
    ):  # a prepared set may lie in a folder of any name
        if path and (paths.user(path) / 'dataset_info.json').is_file():
            return path, split or 'train'
    name, _, rest = text.partition(':')
    first, _, second = rest.partition(':')
    if VERSION.fullmatch(first):
        name, rest = f'{name}:{first}', second
    if not name:
        raise errors.GaxError(
            'config.data.name=tfds: names no set; write e.g. tfds:cifar10 or tfds:mnist:test'
        )
    return name, rest or 'train'


def library() -> Any:
    """The module tensorflow_datasets.

    Raises:
      GaxError: It is not installed.
    """
    try:
        import tensorflow_datasets
    except ImportError as error:
        raise errors.GaxError(INSTALL) from error
    return tensorflow_datasets


def find(name: str, folder: str) -> Any:
    """The builder of a set, by its name or its path.

    Raises:
      GaxError: No set has this name, or it cannot be opened.
    """
    tfds = library()
    path = paths.user(name)
    if (path / 'dataset_info.json').is_file():
        return tfds.builder_from_directory(str(readable(path)))
    plain = name.partition(':')[0].partition('/')[0]
    root = where(folder)
    try:
        return tfds.builder(name, data_dir=str(root) if folder else None)
    except tfds.core.DatasetNotFoundError as error:
        near = errors.nearest(plain, tfds.list_builders(with_community_datasets=False))
        hint = f'; nearest that TFDS can make: {near!r}' if near else ''
        raise errors.GaxError(
            f'no set {name!r} in {root} on {socket.gethostname()}, and TFDS has no builder of that name{hint}'
        ) from error
    except Exception as error:
        configs = (
            list(tfds.builder_cls(plain).builder_configs)
            if plain in tfds.list_builders(with_community_datasets=False)
            else []
        )
        available = f'; there are {", ".join(configs)}' if configs else ''
        raise errors.GaxError(
            f'tfds:{name} cannot be opened: {errors.first_line(error)}{available}'
        ) from error


def where(folder: str) -> Path:
    """The folder of the prepared sets, by the rules of TFDS."""
    named = folder or os.environ.get('TFDS_DATA_DIR', '')
    if named:
        return readable(paths.user(named))
    try:
        return readable(paths.user('~/tensorflow_datasets'))
    except errors.GaxError as error:
        raise errors.GaxError(
            'no home is known, where TFDS would keep its sets: name a folder, --dir or config.data.dir'
        ) from error


def readable(path: Path) -> Path:
    """`path`.

    Raises:
      GaxError: It has bytes that are no UTF-8, which the reader and the writer of ArrayRecord refuse.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise errors.GaxError(
            f'{path}: sets of TFDS lie in folders whose names are UTF-8: rename it'
        ) from error
    return path


def place(name: str, folder: str) -> Path:
    """The folder of all versions of the set `name`, or of the one prepared set if `name` is a path."""
    path = paths.user(name)
    return path if (path / 'dataset_info.json').is_file() else where(folder) / name.partition(':')[0]


def note_of(place: Path) -> dict[str, Any]:
    """The metadata that gax stored in a prepared set that it wrote; {} for other sets."""
    try:
        note = json.loads((place / 'metadata.json').read_text(encoding='utf-8'))[NOTE]
        return note if isinstance(note, dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def features(name: str, known: Any) -> tuple[str, str]:
    """The names of the image feature and of the label feature ('' for none) of a set.

    Raises:
      GaxError: The set has no images, or several, or their dtype is not supported.
    """
    tfds = library()
    images = [key for key, kind in known.items() if isinstance(kind, tfds.features.Image)]
    labels = [key for key, kind in known.items() if isinstance(kind, tfds.features.ClassLabel)]
    if 'image' not in images and len(images) != 1:
        raise errors.GaxError(f'tfds:{name} is no set of images: its features are {", ".join(known)}')
    image = 'image' if 'image' in images else images[0]
    if known[image].np_dtype not in (np.uint8, np.uint16):
        raise errors.GaxError(
            f'images of tfds:{name} are {np.dtype(known[image].np_dtype)}: 8 or 16 bits are wanted'
        )
    return image, 'label' if 'label' in labels else labels[0] if len(labels) == 1 else ''


def open_split(text: str, name: str, split: str, builder: Any) -> Any:
    """The records of a split, with images as the bytes of their files."""
    tfds = library()
    image = features(name, builder.info.features)[0]
    try:
        records = builder.as_data_source(split)
    except Exception as error:
        raise errors.GaxError(why_not(text, split, builder, error)) from error
    # Not as an argument of as_data_source: TFDS's mock data uses that only if TensorFlow is installed.
    records.decoders = {image: tfds.decode.SkipDecoding()}
    return records


def why_not(text: str, split: str, builder: Any, error: Exception) -> str:
    """The message, one line, for a split that cannot be opened."""
    folder = Path(str(builder.data_path))
    command = f'{errors.command("prepare")} --data={shlex.quote(f"tfds:{text}")}'
    if not (folder / 'dataset_info.json').is_file():
        root = folder.parents[len(builder.info.full_name.split('/')) - 1]
        return (
            f'tfds:{text} is not prepared in {root} on {socket.gethostname()}: run there '
            f'{command} --dir={shlex.quote(str(root))} (needs '
            "pip install 'gax[tfds]' and the network), or give the folder where it is as --config.data.dir"
        )
    if 'plit' not in str(error) and 'incompatible with' not in str(error):
        return (
            f'tfds:{text} in {folder} cannot be read by index ({errors.first_line(error)}): prepare it as '
            f'ArrayRecord, {command} --dir=ANOTHER'
        )
    sizes = ', '.join(f'{key} ({info.num_examples})' for key, info in builder.info.splits.items())
    return f'tfds:{text}: no split {split!r}, which is one of {sizes}, or a part such as train[:80%]'


def fitted(content: Any, name: str, fitting: preprocess.Fit) -> np.ndarray:
    """One image from the bytes of its file (or from an array, as in TFDS's mock data), resized."""
    image = content if isinstance(content, np.ndarray) else decode.image(content, name, fitting.channels)
    try:
        return fitting(image)
    except errors.GaxError as error:
        raise decode.BadImage(f'{name}: {error}') from error
