"""Plots of a sweep as SVG text: parallel coordinates, and the objective against each field that varies."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gax.sweep import space, stats
from gax.sweep.objective import Objective
from gax.sweep.table import Row

RATIO = 8.0  # positive numbers that differ by more than this factor are drawn on a logarithmic scale
BEST, OTHER, FAINT = '#1b7837', '#4575b4', '#c8c8c8'


class Column(NamedTuple):
    """An axis of a plot.

    Attributes:
      name: Its name.
      values: The value of each run.
      places: Their positions, float [N] in [0, 1].
      ticks: (position, label).
      log: Whether it is logarithmic.
      numbers: Whether the values are numbers.
    """

    name: str
    values: list[Any]
    places: np.ndarray
    ticks: list[tuple[float, str]]
    log: bool
    numbers: bool


def columns(rows: Sequence[Row]) -> list[Column]:
    """The fields that vary. Fields with equal values in every run share a column."""
    by_values: dict[str, tuple[list[str], list[Any]]] = {}
    for field in dict.fromkeys(f for row in rows for f in row.setting):
        values = [row.setting.get(field) for row in rows]
        if len({*map(str, values)}) > 1:
            by_values.setdefault(str(values), ([], values))[0].append(field)
    return [column(common(names), values) for names, values in by_values.values()]


def common(names: Sequence[str]) -> str:
    """'g, d: optimizer.learning_rate' for fields that differ in their first part only; else all, joined."""
    tails = {name.partition('.')[2] for name in names}
    if len(names) > 1 and len(tails) == 1 and '' not in tails:
        return f'{", ".join(name.partition(".")[0] for name in names)}: {tails.pop()}'
    return ', '.join(names)


def column(name: str, values: Sequence[Any]) -> Column:
    """A column: numbers in proportion to them or to their logarithm, other values in order of appearance."""
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if not numbers:
        kinds = list(dict.fromkeys(space.spell(v) for v in values))
        step = 1 / max(len(kinds) - 1, 1)
        places = np.array([kinds.index(space.spell(v)) * step for v in values])
        ticks = [
            (i * step, literal(kind if len(kind) < 24 else f'{kind[:22]}..')) for i, kind in enumerate(kinds)
        ]
        return Column(name, list(values), places, ticks, False, False)
    x = np.array(values, np.float64)
    log = bool(x.min() > 0 and x.max() / x.min() >= RATIO)
    labelled = np.unique(x)
    if len(labelled) > 6:
        labelled = np.geomspace(x.min(), x.max(), 5) if log else np.linspace(x.min(), x.max(), 5)
    y, at = (np.log(x), np.log(labelled)) if log else (x, labelled)
    low, span = y.min(), max(float(np.ptp(y)), 1e-30)
    ticks = [(float((a - low) / span), f'{v:.3g}') for a, v in zip(at, labelled, strict=True)]
    return Column(name, list(values), (y - low) / span, ticks, log, True)


def literal(text: str) -> str:
    """A text that Matplotlib draws literally: no formula, and no character that an SVG must not contain."""
    return ''.join(c if c.isprintable() else '?' for c in text).replace('$', r'\$')


def parallel(rows: Sequence[Row], objective: Objective) -> str:
    """A line for each run through its values and its objective, darker if better.

    '' if there are fewer than two values or no field varies.
    """
    done = [row for row in rows if row.value(objective) is not None]
    axes_of = columns(done)
    if len(done) < 2 or not axes_of:
        return ''
    axes_of.append(column(str(objective), [row.value(objective) for row in done]))
    figure, (axes,) = drawing(1, 1, (max(6.0, 2.2 * len(axes_of)), 3.8))
    goodness = axes_of[-1].places if objective.direction == 'maximize' else 1 - axes_of[-1].places
    from matplotlib import colormaps

    shade = colormaps['viridis_r']
    for i in np.argsort(goodness):  # the best on top
        path = [c.places[i] for c in axes_of]
        axes.plot(path, color=shade(float(goodness[i])), alpha=0.35 + 0.6 * float(goodness[i]), linewidth=1.4)
    for k, c in enumerate(axes_of):
        axes.axvline(k, color='0.2', linewidth=1)
        for where, label in c.ticks:
            axes.text(k + 0.03, where, label, fontsize=8, va='center', bbox=BOX)
        heading = f'{c.name}\n(log scale)' if c.log else c.name
        axes.text(k, 1.08, heading, fontsize=9, ha='center', va='bottom', weight='bold')
    axes.set(xlim=(-0.15, len(axes_of) - 0.55), ylim=(-0.06, 1.06))
    axes.axis('off')
    return svg(figure)


BOX = {'facecolor': 'white', 'alpha': 0.75, 'edgecolor': 'none', 'pad': 0.8}


def against(rows: Sequence[Row], objective: Objective) -> str:
    """The objective against each field, a dot a run, with the mean of each value of the field.

    If one field varies, bars show the 95 % confidence interval over seeds. If no field varies the objective
    is plotted against the seed. '' if there is nothing to show.
    """
    done = [row for row in rows if row.value(objective) is not None]
    if not done:
        return ''
    y = np.array([row.value(objective) for row in done])
    fields = columns(done) or [column('seed', [row.seed for row in done])]
    wide = min(len(fields), 3)
    tall = -(-len(fields) // wide)
    figure, panels = drawing(tall, wide, (3.9 * wide, 3.1 * tall))
    for axes, c in zip(panels, fields, strict=False):
        x = np.array(c.values, np.float64) if c.numbers else c.places
        if c.log:
            axes.set_xscale('log')
        means(axes, x, y, alone=len(fields) == 1 and c.name != 'seed')
        axes.scatter(x, y, s=18, color=OTHER, alpha=0.7, linewidths=0, zorder=3)
        ticks = [float(label) for _, label in c.ticks] if c.numbers else [where for where, _ in c.ticks]
        slanted = {} if c.numbers else {'rotation': 20, 'ha': 'right'}
        axes.set_xticks(ticks, [label for _, label in c.ticks], **slanted)
        axes.set_xticks([], minor=True)
        if y.min() > 0 and y.max() / y.min() >= RATIO:
            axes.set_yscale('log')
        axes.set_xlabel(c.name, fontsize=9)
        axes.set_ylabel(str(objective), fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.25)
    for axes in panels[len(fields) :]:
        axes.axis('off')
    return svg(figure)


def means(axes: Any, x: np.ndarray, y: np.ndarray, alone: bool) -> None:
    """Draws the mean at each of a few values of x.

    Args:
      axes: Matplotlib's axes.
      x: Positions, float [N].
      y: Values, float [N].
      alone: Whether no other field varies, so that the spread is that of the seeds.
    """
    places = np.unique(x)
    if len(places) > 12 or len(places) == len(x):
        return
    intervals = [stats.interval(y[x == place]) for place in places]
    axes.plot(places, [i.mean for i in intervals], color=BEST, linewidth=1.2, marker='_', markersize=12)
    for place, i in zip(places, intervals, strict=True):
        if alone and i.n > 1:
            axes.plot([place, place], [i.low, i.high], color=BEST, linewidth=6, alpha=0.25, zorder=1)


def drawing(tall: int, wide: int, size: tuple[float, float]) -> tuple[Any, list[Any]]:
    """A figure with `tall` rows and `wide` columns of axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout='constrained')
    return figure, list(figure.subplots(tall, wide, squeeze=False).ravel())


def svg(figure: Any) -> str:
    """The figure as an <svg> element with text as text; equal figures give equal bytes."""
    import matplotlib

    with matplotlib.rc_context({'svg.fonttype': 'none', 'svg.hashsalt': 'gax', 'font.family': 'sans-serif'}):
        out = io.StringIO()
        figure.savefig(out, format='svg', metadata={'Date': None})
    text = out.getvalue()
    return re.sub(r'<metadata>.*?</metadata>', '', text[text.index('<svg') :], flags=re.DOTALL)
