"""The table and the plot of limited_data.py, from its results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from gax.viz import charts
from gax.viz import images as pictures

REAL = 'real data'
ROWS = ('none', 'diffaugment', 'ada', 'lecam')


def mean_and_std(values: list[float]) -> str:
    """Mean and standard deviation (n - 1)."""
    spread = f' ± {np.std(values, ddof=1):.2g}' if len(values) > 1 else ''
    return f'{np.mean(values):.3g}{spread}'


def printed(results: dict[str, Any]) -> str:
    """The table in Markdown: the last measurement of each row, and its best distance to held-out digits."""
    lines = [
        '| digits | method | held out | best, at step | training set | nearer than a neighbour | p | s |',
        '|---|---|---|---|---|---|---|---|',
    ]
    for result in results.values():
        last = result['curve'][-1]
        best = min(result['curve'], key=lambda point: np.mean(point['held_out']))
        at = f'{mean_and_std(best["held_out"])}, {best["step"]}' if result['steps'] else ''
        cells = [
            mean_and_std(last['held_out']),
            at,
            mean_and_std(last['training']),
            mean_and_std(last['closer']),
        ]
        cells += [mean_and_std(last['p']) if 'p' in last else '', f'{result["seconds"]:.0f}']
        lines.append(f'| {result["size"]} | {result["row"]} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def plotted(results: dict[str, Any], out: Path) -> None:
    """The distances along training, a panel for each size: held out (solid) and training set (dashed)."""
    sizes = sorted({result['size'] for result in results.values()})
    _, canvas, axes = charts.panels(len(sizes), len(sizes), 2.8)
    for axis, size in zip(axes, sizes, strict=True):
        for color, name in enumerate(ROWS):
            if not (result := results.get(f'{name}/{size}')):
                continue
            steps = [point['step'] for point in result['curve']]
            for key, style in (('held_out', '-'), ('training', '--')):
                means = [np.mean(point[key]) for point in result['curve']]
                label = name if key == 'held_out' else None
                axis.plot(steps, means, style, color=f'C{color}', linewidth=1, label=label)
        axis.set_title(f'{size} digits', fontsize=8)
        axis.set_yscale('log')
        axis.tick_params(labelsize=6)
        axis.set_xlabel('step', fontsize=7)
        axis.legend(fontsize=6)
    pictures.save(charts.picture(canvas), out)


def keep(out: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Puts one result among those in the file, by size and in the order of ROWS, and returns them all."""
    known = json.loads(out.read_text()) if out.exists() else {}
    known[f'{result["row"]}/{result["size"]}'] = result
    order = [REAL, *ROWS]
    ordered = dict(sorted(known.items(), key=lambda item: (item[1]['size'], order.index(item[1]['row']))))
    out.write_text(json.dumps(ordered, indent=1) + '\n')
    return ordered
