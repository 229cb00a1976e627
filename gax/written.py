"""Images that are at hand, written as a prepared set of TensorFlow Datasets or as a folder of PNGs; without TensorFlow."""

from __future__ import annotations

import io
import math
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from gax import config, data, errors, folders
from gax.data.source import Source


def load(name: str) -> tuple[Source, np.ndarray, np.ndarray | None]:
    """The source `name`, with its uint8 images [N, H, W, C], C 1, 3 or 4, and its labels, where it has any.

    Raises GaxError for a source that has no images in memory, and for images that are no PNGs.
    """
    section = {**config.data_section(), 'name': name}
    source = data.load(ConfigDict({'data': section}), resident_up_to=math.inf)
    image = source.arrays.get('image') if isinstance(source.arrays, dict) else None
    if image is None:
        raise errors.GaxError(f'--data {name!r} has no images in memory; e.g. --data=embedded:emoji')
    if image.shape[-1] not in (1, 3, 4):
        raise errors.GaxError(f'--data {name!r} has {image.shape[-1]} channels; a PNG has 1, 3 or 4')
    return source, image, source.arrays.get('label')


def folder(name: str, out: Path) -> str:
    """Writes out/CLASS/000000.png ...; returns what to say of it."""
    source, images, labels = load(name)
    out.parent.mkdir(parents=True, exist_ok=True)
    with errors.plain_os_errors(out):
        folders.save(images, out, labels, source.spec.classes)
    height, _, channels = images.shape[1:]
    return (
        f'{len(images)} PNGs of {name} are in {out}\n'
        f'train on them: python experiments/train.py --config=configs/dcgan_emoji.py --workdir={shlex.quote(f"runs/{out.name}_run")} '
        f'--config.data.name={shlex.quote(f"folder:{out}")} --config.data.image_size={height} --config.data.channels={channels}'
    )


def tfds_set(name: str, root: Path) -> str:
    """Writes the prepared set root/NAME/1.0.0, of one split `train`; returns what to say of it."""
    source, images, labels = load(name)
    short = re.sub(r'\W+', '_', Path(name.rpartition(':')[2]).stem).strip('_').lower()
    made = builder(short, images, labels, source.spec.classes or map(str, range(source.spec.num_classes)))
    with errors.plain_os_errors(root):
        written = made(data_dir=str(root), file_format='array_record')
        written.download_and_prepare()
    place = Path(str(written.data_path))
    return (
        f'{len(images)} images of {name} are in {place}\n'
        f'train on them: python experiments/train.py --config=configs/dcgan_emoji.py --workdir=runs/{short}_run '
        f'--config.data.name={shlex.quote(f"tfds:{place}")}'
    )


def builder(name: str, images: np.ndarray, labels: np.ndarray | None, classes: Any) -> Any:
    """A builder of TFDS with these images as PNG files: raw pixels TFDS would encode by TensorFlow."""
    import tensorflow_datasets as tfds

    features = {'image': tfds.features.Image(shape=images.shape[1:])}
    if labels is not None:
        features['label'] = tfds.features.ClassLabel(names=list(classes))

    class Written(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        """Images that gax was given."""

        VERSION = tfds.core.Version('1.0.0')

        def _info(self) -> Any:
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            return {'train': self._generate_examples()}

        def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
            for row, image in enumerate(images):
                label = {} if labels is None else {'label': int(labels[row])}
                yield row, {'image': png(image), **label}

    Written.name = name
    return Written


def png(image: np.ndarray) -> io.BytesIO:
    """uint8 [H, W, C] as a file."""
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, 'PNG')
    file.seek(0)
    return file
