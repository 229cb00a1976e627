"""Panels of curves as SVG, legible without any script.

Colours and strokes are the style sheet's, by the run's number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 420, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 24
MOST = 150  # buckets that a long curve is thinned to: of each its lowest and its highest value are kept
Points = list[tuple[float, float]]  # (step, value)


class Line(NamedTuple):
    """run: which one, from 0. points: by step. floor: what real data score, None where that is not known."""

    run: int
    points: Points
    floor: float | None = None


class Panel(NamedTuple):
    title: str
    lines: list[Line]
    log: bool = False


class Axis(NamedTuple):
    """A number -> a place between `start` and `end` of the picture. low and high: of the numbers; their logs
    if `log`.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        value = math.log10(max(value, 1e-300)) if self.log else value
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Round numbers within: 1, 2 or 5 times a power of ten apart; on a logarithmic axis powers of ten."""
        if self.log:
            powers = range(math.ceil(self.low), math.floor(self.high) + 1)
            found = [10.0**power for power in powers][:: max(1, -(-len(powers) // count))]
            return found or [10**self.low, 10**self.high]
        rough = (self.high - self.low) / count
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]


def axis_of(values: Sequence[float], start: float, end: float, log: bool = False) -> Axis:
    """An axis with room for `values`; those that are not positive have no place on a logarithmic one."""
    if log:
        values = [math.log10(v) for v in values if v > 0] or [0.0]
    low, high = min(values), max(values)
    margin = 0.04 * (high - low) or 0.05 * abs(high) or 0.5
    return Axis(low - margin, high + margin, start, end, log)


def thin(points: Points) -> Points:
    """At most 2 MOST of the points: of each stretch the lowest and the highest, so that no spike is lost."""
    if len(points) <= 2 * MOST:
        return points
    kept: Points = []
    for i in range(MOST):
        part = points[i * len(points) // MOST : (i + 1) * len(points) // MOST]
        ends = {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
        kept += sorted(ends)
    return kept


def svg(panel: Panel, last: float) -> str:
    """The panel; the steps go from 0 to `last`, which all panels share."""
    values = [y for line in panel.lines for _, y in line.points]
    values += [line.floor for line in panel.lines if line.floor is not None and line.points]
    x = Axis(0.0, last, LEFT, WIDTH - RIGHT)
    y = axis_of(values, HEIGHT - BOTTOM, TOP, panel.log)
    parts = [*frame(x, y), *(drawn(line, x, y) for line in panel.lines if line.points)]
    label = escape(f'{panel.title} against the step', quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def frame(x: Axis, y: Axis) -> list[str]:
    """Grid lines and the numbers beside them."""
    parts = []
    for value in y.ticks():
        at = f'{y(value):.1f}'
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{at}" dy="0.35em" text-anchor="end">{short(value)}</text>'
        )
    for value in x.ticks(5):
        parts.append(
            f'<text class="tick" x="{x(value):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{short(value)}</text>'
        )
    return parts


def drawn(line: Line, x: Axis, y: Axis) -> str:
    """A curve, or a dot where there is one point; the floor as a dashed line."""
    places = [(x(step), y(value)) for step, value in thin(line.points) if not y.log or value > 0]
    floor = ''
    if line.floor is not None:
        at = f'{y(line.floor):.1f}'
        floor = f'<line class="floor" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>'
    dots = places if len(places) <= 12 else []
    circles = ''.join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.2"/>' for a, b in dots)
    path = ' '.join(f'{a:.1f},{b:.1f}' for a, b in places)
    return f'<g class="run" data-run="{line.run}" data-key="{line.run % 8}">{floor}<polyline points="{path}"/>{circles}</g>'


def short(value: float) -> str:
    """1200 -> '1.2k', 1e6 -> '1M', 1e-5 -> '1e-5'."""
    if value == 0:
        return '0'
    for size, letter in ((1e9, 'G'), (1e6, 'M'), (1e3, 'k')):
        if abs(value) >= size and abs(value) < 1e12:
            return f'{value / size:.3g}{letter}'
    return f'{value:.3g}'.replace('e-0', 'e-').replace('e+0', 'e').replace('e+', 'e')
