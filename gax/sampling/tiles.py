"""Images of any size through a network of one size: overlapping tiles, blended where they overlap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

LEAST = 1e-3  # the weight of a pixel at the end of a tile


class Layout(NamedTuple):
    """Where the tiles of an image are.

    Attributes:
      padded: (H, W) of the image after padding, no less than a tile.
      tile: (h, w) of every tile.
      rows: The first rows of the tiles, ascending.
      columns: The first columns.
      overlap: Pixels by which neighbours overlap at least.
    """

    padded: tuple[int, int]
    tile: tuple[int, int]
    rows: list[int]
    columns: list[int]
    overlap: int

    @property
    def places(self) -> list[tuple[int, int]]:
        """(first row, first column) of every tile, row by row."""
        return [(row, column) for row in self.rows for column in self.columns]


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """The first pixels of tiles that cover `length` pixels, evenly spread.

    >>> starts(100, 40, 10)
    [0, 30, 60]
    >>> starts(101, 40, 10)
    [0, 20, 41, 61]
    """
    count = 1 + max(0, -(-(length - tile) // (tile - overlap)))
    return [round(i * (length - tile) / (count - 1)) if count > 1 else 0 for i in range(count)]


def layout(size: tuple[int, int], least: tuple[int, int], most: int, overlap: int) -> Layout:
    """The tiles of an image.

    A side between `least` and `most` is one tile; a smaller one is padded to `least`, a larger one is cut
    into tiles of `most`.

    Args:
      size: (H, W) of the image.
      least: (h, w) of the images that the network was trained on.
      most: Pixels a side of the largest tile; 0: `least`.
      overlap: Pixels by which neighbours overlap at least, below a tile's sides.
    """
    padded = (max(size[0], least[0]), max(size[1], least[1]))
    tile = tuple(
        min(side, max(most, smallest) if most else smallest)
        for side, smallest in zip(padded, least, strict=True)
    )
    rows, columns = (starts(side, t, min(overlap, t - 1)) for side, t in zip(padded, tile, strict=True))
    return Layout(padded, (tile[0], tile[1]), rows, columns, overlap)


def padded(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H, W, C] mirrored below and to the right, as often as it takes to reach (H, W) = `size`."""
    missing = [(0, whole - side) for whole, side in zip(size, image.shape[:2], strict=True)]
    return np.pad(image, (*missing, (0, 0)), 'symmetric')


def cut(image: np.ndarray, plan: Layout) -> np.ndarray:
    """The tiles of a padded image [H, W, C]: [n, h, w, C], in the order of `places`."""
    height, width = plan.tile
    return np.stack([image[r : r + height, c : c + width] for r, c in plan.places])


def window(length: int, overlap: int) -> np.ndarray:
    """The weights of a tile along one side, float32 [length]: a ramp in the overlap at both ends.

    A network's padding shows near the ends of its tiles. So the outer quarter of the overlap counts only
    where no other tile is, at the borders of the image: its weight is LEAST.

    >>> [round(float(weight), 3) for weight in window(12, 4)]
    [0.001, 0.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.25, 0.001]
    """
    inside = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
    ramp = (inside - overlap / 4) / max(overlap / 2, 0.5)
    return np.clip(ramp, LEAST, 1.0).astype(np.float32)


class Canvas:
    """The weighted mean of overlapping tiles."""

    def __init__(self, plan: Layout, scale: tuple[int, int], channels: int) -> None:
        """Starts empty.

        Args:
          plan: The tiles of the input.
          scale: Output pixels for one of the input, down and across.
          channels: The channels of the output.
        """
        self._plan, self._scale = plan, scale
        height, width = (side * factor for side, factor in zip(plan.padded, scale, strict=True))
        self._sum: np.ndarray = np.zeros((height, width, channels), np.float32)
        self._weight: np.ndarray = np.zeros((height, width, 1), np.float32)
        down, across = (
            window(side * factor, min(plan.overlap, side - 1) * factor)
            for side, factor in zip(plan.tile, scale, strict=True)
        )
        self._window = (down[:, None] * across)[..., None]

    def add(self, place: tuple[int, int], tile: np.ndarray) -> None:
        """Adds the output [h, w, C] of the tile at `place`."""
        row, column = (first * factor for first, factor in zip(place, self._scale, strict=True))
        there = slice(row, row + tile.shape[0]), slice(column, column + tile.shape[1])
        self._sum[there] += tile * self._window
        self._weight[there] += self._window

    def image(self, size: tuple[int, int]) -> np.ndarray:
        """The output without what was padded, float32 [H, W, C].

        Args:
          size: (H, W) of the input before padding.
        """
        height, width = (side * factor for side, factor in zip(size, self._scale, strict=True))
        return (self._sum / self._weight)[:height, :width]


def batches(total: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` of `total`."""
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))
