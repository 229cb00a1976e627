"""Writes images in memory as a prepared set of TensorFlow Datasets, a folder of PNGs or a zip file of PNGs.

None of them needs TensorFlow.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import shlex
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from gax import data, errors
from gax.data import archive, tfds
from gax.data.defaults import data_section
from gax.data.source import Source
from gax.viz import png_folder


def load(name: str, **fields: Any) -> tuple[Source, np.ndarray, np.ndarray | None]:
    """The source `name`, its images and its labels, in memory.

    Args:
      name: As `config.data.name`.
      **fields: Fields of the `data` section of a config, such as layout.

    Returns:
      (the source, uint8 images [N, H, W, C] with C 1, 3 or 4, labels int32 [N] or None).

    Raises:
      GaxError: The source has no images in memory, or they cannot be PNGs.
    """
    section = {**data_section(), 'name': name, **fields}
    source = data.load(ConfigDict({'data': section}), resident_up_to=math.inf)
    image = source.arrays.get('image') if isinstance(source.arrays, dict) else None
    if image is None:
        raise errors.GaxError(f'--data {name!r} has no images in memory; e.g. --data=embedded:emoji')
    if image.shape[-1] not in (1, 3, 4):
        raise errors.GaxError(f'--data {name!r} has {image.shape[-1]} channels; a PNG has 1, 3 or 4')
    return source, image, source.arrays.get('label')


def folder(name: str, out: Path, **fields: Any) -> str:
    """Writes out/CLASS/000000.png ...; returns a message for the user. Arguments: see `load`."""
    source, images, labels = load(name, **fields)
    out.parent.mkdir(parents=True, exist_ok=True)
    with errors.plain_os_errors(out):
        png_folder.save(images, out, labels, source.spec.classes, source.spec.num_classes)
    height, _, channels = images.shape[1:]
    command = train_on(f'folder:{out}', out.name)
    return (
        f'{len(images)} PNGs of {name} are in {out}\n'
        f'{command} --config.data.image_size={height} --config.data.channels={channels}'
    )


def zip_file(name: str, out: Path, **fields: Any) -> str:
    """Writes the zip file `out` as `archive` reads it: 00000/img00000000.png ... and dataset.json.

    PNGs are stored without further compression. The same images give the same bytes.

    Args:
      name: See `load`.
      out: The file, which must not be there and must end in .zip.
      **fields: See `load`.

    Returns:
      A message for the user.

    Raises:
      GaxError: `out` is there already, or has another ending.
    """
    if out.suffix != archive.SUFFIX or out.exists():
        why = 'is there already' if out.exists() else f'does not end in {archive.SUFFIX}'
        raise errors.GaxError(f'--zip={out} {why}: choose another name')
    source, images, labels = load(name, **fields)
    names = [f'{i // 1000:05}/img{i:08}.png' for i in range(len(images))]
    dataset: dict[str, Any] = {'labels': None}
    if labels is not None:
        dataset = {'labels': [[n, int(label)] for n, label in zip(names, labels, strict=True)]}
        dataset |= {'classes': list(source.spec.classes)} if source.spec.classes else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    with errors.plain_os_errors(out), zipfile.ZipFile(out, 'x') as file:
        for n, image in zip(names, images, strict=True):
            file.writestr(zipfile.ZipInfo(n), png(image).getvalue())  # of 1980, always
        file.writestr(zipfile.ZipInfo(archive.LABELS), json.dumps(dataset))
    height, width, channels = images.shape[1:]
    square = height == width and height & (height - 1) == 0 and channels != 4
    note = '' if square else "; StyleGAN's tools take squares of 2^n pixels, gray or RGB, only"
    return f'{len(images)} PNGs of {name} are in {out}{note}\n{train_on(f"zip:{out}", out.stem)}'


def tfds_set(name: str, root: Path, **fields: Any) -> str:
    """Writes the prepared set root/NAME/1.0.0, with one split `train`.

    A set that exists already is kept if the digest stored in it is that of these images.

    Args:
      name: See `load`.
      root: The folder of prepared sets.
      **fields: See `load`.

    Returns:
      A message for the user.

    Raises:
      GaxError: A set of other contents is there already.
    """
    source, images, labels = load(name, **fields)
    classes = source.spec.classes
    note = {'digest': digest(images, labels, classes), 'source': name, 'classes': list(classes)}
    short = short_name(name)
    builder_class = builder(short, images, labels, source.spec.num_classes, note)
    with errors.plain_os_errors(root):
        prepared = builder_class(data_dir=str(root), file_format='array_record')
        place = Path(str(prepared.data_path))
        refuse_other(place, note, name)
        prepared.download_and_prepare()
    return f'{len(images)} images of {name} are in {place}\n{train_on(f"tfds:{place}", short)}'


def refuse_other(place: Path, note: dict[str, Any], name: str) -> None:
    """Raises GaxError if `place` is a prepared set of other images, labels or classes."""
    if not place.exists():
        return
    existing = tfds.note_of(place)
    if existing.get('digest') != note['digest']:
        of = f'of {existing["source"]}, as it was then' if 'source' in existing else 'nobody knows of what'
        raise errors.GaxError(
            f'{place} is there already, made {of}, and is not what {name} holds now: give '
            'another --dir, or remove that folder'
        )


def digest(images: np.ndarray, labels: np.ndarray | None, classes: Sequence[str]) -> str:
    """The SHA-256, hex, of all pixels, labels and names of classes."""
    sha = hashlib.sha256(json.dumps([images.shape, labels is not None, list(classes)]).encode())
    sha.update(np.ascontiguousarray(images))
    if labels is not None:
        sha.update(np.ascontiguousarray(labels, '<i4'))
    return sha.hexdigest()


def short_name(name: str) -> str:
    """The name of a prepared set of the source `name`: set for npz:a/set.npz, v1_2 for folder:v1.2."""
    kind, _, text = name.partition(':')
    last = Path(text).stem if kind == 'npz' else Path(text).name
    return re.sub(r'\W+', '_', last).strip('_').lower() or 'images'


def train_on(name: str, short: str) -> str:
    """The hint how to train on the data `name`."""
    words = ['--config=dcgan_emoji', f'--workdir=runs/{short}_run', f'--config.data.name={name}']
    return f'train on them: {errors.command("train")} {shlex.join(words)}'


def builder(
    name: str, images: np.ndarray, labels: np.ndarray | None, num_classes: int, note: dict[str, Any]
) -> Any:
    """A builder class of TFDS for these images as PNG files (TFDS would encode raw pixels by TensorFlow).

    Args:
      name: The name of the set.
      images: uint8 [N, H, W, C].
      labels: int32 [N], or None.
      num_classes: The number of classes.
      note: Stored in the metadata of the set, from where `gax.data.tfds` reads the names of the classes.
        TFDS's file has one line for each name, which not every name can be; if all can, they are in that file
        as well.
    """
    import tensorflow_datasets as library

    features = {'image': library.features.Image(shape=images.shape[1:])}
    if labels is not None:
        lines = [
            line.encode(errors='ignore').decode().strip() for line in '\n'.join(note['classes']).split('\n')
        ]
        usable = lines == note['classes'] and all(lines) and len(set(lines)) == num_classes
        known: dict[str, Any] = {'names': lines} if usable else {'num_classes': num_classes}
        features['label'] = library.features.ClassLabel(**known)

    class Written(library.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        """The images as a data set of TFDS."""

        VERSION = library.core.Version('1.0.0')

        def _info(self) -> Any:
            kept = library.core.MetadataDict({tfds.NOTE: note})
            known = library.features.FeaturesDict(features)
            return library.core.DatasetInfo(builder=self, features=known, metadata=kept)

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            return {'train': self._generate_examples()}

        def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
            for row, image in enumerate(images):
                label = {} if labels is None else {'label': int(labels[row])}
                yield row, {'image': png(image), **label}

    Written.name = name
    return Written


def png(image: np.ndarray) -> io.BytesIO:
    """uint8 [H, W, C] as a PNG file in memory."""
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, 'PNG')
    file.seek(0)
    return file
