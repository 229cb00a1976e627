"""eval.jsonl of a workdir: one line for each evaluation, with the protocol it was made by.

    {"step": 2000, "metrics": {"frechet_mnist": 12.3, ...}, "floor": {...}, "floor_counts": [5000, 5000],
     "protocol": {"features": "mnist", ...}, "by": "training", "seconds": 4.2, "time":
     "2026-11-24T02:00:00+00:00"}

`metrics` and `floor` have the same names: what was measured of the fakes, and the same of real examples in
their place. "by" is 'training' or 'evaluate'. Rows of samples that somebody else made have a "samples" (the
path) and no "step".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gax import errors, paths
from gax.evals.protocol import refuse_other

FILE = 'eval.jsonl'


def append(workdir: Path, row: Mapping[str, Any]) -> None:
    """Adds a line. Where a crash cut the last one short, the new one begins on a line of its own."""
    path = workdir / FILE
    with errors.plain_os_errors(workdir):
        cut = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b'\n')
        with open(path, 'a', encoding='utf-8') as file:
            file.write('\n' * bool(cut) + json.dumps(row) + '\n')


def read_rows(workdir: Path) -> list[dict[str, Any]]:
    """Every whole row, in the order they were written; of a file that is not there, none."""
    path, rows = workdir / FILE, []
    for line in path.read_text(encoding='utf-8', errors='replace').splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except ValueError:  # cut short by a crash
            continue
        if isinstance(row, dict) and isinstance(row.get('metrics'), dict) and 'protocol' in row:
            rows.append(row)
    return rows


def drop_after(workdir: Path, step: int, aside: Path) -> None:
    """Takes the results of steps that a run which goes on from `step` has not reached out of eval.jsonl.

    Those that training found come again; others (of a checkpoint that has been lost since) go into the file
    `aside`.
    """
    rows = read_rows(workdir)
    late = [row for row in rows if isinstance(row.get('step'), int) and row['step'] > step]
    if not late:
        return
    with errors.plain_os_errors(workdir):
        if others := [row for row in late if row.get('by') != 'training']:
            aside.parent.mkdir(exist_ok=True)
            with open(aside, 'a', encoding='utf-8') as file:
                file.writelines(json.dumps(row) + '\n' for row in others)
        paths.write_text(workdir / FILE, ''.join(json.dumps(row) + '\n' for row in rows if row not in late))


def read_results(workdir: Path) -> list[dict[str, Any]]:
    """The results of the run itself, by step: of rows of the same step and protocol the one written last."""
    latest = {
        (row['step'], json.dumps(row['protocol'], sort_keys=True)): row
        for row in read_rows(workdir)
        if isinstance(row.get('step'), int)
    }
    return sorted(latest.values(), key=lambda row: row['step'])


def refuse_other_protocols(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Raises GaxError, naming the fields that differ, unless all rows, given as (what, row), may be
    compared.
    """
    first: tuple[str, Mapping[str, Any]] | None = None
    for what, row in rows:
        first = first or (what, row)
        refuse_other(first[1]['protocol'], row['protocol'], first[0], what)


class Standing(NamedTuple):
    """How a run stands by one metric. step, value: the best evaluation (step -1: none yet). since:
    evaluations after it.
    """

    step: int
    value: float
    since: int


def standing(rows: Iterable[Mapping[str, Any]], metric: str, higher: bool, every: int) -> Standing:
    """The standing after evaluations of one protocol, in the order of their steps. Of equals the first is the
    best.

    Those at steps not divisible by `every` (the end of a run that then went on) count for nothing: a run that
    is resumed stands as one that was not.
    """
    best = Standing(-1, 0.0, 0)
    for row in rows:
        if row['step'] % every or metric not in row['metrics']:
            continue
        value = row['metrics'][metric]
        better = best.step < 0 or (value > best.value if higher else value < best.value)
        best = Standing(row['step'], value, 0) if better else best._replace(since=best.since + 1)
    return best
