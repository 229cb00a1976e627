"""eval.jsonl of a workdir: one line an evaluation, with its protocol.

    {"step": 2000, "metrics": {"frechet_mnist": 12.3, ...}, "floor": {...}, "floor_counts": [5000, 5000],
     "protocol": {"features": "mnist", ...}, "by": "training", "seconds": 4.2, "time":
     "2026-11-24T02:00:00+00:00"}

`metrics` and `floor` have the same names: the metrics of the fakes, and of real examples in place of the
fakes. Rows of games that make images from images also have a "baseline", the numbers of their inputs in place
of the fakes. "by" is 'training' or 'evaluate'. Rows of samples from elsewhere have a "samples" (their path)
and no "step".
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
    """Appends a row. If a crash cut the last line short, the row still begins on a new line."""
    path = workdir / FILE
    with errors.plain_os_errors(workdir):
        cut = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b'\n')
        with open(path, 'a', encoding='utf-8') as file:
            file.write('\n' * bool(cut) + json.dumps(row) + '\n')


def read_rows(workdir: Path) -> list[dict[str, Any]]:
    """Every complete row in the order of writing; none if there is no file."""
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
    """Removes the results of steps after `step` from eval.jsonl, for a run that resumes there.

    Rows of training will come again. Other rows (of a checkpoint that has been lost since) are appended to
    the file `aside`.
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
    """The results of the run by step; of rows with one step and protocol the last."""
    latest = {
        (row['step'], json.dumps(row['protocol'], sort_keys=True)): row
        for row in read_rows(workdir)
        if isinstance(row.get('step'), int)
    }
    return sorted(latest.values(), key=lambda row: row['step'])


def refuse_other_protocols(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Checks that all rows may be compared.

    Args:
      rows: (what the row is of, row).

    Raises:
      GaxError: Two protocols differ; the message names the fields.
    """
    first: tuple[str, Mapping[str, Any]] | None = None
    for what, row in rows:
        first = first or (what, row)
        refuse_other(first[1]['protocol'], row['protocol'], first[0], what)


class Standing(NamedTuple):
    """The best evaluation of a run by one metric.

    Attributes:
      step: Its step; -1 if there is no evaluation.
      value: The metric's value.
      since: The number of evaluations after it.
    """

    step: int
    value: float
    since: int


def standing(rows: Iterable[Mapping[str, Any]], metric: str, higher: bool, every: int) -> Standing:
    """The best evaluation; the first one among equals.

    Evaluations at steps not divisible by `every` (the end of a run that was later continued) are ignored, so
    that a resumed run has the standing of an uninterrupted one.

    Args:
      rows: Evaluations by one protocol, by step.
      metric: The metric's name.
      higher: Whether higher values are better.
      every: The interval of evaluations in steps.
    """
    best = Standing(-1, 0.0, 0)
    for row in rows:
        if row['step'] % every or metric not in row['metrics']:
            continue
        value = row['metrics'][metric]
        better = best.step < 0 or (value > best.value if higher else value < best.value)
        best = Standing(row['step'], value, 0) if better else best._replace(since=best.since + 1)
    return best
