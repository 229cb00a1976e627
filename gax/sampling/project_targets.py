"""The images that are projected: of files, or of a run's data, held-out ones beside training ones."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from gax.data import preprocess
from gax.sampling import image_files
from gax.training import evaluators, real_examples, trained_run
from gax.training.experiment import Experiment
from gax.viz.images import to_uint8


class Targets(NamedTuple):
    """Images to project.

    Attributes:
      images: Float32 [N, H, W, C] in [-1, 1].
      labels: int [N]; None where they are not known.
      splits: The split of each image, such as 'test' or 'train'; 'input' for files, '' for examples of a set
        that the run was trained on as a whole.
    """

    images: np.ndarray
    labels: np.ndarray | None
    splits: tuple[str, ...]


def of_files(path: Path, num: int, built: Experiment) -> Targets:
    """At most `num` images of a file or a folder, cropped and resized to those of the run."""
    height, width, channels = built.source.spec.target_shape
    fit = preprocess.Fit(height, channels, image_width=width)
    items = image_files.listed(path, None)[:num]
    pixels = np.stack([fit(image_files.read(item.image, channels).pixels) for item in items])
    return Targets(scaled(pixels), None, ('input',) * len(pixels))


def of_data(workdir: Path, num: int, built: Experiment, data: str, split: str) -> Targets:
    """`num` images of a split of the run's data, and after held-out ones as many that it was trained on.

    Args:
      workdir: The folder of the run.
      num: How many of each split, at most all.
      built: The experiment of the run.
      data: Where the training data is, if it has moved.
      split: 'train', 'validation' or 'test'; '': 'test' where the run was trained on 'train' and there is
        one, else the examples that it was trained on.

    Returns:
      The images, a fixed random choice of each split.

    Raises:
      GaxError: The data is not there or another, or the run was trained on all of it, and a split is given.
    """
    trained = trained_run.with_data(workdir, built.config, data, built.mesh)
    source = trained.source
    held_out = 'test' if source.split == 'train' and 'test' in source.splits else ''
    chosen = split or held_out or source.split
    groups = [trained] if chosen == source.split else [evaluators.with_split(trained, chosen, str(workdir))]
    if chosen != source.split:
        groups.append(trained)
    field = built.source.spec.target
    counts = [min(num, group.source.spec.size or num) for group in groups]
    batches = [real_examples.reals(group, count) for group, count in zip(groups, counts, strict=True)]
    names = [(group.source.split,) * count for group, count in zip(groups, counts, strict=True)]
    return Targets(
        scaled(to_uint8(np.concatenate([batch[field] for batch in batches]))),
        np.concatenate([batch['label'] for batch in batches]) if 'label' in batches[0] else None,
        sum(names, ()),
    )


def scaled(pixels: np.ndarray) -> np.ndarray:
    """uint8 0 to 255 as float32 in [-1, 1]."""
    return pixels.astype(np.float32) / 127.5 - 1
