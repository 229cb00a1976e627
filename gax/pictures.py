"""Pictures of a run: grids of samples, scattered points, loss curves, an animation. Nothing here touches a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def to_uint8(images: np.ndarray) -> np.ndarray:
    """float [-1, 1] -> uint8 [0, 255], rounded to nearest; the inverse of `data.source.to_unit`."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def grid(images: np.ndarray, columns: int, scale: int = 2, border: int = 1) -> Image.Image:
    """uint8 [N, H, W, C] -> one picture, row by row. C: 1 gray, 3 colour, 4 with alpha; of others the first channel."""
    count, height, width, channels = images.shape
    images = images if channels in (1, 3, 4) else images[..., :1]
    rows = -(-count // columns)
    cell = (height + border, width + border)
    canvas = np.full((rows * cell[0] + border, columns * cell[1] + border, images.shape[-1]), 64, np.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * cell[0] + border, (i % columns) * cell[1] + border
        canvas[top : top + height, left : left + width] = image
    picture = Image.fromarray(canvas[..., 0] if canvas.shape[-1] == 1 else canvas)
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def scatter(points: np.ndarray, real: np.ndarray | None = None) -> Image.Image:
    """The first two coordinates of `points` [N, D], over those of `real` in gray."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), dpi=100)
    canvas, axes = FigureCanvasAgg(figure), figure.add_axes((0.08, 0.08, 0.9, 0.9))
    if real is not None:
        axes.scatter(real[:, 0], real[:, 1], s=8, c='0.7', label='real')
        limit = 1.3 * float(np.abs(real[:, :2]).max())
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit))
    axes.scatter(points[:, 0], points[:, 1], s=4, c='tab:blue', label='generated')
    axes.legend(loc='upper right')
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def draw(
    fakes: Mapping[str, np.ndarray], columns: int, real: Mapping[str, np.ndarray] | None = None
) -> Image.Image:
    """The picture that suits the data: a grid for an 'image', a scatter plot for a 'point'."""
    if 'image' in fakes:
        return grid(to_uint8(fakes['image']), columns, scale=2 if fakes['image'].shape[1] < 128 else 1)
    return scatter(np.asarray(fakes['point']), None if real is None else np.asarray(real['point']))


def animation(frames: Sequence[Path], out: Path, milliseconds: int = 150, most: int = 80) -> None:
    """A looping GIF of the pictures, at most `most` of them, evenly chosen; the last one is held for two seconds."""
    chosen = [
        frames[i] for i in sorted({round(k) for k in np.linspace(0, len(frames) - 1, min(most, len(frames)))})
    ]
    images = [Image.open(path).convert('P', palette=Image.Palette.ADAPTIVE) for path in chosen]
    held = [milliseconds] * (len(images) - 1) + [2000]
    save(images[0], out, format='GIF', save_all=True, append_images=images[1:], duration=held, loop=0)


def curves(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Losses above, everything else that players measure below, against the step."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = sorted({name for row in rows for name in row if '/' in name})
    panels = [[n for n in names if n.endswith('/loss')], [n for n in names if n.endswith('/accuracy')]]
    panels.append([n for n in names if not n.endswith(('/loss', '/accuracy', '/adversarial'))])
    panels = [panel for panel in panels if panel]
    figure = Figure(figsize=(9, 3 * len(panels)), dpi=100, layout='constrained')
    FigureCanvasAgg(figure)
    for i, panel in enumerate(panels):
        axes = figure.add_subplot(len(panels), 1, i + 1)
        for name in panel:
            points = [(row['step'], row[name]) for row in rows if name in row]
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1.2)
        axes.legend(loc='best', fontsize='small')
        axes.grid(alpha=0.3)
    axes.set_xlabel('step')
    temporary = out.with_suffix('.tmp')
    figure.savefig(temporary, format='png')
    temporary.replace(out)


def save(image: Image.Image, out: Path, **options: Any) -> None:
    """Writes beside and renames, so that a picture is never half there. The format follows from the file's name."""
    options.setdefault(
        'format', {'.png': 'PNG', '.gif': 'GIF', '.jpg': 'JPEG'}.get(out.suffix.lower(), 'PNG')
    )
    temporary = out.with_name(out.name + '.tmp')
    image.save(temporary, **options)
    temporary.replace(out)
