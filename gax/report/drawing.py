"""Panels of curves as SVG, legible without scripts. The style sheet colours runs by their number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 420, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 24
MOST = 150  # stretches of a long curve, each drawn by its lowest and its highest value
Points = list[tuple[float, float]]  # (step, value)


class Line(NamedTuple):
    """A curve.

    Attributes:
      run: The number of its run, from 0.
      points: (step, value), by step.
      floor: The value of real data, or None if unknown.
    """

    run: int
    points: Points
    floor: float | None = None


class Panel(NamedTuple):
    """The curves of one metric.

    Attributes:
      title: The metric's name.
      lines: The curves.
      log: Whether the axis of values is logarithmic.
    """

    title: str
    lines: list[Line]
    log: bool = False


class Axis(NamedTuple):
    """A map from numbers to positions between `start` and `end` of the picture.

    Attributes:
      low: The number at `start`; its base-10 logarithm if `log`.
      high: The number at `end`, likewise.
      start: A position in pixels.
      end: A position in pixels.
      log: Whether the axis is logarithmic.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The position of a number."""
        value = math.log10(max(value, 1e-300)) if self.log else value
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Round numbers on the axis: 1, 2 or 5 times a power of ten apart; powers of ten if logarithmic."""
        if self.log:
            powers = range(math.ceil(self.low), math.floor(self.high) + 1)
            ticks = [10.0**power for power in powers][:: max(1, -(-len(powers) // count))]
            return ticks or [10**self.low, 10**self.high]
        rough = (self.high - self.low) / count
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]


def axis_of(values: Sequence[float], start: float, end: float, log: bool = False) -> Axis:
    """An axis with room for `values`. A logarithmic one ignores those that are not positive."""
    if log:
        values = [math.log10(v) for v in values if v > 0] or [0.0]
    low, high = min(values), max(values)
    margin = 0.04 * (high - low) or 0.05 * abs(high) or 0.5
    return Axis(low - margin, high + margin, start, end, log)


def thin(points: Points) -> Points:
    """At most 2 MOST of the points: the lowest and the highest of each stretch, so that spikes are kept."""
    if len(points) <= 2 * MOST:
        return points
    thinned: Points = []
    for i in range(MOST):
        part = points[i * len(points) // MOST : (i + 1) * len(points) // MOST]
        ends = {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
        thinned += sorted(ends)
    return thinned


def svg(panel: Panel, last: float) -> str:
    """The panel as an <svg> element. Its steps go from 0 to `last`, as in all panels."""
    values = [y for line in panel.lines for _, y in line.points]
    values += [line.floor for line in panel.lines if line.floor is not None and line.points]
    x = Axis(0.0, last, LEFT, WIDTH - RIGHT)
    y = axis_of(values, HEIGHT - BOTTOM, TOP, panel.log)
    parts = [*frame(x, y), *(drawn(line, x, y) for line in panel.lines if line.points)]
    label = escape(f'{panel.title} against the step', quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def frame(x: Axis, y: Axis) -> list[str]:
    """Grid lines and their numbers."""
    parts = []
    for value in y.ticks():
        at = f'{y(value):.1f}'
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{at}" dy="0.35em" text-anchor="end">{short(value)}</text>'
        )
    for value in x.ticks(5):
        parts.append(
            f'<text class="tick" x="{x(value):.1f}" y="{HEIGHT - 6}" '
            f'text-anchor="middle">{short(value)}</text>'
        )
    return parts


def drawn(line: Line, x: Axis, y: Axis) -> str:
    """A curve with its floor as a dashed line; short curves also have dots."""
    places = [(x(step), y(value)) for step, value in thin(line.points) if not y.log or value > 0]
    floor = ''
    if line.floor is not None:
        at = f'{y(line.floor):.1f}'
        floor = f'<line class="floor" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>'
    dots = places if len(places) <= 12 else []
    circles = ''.join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.2"/>' for a, b in dots)
    path = ' '.join(f'{a:.1f},{b:.1f}' for a, b in places)
    return (
        f'<g class="run" data-run="{line.run}" data-key="{line.run % 8}">{floor}'
        f'<polyline points="{path}"/>{circles}</g>'
    )


def short(value: float) -> str:
    """1200 -> '1.2k', 1e6 -> '1M', 1e-5 -> '1e-5'."""
    if value == 0:
        return '0'
    for size, letter in ((1e9, 'G'), (1e6, 'M'), (1e3, 'k')):
        if abs(value) >= size and abs(value) < 1e12:
            return f'{value / size:.3g}{letter}'
    return f'{value:.3g}'.replace('e-0', 'e-').replace('e+0', 'e').replace('e+', 'e')
