"""One self-contained HTML page about some runs: what they are, what they made, how they went.

No file beside it is needed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from gax import errors, paths
from gax.report import curves, drawing, samples, tables
from gax.report.runs import Run, read

HERE = Path(__file__).parent
FOLDED = ('norms', 'terms')  # headings with one of these words begin folded


def write(workdirs: Sequence[Path], out: Path | None = None) -> Path:
    """The page, at `out` (report.html in the workdir of one run, else here); returns where. Written beside
    and renamed.

    Raises GaxError for a folder that holds no run, and where `out` cannot be.
    """
    runs = read(workdirs)
    out = out or (workdirs[0] / 'report.html' if len(runs) == 1 else Path('report.html'))
    if out.suffix.lower() not in ('.html', '.htm'):
        raise errors.GaxError(f'--out {out} must end in .html')
    if not out.absolute().parent.is_dir():
        raise errors.GaxError(f'--out {out}: the folder {out.absolute().parent} does not exist')
    errors.refuse_unwritable(out)
    made = page(runs)
    with errors.plain_os_errors(out):
        paths.write_text(out, made)
    return out


def page(runs: Sequence[Run]) -> str:
    """The whole HTML."""
    groups, shown, last = curves.groups(runs), samples.shown(runs), curves.last_step(runs)
    panels = [panel for inside in groups.values() for panel in inside]
    carried = {
        'runs': [run.name for run in runs],
        'last': last,
        'plot': [drawing.LEFT, drawing.WIDTH - drawing.RIGHT, drawing.WIDTH],
        'panels': curves.data(panels),
        'steps': shown.steps,
        'at': shown.at,
        'pictures': shown.pictures,
    }
    title = ', '.join(run.name for run in runs[:3]) + (f' and {len(runs) - 3} more' if len(runs) > 3 else '')
    whole = {
        'title': escape(title),
        'time': time.strftime('%Y-%m-%d %H:%M'),
        'runs': tables.overview(runs),
        'warnings': warnings(runs),
        'legend': legend(runs),
        'samples': gallery(runs, shown),
        'results': tables.results(runs),
        'curves': drawings(groups, last),
        'differences': tables.differences(runs),
        'configs': ''.join(folded(f'All fields of {escape(r.name)}', tables.whole_config(r)) for r in runs),
        'style': (HERE / 'style.css').read_text(encoding='utf-8'),
        'script': (HERE / 'script.js').read_text(encoding='utf-8'),
        # What a name may contain cannot end the element that carries it.
        'data': json.dumps(carried, allow_nan=False, separators=(',', ':')).replace('<', '\\u003c'),
    }
    return Template((HERE / 'page.html').read_text(encoding='utf-8')).substitute(whole)


def folded(title: str, inside: str, is_open: bool = False) -> str:
    return f'<details{" open" * is_open}><summary>{title}</summary>{inside}</details>'


def warnings(runs: Sequence[Run]) -> str:
    """What went wrong by the signs that training looks for."""
    found = [(run, run.warnings()) for run in runs]
    return ''.join(
        folded(
            f'{len(said)} warning{"s" * (len(said) > 1)} of {escape(run.name)}',
            f'<ul>{"".join(f"<li>{escape(line)}</li>" for line in said)}</ul>',
        )
        for run, said in found
        if said
    )


def legend(runs: Sequence[Run]) -> str:
    """A button for every run, which hides and shows its curves and pictures; of one run none."""
    buttons = [
        f'<button type="button" data-toggle="{i}" aria-pressed="true">{tables.name_of(runs, i)}</button>'
        for i in range(len(runs))
    ]
    return f'<nav class="legend" aria-label="Runs shown">{"".join(buttons)}</nav>' if len(runs) > 1 else ''


def gallery(runs: Sequence[Run], shown: samples.Shown) -> str:
    """A slider over the steps, and each run's picture there; at first, and without scripts, the last."""
    if not shown.steps:
        return '<p class="note">No samples were drawn yet.</p>'
    slider = (
        f'<label class="slider">step <output id="step">{shown.steps[-1]:,}</output>'
        f'<input id="slider" type="range" min="0" max="{len(shown.steps) - 1}" value="{len(shown.steps) - 1}" '
        'aria-label="Step of the samples"></label>'
    )
    return slider + f'<div class="gallery">{"".join(figure(runs, shown, i) for i in range(len(runs)))}</div>'


def figure(runs: Sequence[Run], shown: samples.Shown, index: int) -> str:
    step = shown.at[index][-1]
    head = f'<figcaption>{tables.name_of(runs, index)} <span class="at">{"" if step is None else f"step {step:,}"}</span>'
    if step is None:
        inside = '<p class="note">No samples that can be read.</p>'
    else:
        kind = ' class="pixels"' if shown.exact[index] else ''
        alt = f'Samples of {escape(runs[index].name, quote=True)}'
        inside = f'<img{kind} src="{shown.pictures[index][step]}" alt="{alt}">'
    return (
        f'<figure class="run" data-run="{index}" data-key="{index % 8}">{head}</figcaption>{inside}</figure>'
    )


def drawings(groups: dict[str, list[drawing.Panel]], last: float) -> str:
    if not groups:
        return '<p class="note">Nothing was logged yet.</p>'
    parts = []
    for heading, panels in groups.items():
        inside = ''.join(
            f'<figure class="panel"><figcaption>{escape(panel.title)}</figcaption>{drawing.svg(panel, last)}</figure>'
            for panel in panels
        )
        opened = not any(word in heading for word in FOLDED)
        parts.append(folded(escape(heading), f'<div class="panels">{inside}</div>', opened))
    return ''.join(parts)
