"""sweep.html: the results of a sweep in one self-contained file with relative links."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from gax import errors
from gax.sweep import plots, table
from gax.sweep.objective import Objective
from gax.sweep.plan import Plan
from gax.sweep.table import Group, Row

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top }
tr.best td { font-weight: 600 } td.n, th.n { text-align: right }
.scroll { overflow-x: auto } svg { max-width: 100%; height: auto }
.best-run { display: flex; gap: 1.5rem; align-items: flex-start } .best-run img { max-height: 16rem }
.note { color: #666; font-size: .9rem } .bad { color: #a31515 } code { font-size: .88em }
"""


def write(rows: Sequence[Row], plan: Plan, workdir: Path, path: Path) -> None:
    """Writes the page, atomically.

    If runs cannot be compared the page says why, and ranks nothing.

    Args:
      rows: The runs.
      plan: The sweep.
      workdir: The folder of the sweep.
      path: The file.
    """
    objective, problem = plan.objective, ''
    try:
        groups = table.groups(rows, objective)
    except errors.GaxError as error:
        objective, problem = None, str(error)
        groups = table.groups(rows, None)
    counts = ', '.join(f'{n} {state}' for state, n in table.counts(rows).items()) or 'no runs yet'
    kind = f'search by {plan.search.sampler}' if plan.search else 'grid'
    title = f'Sweep of {plan.base.gan}: {", ".join(a.name for a in plan.axes) or "seeds"}'
    parts = [f'<h1>{text(title)}</h1><p>{text(workdir.name)}: {kind}, {counts}.</p>']
    if problem:
        parts.append(f'<p class="bad">{text(problem)}</p>')
    if objective:
        better = 'lower' if objective.direction == 'minimize' else 'higher'
        parts.append(f'<p>Objective: <b>{text(objective)}</b>, {better} is better.</p>')
        parts += best(rows, groups, objective, workdir)
    elif not problem:
        parts.append(
            '<p class="note">Give --objective=METRIC to the same command for plots and the best run.</p>'
        )
    parts += settings(groups, objective)
    if objective:
        parts += pictures(table.completed(rows, plan.base), objective)
    parts += failed(rows)
    parts += runs(rows, objective)
    head = f'<meta charset="utf-8"><title>{text(title)}</title><style>{STYLE}</style>'
    page = f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'
    table.write_text(path, page)


def text(value: object) -> str:
    """A value as escaped HTML."""
    return html.escape(str(value))


def grid(head: Sequence[str], lines: Iterable[tuple[str, Sequence[str]]], right: int = 99) -> str:
    """A table.

    Args:
      head: The cells of the head, HTML.
      lines: (CSS class of the row, HTML cells).
      right: The first column of numbers, which are aligned to the right.
    """

    def cell(tag: str, i: int, inside: str) -> str:
        return f'<{tag}{" class=n" if i >= right else ""}>{inside}</{tag}>'

    top = ''.join(cell('th', i, h) for i, h in enumerate(head))
    body = ''.join(
        f'<tr class="{kind}">{"".join(cell("td", i, c) for i, c in enumerate(cells))}</tr>'
        for kind, cells in lines
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def link(row: Row) -> str:
    """A link to a run's folder."""
    return (
        f'<a href="{text(quote(row.folder, safe="/=+", errors="surrogateescape"))}/">'
        f'{text(row.folder.removeprefix("runs/"))}</a>'
        if row.folder
        else ''
    )


def best(rows: Sequence[Row], groups: Sequence[Group], objective: Objective, workdir: Path) -> list[str]:
    """The best run with its last picture, if that is here, and the mean of its setting over seeds."""
    row = table.best_run(rows, objective)
    if row is None:
        return []
    pictures = sorted((workdir / row.folder / 'samples').glob('[0-9]*.png'))
    image = ''
    if pictures:
        data = base64.b64encode(pictures[-1].read_bytes()).decode()
        image = f'<img alt="samples of the best run" src="data:image/png;base64,{data}">'
    fields = ''.join(f'<li><code>{text(f)} = {text(v)}</code></li>' for f, v in row.setting.items())
    group = next(group for group in groups if group.setting == row.setting)
    mean = (
        f'; the mean of its setting over {len(group.values)} seeds is {text(group.interval)}'
        if group.values
        else ''
    )
    summary = (
        f'<p>{link(row)}<br>{text(objective)} {row.value(objective):.4g} with seed {row.seed}{mean}.</p>'
        f'<ul>{fields}</ul>'
    )
    return [f'<h2>Best run</h2><div class="best-run">{image}<div>{summary}</div></div>']


def settings(groups: Sequence[Group], objective: Objective | None) -> list[str]:
    """A table of the settings, with means over their seeds."""
    if not groups:
        return []
    lines = []
    for i, group in enumerate(groups):
        done = [row for row in group.rows if row.state == 'done']
        value = text(group.interval) if group.interval else ''
        p = f'{group.p:.3g}' if group.p is not None else ''
        cells = [text(group.label), f'{len(done)} of {len(group.rows)}', *([value, p] if objective else [])]
        lines.append(('best' if i == 0 and objective and group.interval else '', cells))
    head = ['setting', 'seeds done', *([text(objective), 'p'] if objective else [])]
    note = (
        'Mean ± half the 95 % confidence interval over the seeds (Student). p: paired t test of the first '
        'setting against each other over the seeds that both have, corrected for their number (Holm). The '
        'first is the best of several by these very runs, which flatters it; new seeds tell. Settings with '
        'fewer finished seeds stand below.'
    )
    return ['<h2>Settings</h2>', grid(head, lines, 1), f'<p class="note">{note}</p>' if objective else '']


def pictures(rows: Sequence[Row], objective: Objective) -> list[str]:
    """The plots of the objective."""
    lines, dots = plots.parallel(rows, objective), plots.against(rows, objective)
    parts = [f'<h2>All runs at a glance</h2><div class="scroll">{lines}</div>'] if lines else []
    if dots:
        note = (
            'A dot is a run; the line joins the means, over seeds and over all that else varies. Bars: 95 % '
            'confidence intervals, where nothing else varies.'
        )
        parts.append(
            f'<h2>{text(objective)} against each field</h2><div class="scroll">{dots}</div><p '
            f'class="note">{note}</p>'
        )
    return parts


def failed(rows: Sequence[Row]) -> list[str]:
    """A table of the failed runs and their reasons."""
    lines = [('bad', [link(row), text(row.error)]) for row in rows if row.state == 'failed']
    return ['<h2>Failed</h2>', grid(['run', 'reason'], lines)] if lines else []


def runs(rows: Sequence[Row], objective: Objective | None) -> list[str]:
    """A table of all runs."""
    head = ['run', 'state', *([text(objective)] if objective else []), 'steps', 's', 'machine']
    lines = []
    for row in rows:
        value = row.value(objective)
        number = [f'{value:.4g}' if value is not None else ''] if objective else []
        lines.append(
            ('', [link(row), row.state, *number, str(row.step), f'{row.seconds:.0f}', text(row.host)])
        )
    return ['<h2>Runs</h2>', grid(head, lines, 2), '<p class="note">Everything: sweep.csv</p>']
