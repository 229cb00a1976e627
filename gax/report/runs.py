"""What a workdir says of its run, for a page about it.

Whatever is missing is empty, not an error; only a config there must be.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from gax import errors
from gax.config import fields
from gax.evals import results
from gax.training.diagnostics import Watch
from gax.training.workdir import read_config, read_metrics

Row = dict[str, Any]


class Best(NamedTuple):
    """The checkpoint that training kept as its best, by `metric`."""

    step: int
    metric: str
    value: float


class Run(NamedTuple):
    """config: flat, {'d.optimizer.name': 'adam'}. rows: of metrics.jsonl. results: of eval.jsonl, newest of a
    kind, by step.
    pictures: step -> file. checkpoints: their steps.
    """

    name: str
    workdir: Path
    config: Row
    rows: list[Row]
    results: list[Row]
    pictures: dict[int, Path]
    checkpoints: list[int]
    best: Best | None

    @property
    def done(self) -> int:
        """Steps that are known to be done."""
        logged = [int(row['step']) for row in self.rows[-1:]]
        return max([0, *logged, *self.checkpoints])

    def state(self) -> str:
        """'done', or how far it got, in words."""
        steps = self.config.get('steps', 0)
        if self.done >= steps > 0:
            return 'done'
        if self.stopped_early():
            return f'stopped early at step {self.done:,} of {steps:,}'
        saved = f'newest checkpoint {self.checkpoints[-1]:,}' if self.checkpoints else 'no checkpoint'
        return f'at step {self.done:,} of {steps:,} ({saved})' if self.done else f'not begun ({saved})'

    def stopped_early(self) -> bool:
        """Whether as many evaluations as the config has patience for came after the best, none of them
        better.
        """
        patience, best = self.config.get('eval.patience', 0), self.best
        if not patience or not best:
            return False
        later = {
            row['step']
            for row in self.results
            if row.get('by') == 'training' and best.metric in row['metrics']
        }
        return sum(step > best.step for step in later) >= patience

    def speed(self, name: str) -> float | None:
        """The median of 'steps_per_sec' or 'images_per_sec' over the log lines."""
        found = [row[name] for row in self.rows if name in row]
        return median(found) if found else None

    def warnings(self) -> list[str]:
        """What training warned of, or would warn of today."""
        watch = Watch()
        return [warning for row in self.rows for warning in watch(row)]


def read(workdirs: Sequence[Path]) -> list[Run]:
    """The runs, in the order given.

    Raises GaxError for a folder that holds none, and for one that is given twice.
    """
    known: dict[Path, Path] = {}
    for workdir in workdirs:
        if other := known.get(workdir.resolve()):
            raise errors.GaxError(f'--workdir={workdir} is given twice (as {other}, too)')
        known[workdir.resolve()] = workdir
    return [read_run(workdir, name) for workdir, name in zip(workdirs, names(workdirs), strict=True)]


def read_run(workdir: Path, name: str) -> Run:
    config = fields.flat(read_config(workdir / 'config.json'))
    pictures = {int(p.stem): p for p in sorted((workdir / 'samples').glob('*.png')) if p.stem.isdigit()}
    folder = workdir / 'checkpoints'
    saved = sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit()) if folder.is_dir() else []
    found = results.read_results(workdir)
    return Run(name, workdir, config, read_metrics(workdir), found, pictures, saved, read_best(folder))


def read_best(folder: Path) -> Best | None:
    """What `Checkpoints.mark_best` wrote, if it did."""
    try:
        content = json.loads((folder / 'best.json').read_text(encoding='utf-8'))
        return Best(int(content['step']), str(content['metric']), float(content['value']))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def names(workdirs: Sequence[Path]) -> list[str]:
    """The last parts of each path, as many of them as tell all apart."""
    whole = [path.resolve().parts for path in workdirs]
    for count in range(1, max(map(len, whole))):
        short = ['/'.join(parts[-count:]) for parts in whole]
        if len(set(short)) == len(short):
            return short
    return [str(path.resolve()) for path in workdirs]
