"""Pictures of a run: grids of samples, scatter plots, loss curves, an animation.

Nothing here uses a device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gax import paths
from gax.viz import charts, tables


def to_uint8(images: np.ndarray) -> np.ndarray:
    """float [-1, 1] -> uint8 [0, 255], rounded to nearest; the inverse of `data.source.to_unit`."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def grid(images: np.ndarray, columns: int, scale: int = 2, border: int = 1) -> Image.Image:
    """A grid of images, row by row.

    Args:
      images: uint8 [N, H, W, C], any number of channels, see `shown`.
      columns: The number of columns.
      scale: The factor of enlargement.
      border: Pixels between images.
    """
    images = shown(images)
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    cell = (height + border, width + border)
    canvas = np.full((rows * cell[0] + border, columns * cell[1] + border, channels), 64, np.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * cell[0] + border, (i % columns) * cell[1] + border
        canvas[top : top + height, left : left + width] = image
    picture = Image.fromarray(canvas[..., 0] if channels == 1 else canvas)
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def shown(images: np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, C] as visible images, [N, H, W or more, 1 or 3].

    One channel is gray, and three are colour. Four are colour and opacity, composed over white. Any other
    number of channels become gray panels side by side.
    """
    channels = images.shape[-1]
    if channels in (1, 3):
        return images
    if channels == 4:
        opacity: np.ndarray = images[..., 3:].astype(np.uint32)
        return ((images[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
    return np.concatenate([images[..., i : i + 1] for i in range(channels)], axis=2)


def captioned(images: np.ndarray, captions: Sequence[str], columns: int, least: int = 64) -> Image.Image:
    """A grid of images with a line of text under each, row by row.

    Args:
      images: uint8 [N, H, W, C].
      captions: One for each image.
      columns: The number of columns.
      least: The least width in pixels; smaller images are enlarged.
    """
    images = shown(images)
    height, width = images.shape[1:3]
    scale = max(1, -(-least // width))
    cell = np.zeros((len(images), height * scale + TEXT, width * scale, images.shape[-1]), np.uint8)
    cell[:, : height * scale] = images.repeat(scale, axis=1).repeat(scale, axis=2)
    picture = grid(cell, columns, scale=1, border=2)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(TEXT - 4)
    for i, caption in enumerate(captions):
        left, bottom = (i % columns) * (cell.shape[2] + 2) + 4, (i // columns + 1) * (cell.shape[1] + 2)
        pen.text((left, bottom - TEXT), caption, fill='white', font=font)
    return picture


WIDEST = 800  # pixels of a picture of rows, about


def rows(cells: Sequence[np.ndarray], most: int = 64) -> Image.Image:
    """Several images of each example in a row, such as input, output and target; examples in blocks.

    Args:
      cells: For each place in a row uint8 [N, H, W, C]. Sizes and channels may differ: smaller images are
        enlarged by repeating pixels, one channel is gray.
      most: The most examples, the first ones.
    """
    seen = [shown(images[:most]) for images in cells]
    height, width, channels = (max(images.shape[axis] for images in seen) for axis in (1, 2, 3))
    seen = [alike(images, (height, width), channels) for images in seen]
    count, places = len(seen[0]), len(seen)
    scale = 2 if height < 128 else 1
    blocks = max(1, min(WIDEST // (places * (width + 1) * scale), -(-count // 4)))
    in_order = np.stack(seen, axis=1).reshape(count * places, height, width, channels)
    return grid(in_order, places * blocks, scale)


def alike(images: np.ndarray, size: tuple[int, int], channels: int) -> np.ndarray:
    """uint8 [N, h, w, 1 or 3] as [N, *size, channels]: pixels repeated, as far as sizes divide or nearest."""
    images = np.repeat(images, channels, axis=-1) if images.shape[-1] < channels else images
    places = [np.arange(new) * old // new for old, new in zip(images.shape[1:3], size, strict=True)]
    return images[:, places[0][:, None], places[1]]


TEXT = 15  # pixels that a line of text takes


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


class Drawn(NamedTuple):
    """The contents of a picture.

    Attributes:
      values: Fakes [N, ...].
      columns: The number of columns of a grid.
      reals: Reals [M, ...], or None.
      surface: See `scatter`.
      info: The info of the field.
    """

    values: np.ndarray
    columns: int
    reals: np.ndarray | None
    surface: np.ndarray | None
    info: Mapping[str, Any]


def draw_images(drawn: Drawn) -> Image.Image:
    """A grid of images; small ones are doubled."""
    images = to_uint8(drawn.values)
    return grid(images, drawn.columns, scale=2 if images.shape[1] < 128 else 1)


def draw_videos(drawn: Drawn) -> Image.Image:
    """The first ROWS videos, each a row of frames from left to right.

    At most FRAMES frames are shown, evenly spaced.
    """
    count = drawn.values.shape[1]
    chosen = np.unique(np.linspace(0, count - 1, min(count, FRAMES)).round().astype(int))
    frames = to_uint8(drawn.values[:ROWS, chosen])
    height = frames.shape[2]
    return grid(frames.reshape(-1, *frames.shape[2:]), len(chosen), scale=2 if height < 64 else 1)


ROWS, FRAMES = 16, 16
PICTURES: dict[str, Callable[[Drawn], Image.Image]] = {
    'image': draw_images,
    'video': draw_videos,
    'point': lambda drawn: scatter(drawn.values, drawn.reals, drawn.surface),
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
      surface: Logits on `lattice`, behind points; None: none.
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


def animation(frames: Sequence[Path], out: Path, milliseconds: int = 150, most: int = 80) -> None:
    """Writes a looping GIF of pictures; the last one is shown for two seconds.

    Args:
      frames: The files of the pictures.
      out: The file to write.
      milliseconds: The duration of each of the others.
      most: The most pictures, evenly spaced.
    """
    chosen = [
        frames[i] for i in sorted({round(k) for k in np.linspace(0, len(frames) - 1, min(most, len(frames)))})
    ]
    images = [Image.open(path).convert('P', palette=Image.Palette.ADAPTIVE) for path in chosen]
    held = [milliseconds] * (len(images) - 1) + [2000]
    save(images[0], out, format='GIF', save_all=True, append_images=images[1:], duration=held, loop=0)


# The panels of the curves, by the last name of a metric; other metrics are drawn last. 'adversarial' is left
# out: it is the loss without penalties.
PANELS: dict[str, tuple[str, ...]] = {
    'loss': ('loss',),
    'accuracy of D': ('accuracy',),
    'logits of D, mean and largest': ('logits_real', 'logits_fake', 'logits_max'),
    'diversity of fakes (1: as the data)': ('diversity',),
    'norm of the gradient': ('grad_norm',),
    'norms of parameters (dashed) and of their updates': ('update_norm', 'param_norm'),
}
LEFT_OUT = ('adversarial',)
# Evaluations, eval/NAME: shares, whose best value is about 1, are in one panel; every other number has its
# panel.
SHARES = ('precision', 'recall', 'density', 'coverage', 'accuracy', 'quality')
DASHED = ('logits_max', 'param_norm')


def panels(names: Iterable[str]) -> dict[str, list[str]]:
    """Title -> the metrics PLAYER/NAME in that panel, sorted.

    Empty panels, and metrics without a player, are left out.
    """
    by_title: dict[str, list[str]] = {title: [] for title in PANELS}
    title_of = {last: title for title, lasts in PANELS.items() for last in lasts}
    for name in sorted(name for name in names if '/' in name):
        last = name.rpartition('/')[2]
        if name.startswith('eval/'):
            if not last.endswith('_std'):
                shares = last.startswith(SHARES)
                by_title.setdefault('evaluation' if shares else f'evaluation: {last}', []).append(name)
        elif last not in LEFT_OUT:
            by_title.setdefault(title_of.get(last, 'terms and the rest'), []).append(name)
    return {title: inside for title, inside in by_title.items() if inside}


def curves(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Writes a picture of the metrics against the step, one panel for each kind; norms are logarithmic.

    Args:
      rows: Metrics by name, each row with its 'step'.
      out: The PNG to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kinds = panels({name for row in rows for name in row})
    lines = -(-len(kinds) // 2)
    width, height = 12.0, 3.0 * max(lines, 1)
    figure = Figure(figsize=(width, height), dpi=100)
    # Fixed margins in inches. Margins that fit the labels ('constrained') draw everything twice.
    figure.subplots_adjust(
        0.7 / width, 0.5 / height, 1 - 0.3 / width, 1 - 0.45 / height, wspace=0.15, hspace=0.33
    )
    FigureCanvasAgg(figure)
    for i, (title, names) in enumerate(kinds.items()):
        axes = figure.add_subplot(lines, 2, i + 1)
        players = sorted({name.rpartition('/')[0] for name in names})
        for k, name in enumerate(names):
            points = [(row['step'], row[name]) for row in rows if name in row]
            player, _, last = name.rpartition('/')
            # A colour a player where norms are compared, a colour a line elsewhere.
            color = f'C{(players.index(player) if "norm" in title else k) % 10}'
            style = '--' if last in DASHED else '-'
            axes.plot(*zip(*points, strict=True), style, color=color, label=name, linewidth=1.2)
        scale(axes, title, [row[name] for row in rows for name in names if name in row])
        axes.set_title(title, fontsize='medium', loc='left')
        axes.legend(loc='best', fontsize='small')
        axes.grid(alpha=0.3)
        axes.set_xlabel('step' if i >= len(kinds) - 2 else '')
    with paths.replacing(out) as temporary:
        figure.savefig(temporary, format='png')


def scale(axes: Any, title: str, values: Sequence[float]) -> None:
    """Sets the scale of an axis: norms are logarithmic (they may vanish or explode), fractions begin at 0."""
    if 'norm' in title:
        axes.set_yscale('log', nonpositive='mask')
    elif 'accuracy' in title or 'diversity' in title:
        axes.set_ylim(0.0, 1.05 * max(1.0, *values))
        axes.axhline(1.0 if 'diversity' in title else 0.5, color='0.5', linewidth=0.8)


def save(image: Image.Image, out: Path, **options: Any) -> None:
    """Writes a temporary file and renames it, so that a picture is never incomplete.

    The format depends on the suffix of `out`.
    """
    options.setdefault(
        'format', {'.png': 'PNG', '.gif': 'GIF', '.jpg': 'JPEG'}.get(out.suffix.lower(), 'PNG')
    )
    with paths.replacing(out) as temporary:
        image.save(temporary, **options)
