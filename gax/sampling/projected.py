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
      features: The name of the distance of features.
      targets: uint8 [N, H, W, C].
      images: uint8 [N, R, H, W, C].
      distances: Float32 [N, R]: what was minimised.
      psnr: Float64 [N, R], in dB.
      latents: The latents and the conditions by field, [N, R, ...].
    """

    step: int
    space: str
    features: str
    targets: np.ndarray
    images: np.ndarray
    distances: np.ndarray
    psnr: np.ndarray
    latents: dict[str, np.ndarray]


def write_latents(projected: Projected, out: Path) -> None:
    """Writes latents, images and distances as an .npz, atomically."""
    names = ('targets', 'images', 'distances', 'psnr')
    arrays: dict[str, Any] = {**{name: getattr(projected, name) for name in names}, **projected.latents}
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
    for target, images, psnr in zip(projected.targets, projected.images, projected.psnr, strict=True):
        cells += [target, *images[:count]]
        captions += ['target', *(f'{value:.1f} dB' for value in psnr[:count])]
    return pictures.captioned(np.stack(cells), captions, 1 + count)
