"""The picture that suits the kind of data: a grid, a scatter plot, or charts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gax.viz import charts, images, scatter, tables


class Drawn(NamedTuple):
    """The contents of a picture.

    Attributes:
      values: Fakes [N, ...].
      columns: The number of columns of a grid.
      reals: Reals [M, ...], or None.
      surface: See `scatter.scatter`.
      info: The info of the field.
    """

    values: np.ndarray
    columns: int
    reals: np.ndarray | None
    surface: np.ndarray | None
    info: Mapping[str, Any]


def draw_images(drawn: Drawn) -> Image.Image:
    """A grid of images; small ones are doubled."""
    pixels = images.to_uint8(drawn.values)
    return images.grid(pixels, drawn.columns, scale=2 if pixels.shape[1] < 128 else 1)


def draw_videos(drawn: Drawn) -> Image.Image:
    """The first ROWS videos, each a row of frames from left to right.

    At most FRAMES frames are shown, evenly spaced.
    """
    count = drawn.values.shape[1]
    chosen = np.unique(np.linspace(0, count - 1, min(count, FRAMES)).round().astype(int))
    frames = images.to_uint8(drawn.values[:ROWS, chosen])
    height = frames.shape[2]
    return images.grid(frames.reshape(-1, *frames.shape[2:]), len(chosen), scale=2 if height < 64 else 1)


ROWS, FRAMES = 16, 16
PICTURES: dict[str, Callable[[Drawn], Image.Image]] = {
    'image': draw_images,
    'video': draw_videos,
    'point': lambda drawn: scatter.scatter(drawn.values, drawn.reals, drawn.surface),
    'audio': lambda drawn: charts.audio(drawn.values, drawn.columns, drawn.info),
    'series': lambda drawn: charts.series(drawn.values, drawn.columns, drawn.info),
    'tokens': lambda drawn: charts.tokens(drawn.values, drawn.columns, drawn.info),
    'table': lambda drawn: tables.table(drawn.values, drawn.columns, drawn.info, drawn.reals),
}


def field_of(batch: Mapping[str, Any], spec: Any = None) -> tuple[str, str, Mapping[str, Any]]:
    """(the name, the kind, the info) of the field of a batch, or of fakes, that is drawn.

    Args:
      batch: Arrays by field.
      spec: A gax.core.spec.Spec, whose target is drawn; None: the field that is called after its kind.
    """
    if spec is None or spec.target not in batch:
        name = next(kind for kind in PICTURES if kind in batch)
        return name, name, {}
    field = spec.fields[spec.target]
    return spec.target, field.kind, field.info


def draw(
    fakes: Mapping[str, np.ndarray],
    columns: int,
    real: Mapping[str, np.ndarray] | None = None,
    surface: np.ndarray | None = None,
    spec: Any = None,
) -> Image.Image:
    """The picture that suits the data, see `PICTURES`.

    Args:
      fakes: Arrays [N, ...] by field.
      columns: The number of columns of a grid.
      real: Reals by field, drawn behind points and columns of a table; None: none.
      surface: Logits on `scatter.lattice`, behind points; None: none.
      spec: The spec of the data, see `field_of`.
    """
    name, kind, info = field_of(fakes, spec)
    reals = None if real is None else np.asarray(real[name])
    return PICTURES[kind](Drawn(np.asarray(fakes[name]), columns, reals, surface, info))


def draw_reals(reals: Mapping[str, np.ndarray], columns: int, spec: Any = None) -> Image.Image:
    """The picture of real examples, drawn as `draw` draws fakes."""
    name, kind, info = field_of(reals, spec)
    values = np.asarray(reals[name])
    if kind in BEHIND:
        return PICTURES[kind](Drawn(values[:0], columns, values, None, info))
    return PICTURES[kind](Drawn(values, columns, None, None, info))


BEHIND = {'point': 512, 'table': 2048}  # kinds whose reals are drawn behind the fakes, and how many
