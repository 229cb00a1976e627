"""Scatter plots of points in the plane, over a critic's surface."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image


def window(real: np.ndarray) -> float:
    """Half the side of the square around the origin that scatter plots show: the reals, with a margin."""
    return 1.3 * float(np.abs(real[:, :2]).max())


def lattice(limit: float, side: int = 64) -> np.ndarray:
    """The points at which a surface is evaluated: float32 [side * side, 2].

    They are the centres of square cells, row by row.
    """
    centers = (np.arange(side, dtype=np.float32) + 0.5) * (2 * limit / side) - limit
    return np.stack(np.meshgrid(centers, centers), axis=-1).reshape(-1, 2)


def scatter(
    points: np.ndarray, real: np.ndarray | None = None, surface: np.ndarray | None = None
) -> Image.Image:
    """The first two coordinates of `points` [N, D], over those of `real` in gray.

    The axes depend on `real` alone, so they stay the same during a run.

    Args:
      points: float [N, D].
      real: float [N, D], or None.
      surface: Logits on `lattice` of the window, [side * side], drawn faintly behind: red where the critic
        takes points for fakes, blue for reals. None for no surface.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), dpi=100)
    canvas, axes = FigureCanvasAgg(figure), figure.add_axes((0.08, 0.08, 0.9, 0.9))
    if real is not None:
        limit = window(real)
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit))
        if surface is not None:
            axes.imshow(shades(surface), extent=(-limit, limit, -limit, limit), origin='lower', **SURFACE)
        axes.scatter(real[:, 0], real[:, 1], s=8, c='0.6', label='real')
    if len(points):
        axes.scatter(points[:, 0], points[:, 1], s=4, c='tab:green', label='generated')
    axes.legend(loc='upper right')
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


SURFACE: dict[str, Any] = {'cmap': 'RdBu', 'vmin': 0, 'vmax': 1, 'alpha': 0.35, 'interpolation': 'bilinear'}


def shades(surface: np.ndarray) -> np.ndarray:
    """Logits [n * n] -> [n, n] in [0, 1], by rank.

    Whatever the scale of the critic, half the cells are below 1/2.
    """
    ranks = np.argsort(np.argsort(surface, kind='stable'), kind='stable')
    side = round(len(ranks) ** 0.5)
    return (ranks / max(len(ranks) - 1, 1)).reshape(side, side)
