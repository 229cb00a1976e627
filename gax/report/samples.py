"""The pictures of a run's samples, small enough to be embedded in a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from gax.report.runs import Run

MOST, LEAST, ALL = 12, 4, 60  # places of the slider; fewer where many runs would make the page heavy
WIDEST = 640  # pixels
QUALITY = 82  # of lossy WebP


class Shown(NamedTuple):
    """The pictures of all runs.

    Attributes:
      steps: The steps of the slider's places.
      pictures: For each run: step -> data URI.
      at: For each run and place: the step of the picture that is shown, or None if there is no readable one.
      exact: For each run: whether its pixels are shown as squares, see `encode`.
    """

    steps: list[int]
    pictures: list[dict[int, str]]
    at: list[list[int | None]]
    exact: list[bool]


class Encoded(NamedTuple):
    """A picture.

    Attributes:
      uri: A data URI; '' for a picture that cannot be read.
      exact: Whether no pixel was changed.
    """

    uri: str
    exact: bool


def shown(runs: Sequence[Run]) -> Shown:
    """The pictures: at each place every run has its newest picture up to that step, or its first."""
    most = max(LEAST, min(MOST, ALL // max(len(runs), 1)))
    steps = places(sorted({step for run in runs for step in run.pictures}), most)
    gallery = Shown(steps, [], [], [])
    for run in runs:
        wanted = [newest(run, step) for step in steps]
        encoded = {step: encode(run.pictures[step]) for step in set(wanted) if step is not None}
        good = {step: picture for step, picture in encoded.items() if picture.uri}
        gallery.pictures.append({step: good[step].uri for step in sorted(good)})
        gallery.at.append([step if step in good else None for step in wanted])
        gallery.exact.append(all(picture.exact for picture in good.values()))
    return gallery


def places(steps: Sequence[int], most: int = MOST) -> list[int]:
    """At most `most` of the steps, evenly spaced, with the first and the last."""
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(most, len(steps))).round().astype(int))
    return [steps[i] for i in chosen] if steps else []


def newest(run: Run, step: int) -> int | None:
    """The step of the last picture up to `step`, or of the first picture; None if there is none."""
    return max((s for s in run.pictures if s <= step), default=min(run.pictures, default=None))


def encode(path: Path) -> Encoded:
    """A picture as a data URI.

    Grids of small images were enlarged by repeating pixels: that is undone, and the rest is compressed
    without loss (the page enlarges it again). Other pictures are scaled down to WIDEST and compressed with
    loss.
    """
    try:
        with Image.open(path) as opened:
            picture = opened.convert('L' if opened.mode == 'L' else 'RGB')
    except (OSError, SyntaxError, ValueError):
        return Encoded('', False)
    small = undoubled(np.asarray(picture))
    target = io.BytesIO()
    if small is not None:
        Image.fromarray(small).save(target, 'WEBP', lossless=True, method=4)
    else:
        picture.thumbnail((WIDEST, 4 * WIDEST), Image.Resampling.LANCZOS)
        picture.save(target, 'WEBP', quality=QUALITY, method=4)
    uri = f'data:image/webp;base64,{base64.b64encode(target.getvalue()).decode()}'
    return Encoded(uri, small is not None)


def undoubled(pixels: np.ndarray) -> np.ndarray | None:
    """Every second pixel, if all pixels are repeated in both directions; None for other pictures."""
    small = pixels[::2, ::2]
    doubled = small.repeat(2, axis=0).repeat(2, axis=1)
    return small if doubled.shape == pixels.shape and (doubled == pixels).all() else None
