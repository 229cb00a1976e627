"""The tables of a report: the runs, their differences, their results. All texts of runs are escaped."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from html import escape

from gax import errors
from gax.config import defaults as configs
from gax.config import fields
from gax.evals import metric_table, number_names
from gax.evals.metric import HIGHER, LOWER
from gax.evals.protocol import differ
from gax.report import curves
from gax.report.runs import Row, Run

ABSENT = '<span class="absent">absent</span>'
ARROWS = {LOWER: ' ↓', HIGHER: ' ↑', '': ''}


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = '') -> str:
    """An HTML table that scrolls sideways if it is too wide.

    Args:
      head: The cells of the head, HTML.
      rows: The rows, HTML cells; the first cell of a row is its heading.
      kind: A CSS class.
    """
    top = ''.join(f'<th scope="col">{cell}</th>' for cell in head)
    body = ''.join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{top}</tr></thead>'
        f'<tbody>{body}</tbody></table></div>'
    )


def name_of(runs: Sequence[Run], index: int) -> str:
    """A run's name next to its colour."""
    return f'<span class="key" data-key="{index % 8}"></span>{escape(runs[index].name)}'


def overview(runs: Sequence[Run]) -> str:
    """A table with one row a run; empty columns are left out."""
    head = ['run', 'gan', 'data', 'state', 'best', 'time', 'steps/s', 'images/s', 'folder']
    rows = [overview_row(runs, i) for i in range(len(runs))]
    filled = [k for k in range(len(head)) if any(row[k] for row in rows)]
    return table([head[k] for k in filled], [[row[k] for k in filled] for row in rows], 'overview')


def overview_row(runs: Sequence[Run], index: int) -> list[str]:
    """The cells of one run in the overview."""
    run = runs[index]
    config = {name: escape(str(run.config.get(name, ''))) for name in ('gan', 'data.name')}
    best = f'{number(run.best.value)} {escape(run.best.metric)} at step {run.best.step:,}' if run.best else ''
    seconds = next((row['seconds'] for row in reversed(run.rows) if 'seconds' in row), None)
    return [
        name_of(runs, index),
        config['gan'],
        config['data.name'],
        escape(run.state()),
        best,
        '' if seconds is None else duration(seconds),
        *(number(run.speed(name)) for name in ('steps_per_sec', 'images_per_sec')),
        f'<code>{escape(str(run.workdir))}</code>',
    ]


def duration(seconds: float) -> str:
    """'3 min 20 s'."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f'{hours} h {minutes:02d} min'
    return f'{minutes} min {whole % 60:02d} s' if minutes else f'{whole} s'


def number(value: float | None) -> str:
    """A number with four digits, or with all digits from 1,000 on; '' for None."""
    if value is None:
        return ''
    return f'{value:,.0f}' if abs(value) >= 1000 else f'{value:.4g}'


def differences(runs: Sequence[Run]) -> str:
    """The fields in which the configs differ; for a single run, those that differ from the defaults."""
    if len(runs) == 1:
        return against_defaults(runs[0])
    names = list(dict.fromkeys(name for run in runs for name in run.config))
    unlike = [n for n in names if any(setting(run.config, n) != setting(runs[0].config, n) for run in runs)]
    if not unlike:
        return '<p>No field differs: the runs have one config.</p>'
    rows = [[f'<code>{escape(n)}</code>', *(setting(run.config, n) for run in runs)] for n in unlike]
    return table(['field', *(name_of(runs, i) for i in range(len(runs)))], rows, 'config')


def against_defaults(run: Run) -> str:
    """The fields in which a config differs from its recipe's defaults."""
    default: Row = {}
    with contextlib.suppress(errors.GaxError):  # a recipe of another version of gax
        default = fields.flat(configs.base(run.config.get('gan', '')))
    changed = [n for n in run.config if setting(run.config, n) != setting(default, n)] if default else []
    if not changed:
        return '<p>One run: there is nothing to compare it with.</p>'
    rows = [[f'<code>{escape(n)}</code>', setting(default, n), setting(run.config, n)] for n in changed]
    note = f'<p>One run: its config beside the defaults of {escape(run.config["gan"])}.</p>'
    return note + table(['field', 'default', escape(run.name)], rows, 'config')


def setting(config: Row, name: str) -> str:
    """A field as HTML: lists without brackets, the empty string with quotation marks."""
    if name not in config:
        return ABSENT
    value = config[name]
    if isinstance(value, list):
        return escape(', '.join(map(str, value)))
    return escape(value) if isinstance(value, str) and value else escape(json.dumps(value))


