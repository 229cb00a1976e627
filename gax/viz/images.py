"""Pictures of a run: grids of samples, scattered points, loss curves, an animation.

Nothing here touches a device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gax import paths
from gax.viz import charts


def to_uint8(images: np.ndarray) -> np.ndarray:
    """float [-1, 1] -> uint8 [0, 255], rounded to nearest; the inverse of `data.source.to_unit`."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def grid(images: np.ndarray, columns: int, scale: int = 2, border: int = 1) -> Image.Image:
    """uint8 [N, H, W, C] -> one picture, row by row; of any number of channels, see `shown`."""
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
    """uint8 [N, H, W, C] as it can be seen, [N, H, W or more, 1 or 3].

    1 channel is gray and 3 are colour. 4 are colour and opacity, and lie on white. Any other number stand
    side by side, a gray panel a channel.
    """
    channels = images.shape[-1]
    if channels in (1, 3):
        return images
    if channels == 4:
        opacity: np.ndarray = images[..., 3:].astype(np.uint32)
        return ((images[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
    return np.concatenate([images[..., i : i + 1] for i in range(channels)], axis=2)


def captioned(images: np.ndarray, captions: Sequence[str], columns: int, least: int = 64) -> Image.Image:
    """uint8 [N, H, W, C] -> one picture, row by row, a line of text under each; small images are enlarged to
    `least`.
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


TEXT = 15  # pixels that a line of text takes


def window(real: np.ndarray) -> float:
    """Half the side of the square around the origin that scatter plots show: the reals, and room around
    them.
    """
    return 1.3 * float(np.abs(real[:, :2]).max())


def lattice(limit: float, side: int = 64) -> np.ndarray:
    """The points at which a surface is asked for: float32 [side * side, 2], the centres of square cells, row
    by row.
    """
    centers = (np.arange(side, dtype=np.float32) + 0.5) * (2 * limit / side) - limit
    return np.stack(np.meshgrid(centers, centers), axis=-1).reshape(-1, 2)


def scatter(
    points: np.ndarray, real: np.ndarray | None = None, surface: np.ndarray | None = None
) -> Image.Image:
    """The first two coordinates of `points` [N, D], over those of `real` in gray.

    The axes follow from `real` alone: they stay where they are as a run goes on. surface: logits on `lattice`
        of the
    window, shown faintly behind: red where fakes are suspected, blue where reals are.
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
    """Logits [n * n] -> [n, n] in [0, 1], by rank: whatever the scale of the critic, half the cells lie
    below 1/2.
    """
    ranks = np.argsort(np.argsort(surface, kind='stable'), kind='stable')
    side = round(len(ranks) ** 0.5)
    return (ranks / max(len(ranks) - 1, 1)).reshape(side, side)


class Drawn(NamedTuple):
    """What a picture is made of. values: fakes [N, ...]. reals: as many as there are, or None. surface: see
    `scatter`. info: of the field.
    """

    values: np.ndarray
    columns: int
    reals: np.ndarray | None
    surface: np.ndarray | None
    info: Mapping[str, Any]


def draw_images(drawn: Drawn) -> Image.Image:
    """A grid; small images are doubled."""
    images = to_uint8(drawn.values)
    return grid(images, drawn.columns, scale=2 if images.shape[1] < 128 else 1)


def draw_videos(drawn: Drawn) -> Image.Image:
    """Each video is a row, its frames from left to right: of the first ROWS, and at most FRAMES evenly
    chosen.
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
    'table': lambda drawn: charts.table(drawn.values, drawn.columns, drawn.info, drawn.reals),
}


def field_of(batch: Mapping[str, Any], spec: Any = None) -> tuple[str, str, Mapping[str, Any]]:
    """(the name, the kind, the info) of the field of a batch, or of fakes, that is drawn.

    spec: a gax.core.spec.Spec, whose target it is; None: the field that is called after its kind.
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
      fakes: By field, [N, ...] each.
      columns: Of a grid of images.
      real: Reals by field, over which points and columns of a table are drawn; None: none.
      surface: Logits on `lattice`, behind points; None: none.
      spec: Of the data, see `field_of`.
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


BEHIND = ('point', 'table')  # kinds whose reals are drawn behind the fakes


def animation(frames: Sequence[Path], out: Path, milliseconds: int = 150, most: int = 80) -> None:
    """A looping GIF of the pictures, at most `most` of them, evenly chosen; the last one is held for two
    seconds.
    """
    chosen = [
        frames[i] for i in sorted({round(k) for k in np.linspace(0, len(frames) - 1, min(most, len(frames)))})
    ]
    images = [Image.open(path).convert('P', palette=Image.Palette.ADAPTIVE) for path in chosen]
    held = [milliseconds] * (len(images) - 1) + [2000]
    save(images[0], out, format='GIF', save_all=True, append_images=images[1:], duration=held, loop=0)


# The panels of the curves, by the last name of a metric; whatever fits none is drawn last. 'adversarial' is
# left out: beside penalties it is the loss again.
PANELS: dict[str, tuple[str, ...]] = {
    'loss': ('loss',),
    'accuracy of D': ('accuracy',),
    'logits of D, mean and largest': ('logits_real', 'logits_fake', 'logits_max'),
    'diversity of fakes (1: as the data)': ('diversity',),
    'norm of the gradient': ('grad_norm',),
    'norms of parameters (dashed) and of their updates': ('update_norm', 'param_norm'),
}
LEFT_OUT = ('adversarial',)
# Of evaluations, eval/NAME: shares, of which 1 is about the best, in one panel; every other number in one of
# its own.
SHARES = ('precision', 'recall', 'density', 'coverage', 'accuracy', 'quality')
DASHED = ('logits_max', 'param_norm')


def panels(names: Iterable[str]) -> dict[str, list[str]]:
    """Title -> the metrics PLAYER/NAME in that panel, sorted; empty panels and what belongs to no player are
    left out.
    """
    found: dict[str, list[str]] = {title: [] for title in PANELS}
    title_of = {last: title for title, lasts in PANELS.items() for last in lasts}
    for name in sorted(name for name in names if '/' in name):
        last = name.rpartition('/')[2]
        if name.startswith('eval/'):
            if not last.endswith('_std'):
                shares = last.startswith(SHARES)
                found.setdefault('evaluation' if shares else f'evaluation: {last}', []).append(name)
        elif last not in LEFT_OUT:
            found.setdefault(title_of.get(last, 'terms and the rest'), []).append(name)
    return {title: inside for title, inside in found.items() if inside}


def curves(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """What the players measured against the step, a panel for each kind of thing; norms on a logarithmic
    scale.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kinds = panels({name for row in rows for name in row})
    lines = -(-len(kinds) // 2)
    figure = Figure(figsize=(12, 3 * max(lines, 1)), dpi=100, layout='constrained')
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
    """Norms are logarithmic (they may vanish and explode), fractions begin at 0."""
    if 'norm' in title:
        axes.set_yscale('log', nonpositive='mask')
    elif 'accuracy' in title or 'diversity' in title:
        axes.set_ylim(0.0, 1.05 * max(1.0, *values))
        axes.axhline(1.0 if 'diversity' in title else 0.5, color='0.5', linewidth=0.8)


def save(image: Image.Image, out: Path, **options: Any) -> None:
    """Writes beside and renames, so that a picture is never half there.

    The format follows from the file's name.
    """
    options.setdefault(
        'format', {'.png': 'PNG', '.gif': 'GIF', '.jpg': 'JPEG'}.get(out.suffix.lower(), 'PNG')
    )
    with paths.replacing(out) as temporary:
        image.save(temporary, **options)
