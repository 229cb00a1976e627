"""What came of a projection, and the files that show it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gax import paths
from gax.viz import images as pictures
from gax.viz import video

SHOWN = 7  # results beside a target in the picture, the best first
FPS = 12


class Projected(NamedTuple):
    """The results, the restarts of each image in the order of their distances, the nearest first.

    Attributes:
      step: The step of the checkpoint.
      space: The name of the space.
      distance: The name of the distance of features.
      classes: How the classes of the restarts were chosen, in words; '' where the generator takes none.
      splits: The split of each image, or 'input', N texts.
      targets: uint8 [N, H, W, C].
      images: uint8 [N, R, H, W, C].
      distances: Float32 [N, R]: what was minimised.
      psnr: Float64 [N, R], in dB.
      latents: The latents and the conditions by field, [N, R, ...].
    """

    step: int
    space: str
    distance: str
    classes: str
    splits: tuple[str, ...]
    targets: np.ndarray
    images: np.ndarray
    distances: np.ndarray
    psnr: np.ndarray
    latents: dict[str, np.ndarray]


def write_latents(projected: Projected, out: Path) -> None:
    """Writes latents, images and distances as an .npz, atomically."""
    names = ('targets', 'images', 'distances', 'psnr')
    arrays: dict[str, Any] = {**{name: getattr(projected, name) for name in names}, **projected.latents}
    arrays['splits'] = np.array(projected.splits)
    with paths.replacing(out) as temporary, temporary.open('wb') as file:
        np.savez(file, **arrays)


def write_film(projected: Projected, frames: Sequence[np.ndarray], out: Path) -> None:
    """Writes a film of the optimisation: each image beside the restart that ends nearest.

    Args:
      projected: The results.
      frames: The images along the way, uint8 [N, R, H, W, C] each, the restarts as they are in the results.
      out: A path that ends in .gif or .mp4.
    """
    last = [projected.images] * FPS  # the end is shown for a second
    film = [pictures.rows([projected.targets, frame[:, 0]]) for frame in (*frames, *last)]
    video.write(film, out, FPS)


def picture(projected: Projected) -> Any:
    """A row for each image: itself, then its results, the nearest first, with their PSNR in dB."""
    count = min(SHOWN, projected.images.shape[1])
    cells, captions = [], []
    each = zip(projected.targets, projected.images, projected.psnr, projected.splits, strict=True)
    for target, images, psnr, split in each:
        cells += [target, *images[:count]]
        captions += [split or 'data', *(f'{value:.1f} dB' for value in psnr[:count])]
    return pictures.captioned(np.stack(cells), captions, 1 + count)


def described(projected: Projected) -> str:
    """What came of it, in one line: how, and the error of each split's images.

    The error is that of the nearest restart: mean and, of several images, standard error of the mean.
    """
    splits = list(dict.fromkeys(projected.splits))
    numbers = [
        f'{(count := projected.splits.count(split))} image{"s" * (count > 1)}'
        f'{f" of {split}" if split else ""}: '
        f'PSNR {spread(projected.psnr[rows, 0], "{:.2f}")} dB, '
        f'distance {spread(projected.distances[rows, 0], "{:.4g}")}'
        for split in splits
        if (rows := np.array([name == split for name in projected.splits])).any()
    ]
    restarts = f'{projected.images.shape[1]} restarts'
    if projected.classes:
        restarts += f' of {projected.classes}'
    return (
        f'projected into {projected.space} of step {projected.step} ({restarts}, distance '
        f'{projected.distance}); the nearest: ' + '; '.join(numbers)
    )


def spread(values: np.ndarray, form: str) -> str:
    """'mean +- standard error of the mean' of [N] numbers; the number alone where N is 1."""
    mean = form.format(values.mean())
    if len(values) < 2:
        return mean
    return f'{mean} +- {form.format(values.std(ddof=1) / len(values) ** 0.5)}'


def classes_of(projected: Projected) -> str:
    """The classes of the nearest restarts, '3 7 1', at most 16 of them; '' where there are none."""
    if 'label' not in projected.latents:
        return ''
    labels = projected.latents['label'][:, 0].tolist()
    return ' '.join(map(str, labels[:16])) + (' ...' if len(labels) > 16 else '')
