"""The tables of docs/results/speed.md, made from the measurements: python benchmarks/table.py [--write]

Reads results/suite_*.json, as `compare.py` writes them, and results/scaling.json. Prints the text; with
--write it replaces what docs/results/speed.md has between the lines `<!-- benchmarks -->` and
`<!-- /benchmarks -->`.
"""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from absl import app, flags

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / 'peers'))
import scaling
from report import best_of

PAGE = Path(__file__).parents[1] / 'docs' / 'results' / 'speed.md'
RESULTS = Path(__file__).parent / 'results'
BEGIN, END = '<!-- benchmarks -->', '<!-- /benchmarks -->'
# Columns of steps/sec: what they are called, and the implementations of which the fastest stands there.
COLUMNS = {
    'PyTorch eager': ('torch', 'torch_channels_last'),
    'tuned': ('torch_tuned', 'torch_tuned_channels_last'),
    'compiled': tuple(
        f'torch{tuned}_compiled{last}' for tuned in ('', '_tuned') for last in ('', '_channels_last')
    ),
    'AMP': tuple(
        f'torch{tuned}_amp{rest}'
        for tuned in ('', '_tuned')
        for rest in ('', '_compiled', '_channels_last', '_compiled_channels_last')
    ),
    'naive Flax': ('naive_flax',),
    'Artifex': ('artifex',),
}

_WRITE = flags.DEFINE_bool('write', False, 'Rewrite docs/results/speed.md in place.')


def number(value: float | None, digits: int = 3) -> str:
    """Three digits that count, without an exponent: 0.00412, 1.25, 1250."""
    if value is None:
        return ''
    text = f'{value:#.{digits}g}'
    return f'{float(text):.0f}' if 'e' in text or text.endswith('.') else text


def fastest(records: list[dict[str, Any]], names: tuple[str, ...]) -> float | None:
    measured = [
        record['steps_per_sec']['median']
        for record in records
        if record['implementation'] in names and 'steps_per_sec' in record
    ]
    return max(measured, default=None)


def speed_row(records: list[dict[str, Any]], columns: list[str]) -> str:
    """One model at one batch size."""
    of_gax = next(record for record in records if record['implementation'] == 'gax')
    best = best_of('torch', records)
    ratio = best['gax_ratio'] if best else None
    cells = [f'`{of_gax["model"]}`', of_gax['batch_size'], number(of_gax['steps_per_sec']['median'])]
    cells += [number(fastest(records, COLUMNS[column])) for column in columns]
    cells.append(
        f'{number(ratio["median"])} ({number(ratio["q1"])} to {number(ratio["q3"])})' if ratio else ''
    )
    return f'| {" | ".join(map(str, cells))} |'


def cost_row(records: list[dict[str, Any]]) -> str:
    of_gax = next(record for record in records if record['implementation'] == 'gax')
    best = best_of('torch', records) or {}

    def pair(key: str, scale: float) -> str:
        values = [number(record[key] / scale) for record in (of_gax, best) if key in record]
        return ' / '.join(values)

    flops, share = of_gax.get('flops_per_step'), of_gax.get('share_of_peak')
    first = pair('first_step_seconds', 1.0) if of_gax.get('first_step_alone') else ''
    cells = [
        *(f'`{of_gax["model"]}`', of_gax['batch_size'], number(of_gax['images_per_sec'])),
        *(first, pair('memory_bytes', 2**20)),
        *(number(flops and flops / 1e9), number(share and 100 * share)),
    ]
    return f'| {" | ".join(map(str, cells))} |'


