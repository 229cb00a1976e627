"""Evaluation while a run trains: a row of eval.jsonl each time, which step is the best, and when to stop for
want of a better.

What has been found before is read from eval.jsonl, and nothing else is remembered: a run that was killed and
goes on judges as one that was not.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gax import errors
from gax.core.types import TrainState
from gax.evals import registry, results
from gax.evals.defaults import eval_section
from gax.evals.evaluator import Evaluator, Setting
from gax.evals.results import Standing
from gax.training import evaluate as evaluation
from gax.training.checkpoints import Checkpoints
from gax.training.experiment import Experiment
from gax.training.workdir import ACCEPT

log = logging.getLogger('gax')


def setting_of(section: Any) -> Setting:
    """What the `eval` section of a config asks for.

    The seed is 0 whatever the run's: runs of other seeds stay comparable.
    """
    section = {**eval_section(), **section}
    chosen = {name: section[name] for name in ('features', 'num', 'reals')}
    return Setting(metrics=tuple(section['metrics']), **chosen)


class Selection:
    """Evaluates a run's states. Raises GaxError at once for metrics, features or a `best` that cannot be."""

    def __init__(self, built: Experiment, workdir: Path, like: Selection | None = None) -> None:
        """like: that of a run on the same data whose generator is made by the same program: it is not
        compiled again.
        """
        self.config, self.workdir = ConfigDict(eval_section() | built.config.eval.to_dict()), workdir
        self.evaluator: Evaluator
        self._measure: Callable[[TrainState], tuple[dict[str, float], int]]
        if like:
            self.evaluator, self._measure = like.evaluator, like._measure
        else:
            self.evaluator = evaluation.of_experiment(built, setting_of(self.config))
            self._measure = evaluation.of_generator(built, self.evaluator)
            for note in self.evaluator.notes:
                log.info('evaluation: %s', note)
        self.best, self.higher = '', False
        if self.config.best:
            self.best, self.higher = registry.direction(
                self.evaluator.metrics, self.evaluator.label, self.config.best
            )

    def evaluate(self, step: int, state: TrainState) -> dict[str, Any]:
        """The row of this step, appended to eval.jsonl. The state is looked at, not changed."""
        began = time.perf_counter()
        row = self.evaluator.row(step, *self._measure(state), began, 'training')
        try:
            results.append(self.workdir, row)
        except errors.GaxError as error:
            raise errors.GaxError(f'{self.said(row)}; not kept: {error}') from error
        return row

    def said(self, row: dict[str, Any]) -> str:
        """A line for the log: 'step 500: frechet_mnist 12.3 (real 0.5)'."""
        floor = {name: f' (real {value:.4g})' for name, value in row['floor'].items()}
        numbers = (f'{name} {value:.4g}{floor.get(name, "")}' for name, value in row['metrics'].items())
        return f'step {row["step"]}: {", ".join(numbers)}' + ', the best' * self.is_best(row['step'])

    def rows(self, last: int) -> list[dict[str, Any]]:
        """What training found by this protocol up to step `last`, by step."""
        wanted = self.evaluator.protocol().to_dict()
        found = {
            row['step']: row
            for row in results.read_rows(self.workdir)
            if row.get('by') == 'training' and row['protocol'] == wanted and row['step'] <= last
        }
        return [found[step] for step in sorted(found)]

    def refuse_other_features(self, last: int, accept: bool) -> None:
        """Raises GaxError where the features' name stands for others than it did up to step `last`, unless
        that is accepted.

        Their evaluations could not be compared: the best and the patience would silently begin anew.
        """
        wanted = self.evaluator.protocol()
        rows = [r for r in results.read_rows(self.workdir) if r.get('by') == 'training' and r['step'] <= last]
        before = rows[-1]['protocol'] if rows else {}
        # A name that is given may be changed for another one; what suits the data is to stay what it was.
        meant = self.config.features and before.get('features') != wanted.features
        there, here = ((p.get('features'), p.get('checksum')) for p in (before, wanted.to_dict()))
        if not (there[0] and here[0]) or meant or there == here:  # '' where the metrics take no features
            return
        told = (
            f'{self.workdir} was judged by other features before: {" ".join(map(str, there))} there, '
            f'{" ".join(map(str, here))} now'
        )
        if not accept:
            raise errors.GaxError(
                f'{told}; put the weights or the function of before back, choose others by --config.eval.features, or say '
                f'that it is meant: {ACCEPT}'
            )
        log.warning('%s; which step is the best is judged anew', told)

    def standing(self, last: int) -> Standing:
        return results.standing(self.rows(last), self.best, self.higher, self.config.every)

    def is_best(self, step: int) -> bool:
        """Whether the evaluation of `step` is the best so far."""
        return bool(self.best) and self.standing(step).step == step

    def mark(self, checkpoints: Checkpoints, last: int) -> None:
        """Marks the best of the evaluations up to `last`, if its checkpoint is there (a process may have
        died in between).
        """
        best = self.standing(last) if self.best else None
        if best and best.step in checkpoints.steps() and best.step != checkpoints.best():
            checkpoints.mark_best(best.step, self.best, best.value)

    def why_stop(self, step: int) -> str:
        """Why training ends at `step` for good; '' where it goes on."""
        if not self.config.patience or not self.best:
            return ''
        best = self.standing(step)
        if best.since < self.config.patience:
            return ''
        return (
            f'stopped early at step {step}: {self.best} was {best.value:.5g} at step {best.step}, and no better in '
            f'{best.since} evaluations since (--config.eval.patience={self.config.patience}; 0 goes on)'
        )

    def curves(self, last: int) -> list[dict[str, float]]:
        """The numbers by step, as rows of metrics, with names eval/NAME."""
        return [{'step': row['step'], **on_board(row)} for row in self.rows(last)]


def on_board(row: dict[str, Any]) -> dict[str, float]:
    """The numbers of a row as TensorBoard and the curves call them."""
    return {f'eval/{name}': value for name, value in row['metrics'].items()}


def of_run(built: Experiment, workdir: Path) -> Selection | None:
    """None where the config asks for no evaluation."""
    return Selection(built, workdir) if built.config.eval.every else None