def whole_config(run: Run) -> str:
    """All fields of a run."""
    rows = [[f'<code>{escape(name)}</code>', setting(run.config, name)] for name in run.config]
    return table(['field', 'value'], rows, 'config')


def results(runs: Sequence[Run]) -> str:
    """A table for every protocol, with the newest evaluation of each run."""
    protocols = curves.protocols(runs)
    missing = [escape(run.name) for run in runs if not run.results]
    note = f'<p class="note">Not evaluated yet: {", ".join(missing)}.</p>' if missing else ''
    if not protocols:
        return f'{note}<p class="note"><code>{errors.command("evaluate")} --workdir=DIR</code> does it.</p>'
    return ''.join(of_protocol(runs, protocols, i) for i in range(len(protocols))) + note


def of_protocol(runs: Sequence[Run], protocols: Sequence[Row], index: int) -> str:
    """The results by one protocol, and how that differs from the first protocol."""
    protocol = protocols[index]
    title = f'<h3>Protocol {index + 1}</h3>' if len(protocols) > 1 else ''
    note = ''
    if index:
        unlike = [
            f'<code>{escape(name)}</code> {escape(str(b))}, not {escape(str(a))}'
            for name, (a, b) in differ(protocols[0], protocol).items()
        ]
        note = f'<p class="note">Not to be compared with protocol 1: {"; ".join(unlike)}.</p>'
    rows = {i: [row for row in run.results if row['protocol'] == protocol] for i, run in enumerate(runs)}
    latest = {i: evaluations[-1] for i, evaluations in rows.items() if evaluations}
    fields = ', '.join(f'{escape(name)} {escape(str(value)) or "none"}' for name, value in protocol.items())
    every = every_step(runs, rows)
    return f'{title}{note}{scores(runs, latest)}{every}<p class="note protocol">{fields}</p>'


def scores(runs: Sequence[Run], latest: dict[int, Row]) -> str:
    """One row a run, followed by the scores of real data; the best of several runs is bold.

    Consecutive runs with the same scores of real data share that row.
    """
    names = list(dict.fromkeys(name for row in latest.values() for name in row['metrics']))
    better = directions(next(iter(latest.values()))['protocol'])
    best = {
        name: best_of((row['metrics'].get(name) for row in latest.values()), better.get(name, ''))
        for name in names
    }
    rows, floors = [], [floor_row(row, names) for row in latest.values()]
    for (i, row), floor, following in zip(latest.items(), floors, [*floors[1:], None], strict=True):
        cells = [number(row['metrics'].get(name)) for name in names]
        bold = [len(latest) > 1 and row['metrics'].get(name) == best[name] is not None for name in names]
        marked = [f'<b>{cell}</b>' if is_best else cell for cell, is_best in zip(cells, bold, strict=True)]
        rows.append([name_of(runs, i), f'{row["step"]:,}', *marked])
        if floor and floor != following:
            rows.append(floor)
    return table(['run', 'step', *(escape(n) + ARROWS[better.get(n, '')] for n in names)], rows, 'scores')


def floor_row(row: Row, names: Sequence[str]) -> list[str]:
    """The scores of real examples in place of the fakes; empty if they were not measured."""
    if not row.get('floor'):
        return []
    counts = ' and '.join(f'{count:,}' for count in row.get('floor_counts') or ())
    heading = f'real data{f" ({counts})" if counts else ""}'
    return [f'<span class="floor">{heading}</span>', '', *(number(row['floor'].get(name)) for name in names)]


def every_step(runs: Sequence[Run], rows: dict[int, list[Row]]) -> str:
    """All evaluations by one protocol, folded; '' if each run has one at most."""
    if all(len(evaluations) < 2 for evaluations in rows.values()):
        return ''
    names = list(
        dict.fromkeys(name for evaluations in rows.values() for row in evaluations for name in row['metrics'])
    )
    lines = [
        [name_of(runs, i), f'{row["step"]:,}', *(number(row['metrics'].get(name)) for name in names)]
        for i, evaluations in rows.items()
        for row in evaluations
    ]
    whole = table(['run', 'step', *map(escape, names)], lines, 'scores')
    return f'<details><summary>all {len(lines)} evaluations</summary>{whole}</details>'


def directions(protocol: Row) -> dict[str, str]:
    """Metric -> its better direction on the protocol's features, or '' if it has none."""
    return number_names.names(metric_table.METRICS, str(protocol.get('features', '')).rpartition(':')[2])


def best_of(values: Iterable[float | None], direction: str) -> float | None:
    """The best of the values; None if neither direction is better."""
    known = [value for value in values if value is not None]
    if not known or not direction:
        return None
    return min(known) if direction == LOWER else max(known)