def grouped(report: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The records of each model and batch size that gax was measured on, in the order of measurement."""
    rows = [list(r) for _, r in groupby(report['results'], lambda r: (r['model'], r['batch_size']))]
    return [row for row in rows if any(r['implementation'] == 'gax' and 'windows' in r for r in row)]


def versions_of(report: dict[str, Any], records: list[dict[str, Any]]) -> dict[str, str]:
    """Of JAX as gax imported it and of PyTorch as its peers did, where the workers said so."""
    used = dict(report['versions'])
    for record in records:
        package = 'jax' if record['implementation'] == 'gax' else 'torch'
        if package in record.get('versions', {}):
            used[package] = record['versions'][package]
    return used


def heading(report: dict[str, Any], records: list[dict[str, Any]]) -> str:
    """Where, with what and when it was measured, and what the models are."""
    config, versions = report['config'], versions_of(report, records)
    of_gax = next(record for record in records if record['implementation'] == 'gax')
    if config['device'] == 'gpu':
        precision = config.get('precision') or 'bfloat16'
        where = f"{of_gax['device_kind']}, gax's networks in {precision}"
    else:
        where = f'{config["threads"] or report["cpus"]} CPU cores ({report["device"]}), float32'
    against = f' against PyTorch {versions["torch"]}' if 'torch' in versions else ''
    descriptions = dict.fromkeys(f'`{record["model"]}` {record["said"]}' for record in records)
    return f'{where}, JAX {versions["jax"]}{against}, {report["date"][:10]}. {"; ".join(descriptions)}.'


def remarks(report: dict[str, Any], columns: list[str], rows: list[list[dict[str, Any]]]) -> list[str]:
    """What must be known of the figures: lines under the tables."""
    sentences = []
    alone = [name for name in ('naive Flax', 'Artifex') if name in columns]
    if alone:
        sentences.append(f'{" and ".join(alone)}: written for one model{" each" * (len(alone) > 1)}.')
    if not all(record.get('first_step_alone', True) for row in rows for record in row):
        sentences.append('First steps were not taken alone, and are left out.')
    sentences += [report['note']] if 'note' in report else []
    return ['', ' '.join(sentences)] if sentences else []


def of_report(report: dict[str, Any]) -> str:
    """Both tables of one file of results, with where and when they were measured."""
    rows = grouped(report)
    flat = [record for row in rows for record in row]
    columns = [name for name, members in COLUMNS.items() if fastest(flat, members) is not None]
    of_gax = next(record for record in flat if record['implementation'] == 'gax')
    lines = [
        heading(report, flat),
        '',
        f"| steps/sec | batch | gax | {' | '.join(columns)} | gax / PyTorch's best (quartiles) |",
        '|' + '---|' * (len(columns) + 4),
        *(speed_row(row, columns) for row in rows),
        '',
        "| gax / PyTorch's best | batch | images/sec, gax | s to first step | peak memory, MiB "
        f'| GFLOP a step | % of peak ({of_gax["peak_is"]}) |',
        '|' + '---|' * 7,
        *(cost_row(row) for row in rows),
        *remarks(report, columns, rows),
    ]
    return '\n'.join(lines)


def of_scaling(report: dict[str, Any]) -> str:
    rows = (scaling.row(name, counts) for name, counts in report['programs'].items())
    return '\n'.join([scaling.HEADER, *rows])


def text(folder: Path = RESULTS) -> str:
    """All that stands between the marks."""
    parts = [of_report(json.loads(path.read_text())) for path in sorted(folder.glob('suite_*.json'))]
    if (folder / 'scaling.json').exists():
        parts.append(of_scaling(json.loads((folder / 'scaling.json').read_text())))
    return '\n\n'.join(parts)


def replaced(page: str, new: str) -> str:
    """The page with `new` between the marks. Raises ValueError unless each mark is there once, in order."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f'{PAGE.name} must have a line {BEGIN} and, below it, a line {END}, once each')
    before, after = page[: page.index(BEGIN)], page[page.index(END) :]
    return f'{before}{BEGIN}\n\n{new}\n\n{after}'


def main(argv: list[str]) -> None:
    del argv
    if not _WRITE.value:
        print(text())
        return
    try:
        new = replaced(PAGE.read_text(), text())
    except ValueError as error:
        sys.exit(f'table: {error}')
    part = PAGE.with_name(f'{PAGE.name}.part')  # renamed when it is whole
    part.write_text(new)
    part.replace(PAGE)


if __name__ == '__main__':
    app.run(main)
