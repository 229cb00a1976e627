"""The curves of a report: one panel a metric, one line a run, the same axis of steps for all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gax.evals.protocol import differ
from gax.report.drawing import Line, Panel, Points, thin
from gax.report.runs import Run
from gax.viz import curves


def groups(runs: Sequence[Run]) -> dict[str, list[Panel]]:
    """The panels by heading.

    The evaluation comes first, then the players' metrics (grouped as in curves.png), then the speed.
    """
    panels_of = {'evaluation': evaluated(runs)}
    known = {name for run in runs for row in run.rows for name in row}
    for kind, names in curves.panels(known).items():
        norms = 'norm' in kind
        heading = 'norms' if norms else 'training' if kind in curves.PANELS else kind
        panels_of.setdefault(heading, []).extend(Panel(name, lines_of(runs, name), norms) for name in names)
    speed = [
        name for name in ('steps_per_sec', 'images_per_sec', 'sec_per_kimg', 'data_wait') if name in known
    ]
    panels_of['speed'] = [Panel(name, lines_of(runs, name)) for name in speed]
    return {
        heading: filled
        for heading, panels in panels_of.items()
        if (filled := [p for p in panels if has_points(p)])
    }


def has_points(panel: Panel) -> bool:
    """Whether any line of the panel has a point."""
    return any(line.points for line in panel.lines)


def lines_of(runs: Sequence[Run], name: str) -> list[Line]:
    """The values of a training metric, a line for each run."""
    return [
        Line(i, finite((row['step'], row[name]) for row in run.rows if name in row))
        for i, run in enumerate(runs)
    ]


def finite(points: Iterable[tuple[Any, Any]]) -> Points:
    """The points whose values are finite numbers."""
    return [(float(x), float(y)) for x, y in points if isinstance(y, (int, float)) and math.isfinite(y)]


def evaluated(runs: Sequence[Run]) -> list[Panel]:
    """A panel for each metric and protocol by which some run has two results.

    Results of different protocols share no panel.
    """
    panels: list[Panel] = []
    for number, protocol in enumerate(protocols(runs), 1):
        of_it = [[row for row in run.results if row['protocol'] == protocol] for run in runs]
        several = '' if len(protocols(runs)) == 1 else f' (protocol {number})'
        for name in dict.fromkeys(name for rows in of_it for row in rows for name in row['metrics']):
            lines = [
                Line(
                    i,
                    finite((row['step'], row['metrics'][name]) for row in rows if name in row['metrics']),
                    floor(rows, name),
                )
                for i, rows in enumerate(of_it)
            ]
            if not name.endswith('_std') and any(len(line.points) > 1 for line in lines):
                panels.append(Panel(f'{name}{several}', lines))
    return panels


def floor(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """The last known value of the metric for real data, or None."""
    floors = [row['floor'][name] for row in rows if name in (row.get('floor') or {})]
    return floors[-1] if floors else None


def protocols(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The distinct evaluation protocols of the runs, in order of appearance."""
    distinct: list[dict[str, Any]] = []
    for run in runs:
        for row in run.results:
            if not any(not differ(row['protocol'], known) for known in distinct):
                distinct.append(row['protocol'])
    return distinct


def last_step(runs: Sequence[Run]) -> float:
    """The largest step of any run, at least 1."""
    steps = [row['step'] for run in runs for row in (*run.rows, *run.results)]
    return float(max(steps, default=1)) or 1.0


def data(panels: Iterable[Panel]) -> list[dict[str, Any]]:
    """What the script shows at the pointer: [{title, runs: {index: [[steps], [values]]}}, ...]."""
    return [
        {
            'title': panel.title,
            'runs': {
                str(line.run): [list(column) for column in zip(*rounded(thin(line.points)), strict=True)]
                for line in panel.lines
                if line.points
            },
        }
        for panel in panels
    ]


def rounded(points: Points) -> Points:
    """Points with values of four digits."""
    return [(step, float(f'{value:.4g}')) for step, value in points]
