"""Reads a workdir for a report. Missing files count as empty; only the config is required."""

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
    """The checkpoint that training marked as the best by `metric`."""

    step: int
    metric: str
    value: float


class Run(NamedTuple):
    """What a workdir holds.

    Attributes:
      name: The run's name on the page.
      workdir: Its folder.
      config: The flat config, {'d.optimizer.name': 'adam'}.
      rows: The rows of metrics.jsonl.
      results: The rows of eval.jsonl, the newest of each step and protocol, by step.
      pictures: Step -> file.
      checkpoints: Their steps.
      best: The best checkpoint, or None.
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
        """The number of steps that are known to be done."""
        logged = [int(row['step']) for row in self.rows[-1:]]
        return max([0, *logged, *self.checkpoints])

    def state(self) -> str:
        """'done', or in words how far the run has got."""
        steps = self.config.get('steps', 0)
        if self.done >= steps > 0:
            return 'done'
        if self.stopped_early():
            return f'stopped early at step {self.done:,} of {steps:,}'
        saved = f'newest checkpoint {self.checkpoints[-1]:,}' if self.checkpoints else 'no checkpoint'
        return f'at step {self.done:,} of {steps:,} ({saved})' if self.done else f'not begun ({saved})'

    def stopped_early(self) -> bool:
        """Whether `eval.patience` evaluations came after the best one."""
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
        """The median of 'steps_per_sec' or 'images_per_sec' over the log lines; None if there are none."""
        speeds = [row[name] for row in self.rows if name in row]
        return median(speeds) if speeds else None

    def warnings(self) -> list[str]:
        """The warnings of today's diagnostics for the log lines."""
        watch = Watch()
        return [warning for row in self.rows for warning in watch(row)]


def read(workdirs: Sequence[Path]) -> list[Run]:
    """Reads the runs, in the order of their folders.

    Raises:
      GaxError: A folder holds no run, or is given twice.
    """
    known: dict[Path, Path] = {}
    for workdir in workdirs:
        if other := known.get(workdir.resolve()):
            raise errors.GaxError(f'--workdir={workdir} is given twice (as {other}, too)')
        known[workdir.resolve()] = workdir
    return [read_run(workdir, name) for workdir, name in zip(workdirs, names(workdirs), strict=True)]


def read_run(workdir: Path, name: str) -> Run:
    """Reads one run."""
    config = fields.flat(read_config(workdir / 'config.json'))
    pictures = {int(p.stem): p for p in sorted((workdir / 'samples').glob('*.png')) if p.stem.isdigit()}
    folder = workdir / 'checkpoints'
    saved = sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit()) if folder.is_dir() else []
    evaluated = results.read_results(workdir)
    return Run(name, workdir, config, read_metrics(workdir), evaluated, pictures, saved, read_best(folder))


def read_best(folder: Path) -> Best | None:
    """What `Checkpoints.mark_best` wrote, or None."""
    try:
        content = json.loads((folder / 'best.json').read_text(encoding='utf-8'))
        return Best(int(content['step']), str(content['metric']), float(content['value']))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def names(workdirs: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that are distinct."""
    whole = [path.resolve().parts for path in workdirs]
    for count in range(1, max(map(len, whole))):
        short = ['/'.join(parts[-count:]) for parts in whole]
        if len(set(short)) == len(short):
            return short
    return [str(path.resolve()) for path in workdirs]
