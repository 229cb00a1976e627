"""A report: one self-contained HTML page about some runs, with their configs, samples, results and curves."""

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
    """Writes the page, atomically.

    Args:
      workdirs: The folders of the runs.
      out: The path of the page. By default report.html, in the workdir if there is one run, else in the
        current folder.

    Returns:
      The path of the page.

    Raises:
      GaxError: A folder holds no run, or `out` cannot be written.
    """
    runs = read(workdirs)
    out = out or (workdirs[0] / 'report.html' if len(runs) == 1 else Path('report.html'))
    if out.suffix.lower() not in ('.html', '.htm'):
        raise errors.GaxError(f'--out {out} must end in .html')
    if not out.absolute().parent.is_dir():
        raise errors.GaxError(f'--out {out}: the folder {out.absolute().parent} does not exist')
    errors.refuse_unwritable(out)
    content = page(runs)
    with errors.plain_os_errors(out):
        paths.write_text(out, content)
    return out


def page(runs: Sequence[Run]) -> str:
    """The HTML of the page."""
    groups, pictures, last = curves.groups(runs), samples.shown(runs), curves.last_step(runs)
    panels = [panel for inside in groups.values() for panel in inside]
    data = {
        'runs': [run.name for run in runs],
        'last': last,
        'plot': [drawing.LEFT, drawing.WIDTH - drawing.RIGHT, drawing.WIDTH],
        'panels': curves.data(panels),
        'steps': pictures.steps,
        'at': pictures.at,
        'pictures': pictures.pictures,
    }
    title = ', '.join(run.name for run in runs[:3]) + (f' and {len(runs) - 3} more' if len(runs) > 3 else '')
    parts = {
        'title': escape(title),
        'time': time.strftime('%Y-%m-%d %H:%M'),
        'runs': tables.overview(runs),
        'warnings': warnings(runs),
        'legend': legend(runs),
        'samples': gallery(runs, pictures),
        'results': tables.results(runs),
        'curves': drawings(groups, last),
        'differences': tables.differences(runs),
        'configs': ''.join(folded(f'All fields of {escape(r.name)}', tables.whole_config(r)) for r in runs),
        'style': (HERE / 'style.css').read_text(encoding='utf-8'),
        'script': (HERE / 'script.js').read_text(encoding='utf-8'),
        # What a name may contain cannot end the element that carries it.
        'data': json.dumps(data, allow_nan=False, separators=(',', ':')).replace('<', '\\u003c'),
    }
    return Template((HERE / 'page.html').read_text(encoding='utf-8')).substitute(parts)


def folded(title: str, inside: str, is_open: bool = False) -> str:
    """A section that can be folded. `title` and `inside` are HTML."""
    return f'<details{" open" * is_open}><summary>{title}</summary>{inside}</details>'


def warnings(runs: Sequence[Run]) -> str:
    """The warnings of training's diagnostics, a folded list for each run that has some."""
    by_run = [(run, run.warnings()) for run in runs]
    return ''.join(
        folded(
            f'{len(messages)} warning{"s" * (len(messages) > 1)} of {escape(run.name)}',
            f'<ul>{"".join(f"<li>{escape(line)}</li>" for line in messages)}</ul>',
        )
        for run, messages in by_run
        if messages
    )


def legend(runs: Sequence[Run]) -> str:
    """A button for every run that hides and shows its curves and pictures; '' for a single run."""
    buttons = [
        f'<button type="button" data-toggle="{i}" aria-pressed="true">{tables.name_of(runs, i)}</button>'
        for i in range(len(runs))
    ]
    return f'<nav class="legend" aria-label="Runs shown">{"".join(buttons)}</nav>' if len(runs) > 1 else ''


def gallery(runs: Sequence[Run], pictures: samples.Shown) -> str:
    """A slider over the steps and each run's picture at a step: at first, and without scripts, the last."""
    if not pictures.steps:
        return '<p class="note">No samples were drawn yet.</p>'
    slider = (
        f'<label class="slider">step <output id="step">{pictures.steps[-1]:,}</output><input id="slider" '
        f'type="range" min="0" max="{len(pictures.steps) - 1}" value="{len(pictures.steps) - 1}" '
        'aria-label="Step of the samples"></label>'
    )
    return (
        slider + f'<div class="gallery">{"".join(figure(runs, pictures, i) for i in range(len(runs)))}</div>'
    )


def figure(runs: Sequence[Run], pictures: samples.Shown, index: int) -> str:
    """The picture of one run, with a caption."""
    step = pictures.at[index][-1]
    head = (
        f'<figcaption>{tables.name_of(runs, index)} '
        f'<span class="at">{"" if step is None else f"step {step:,}"}</span>'
    )
    if step is None:
        inside = '<p class="note">No samples that can be read.</p>'
    else:
        kind = ' class="pixels"' if pictures.exact[index] else ''
        alt = f'Samples of {escape(runs[index].name, quote=True)}'
        inside = f'<img{kind} src="{pictures.pictures[index][step]}" alt="{alt}">'
    return (
        f'<figure class="run" data-run="{index}" data-key="{index % 8}">{head}</figcaption>{inside}</figure>'
    )


def drawings(groups: dict[str, list[drawing.Panel]], last: float) -> str:
    """The curves: a section for each heading."""
    if not groups:
        return '<p class="note">Nothing was logged yet.</p>'
    parts = []
    for heading, panels in groups.items():
        inside = ''.join(
            '<figure '
            f'class="panel"><figcaption>{escape(panel.title)}</figcaption>{drawing.svg(panel, last)}</figure>'
            for panel in panels
        )
        is_open = not any(word in heading for word in FOLDED)
        parts.append(folded(escape(heading), f'<div class="panels">{inside}</div>', is_open))
    return ''.join(parts)
