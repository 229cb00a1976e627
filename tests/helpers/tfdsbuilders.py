"""A builder of TFDS that writes the embedded emoji as PNG files, as builders on a user's machine do."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from gax.data import arrays

TRAIN, TEST = 40, 12


def emoji() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    source = arrays.embedded('emoji')
    return source.arrays['image'], source.arrays['label'], source.spec.classes


class EmojiTiles(tfds.core.GeneratorBasedBuilder):
    """The first emoji, with their categories; named emoji_tiles."""

    VERSION = tfds.core.Version('1.0.0')

    def _info(self) -> Any:
        features = {
            'image': tfds.features.Image(shape=(32, 32, 3)),
            'label': tfds.features.ClassLabel(names=list(emoji()[2])),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, manager: Any) -> dict[str, Any]:
        return {
            'train': self._generate_examples(range(TRAIN)),
            'test': self._generate_examples(range(TRAIN, TRAIN + TEST)),
        }

    def _generate_examples(self, rows: range) -> Iterator[tuple[int, dict[str, Any]]]:
        images, labels, _ = emoji()
        for row in rows:
            file = io.BytesIO()
            Image.fromarray(images[row]).save(file, 'PNG')
            file.seek(0)
            yield row, {'image': file, 'label': int(labels[row])}


class WantsTensorflow(EmojiTiles):
    """The same by way of TensorFlow, as most stock builders."""

    def _generate_examples(self, rows: range) -> Iterator[tuple[int, dict[str, Any]]]:
        import tensorflow as tf

        for key, example in super()._generate_examples(rows):
            yield key, {**example, 'image': tf.io.decode_image(example['image'].read()).numpy()}


def write(folder: Path, builder: type = EmojiTiles) -> Path:
    """Prepares the set in `folder` as ArrayRecord files, without TensorFlow; returns the folder of the set
    itself.
    """
    made = builder(data_dir=str(folder), file_format='array_record')
    made.download_and_prepare()
    return Path(str(made.data_path))
