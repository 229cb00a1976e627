"""Evaluation during training: rows of eval.jsonl, the best step, and early stopping.

Earlier evaluations are read from eval.jsonl, and nothing else is kept: a run that was killed and resumed
selects as one that was not.
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
from gax.evals import number_names, results
from gax.evals.defaults import eval_section
from gax.evals.evaluator import Evaluator, Setting
from gax.evals.results import Standing
from gax.training import evaluators
from gax.training.checkpoints import Checkpoints
from gax.training.experiment import Experiment
from gax.training.workdir import ACCEPT

log = logging.getLogger('gax')


def setting_of(section: Any) -> Setting:
    """The evaluation that the `eval` section of a config asks for.

    The seed is 0 whatever the run's, so that runs with other seeds stay comparable.
    """
    section = {**eval_section(), **section}
    chosen = {name: section[name] for name in ('features', 'num', 'reals', 'standing')}
    return Setting(metrics=tuple(section['metrics']), **chosen)


class Selection:
    """Evaluates a run's states, selects the best, and decides on early stopping.

    Attributes:
      config: The `eval` section.
      evaluator: Computes the metrics.
      best: The full name of the metric that selects, or ''.
      higher: Whether a higher value of it is better.
    """

    def __init__(self, built: Experiment, workdir: Path, like: Selection | None = None) -> None:
        """Prepares the evaluation.

        Args:
          built: The experiment.
          workdir: The folder of the run.
          like: The selection of a run on the same data whose generator is the same program, which is then not
            compiled again.

        Raises:
          GaxError: The metrics, the features or `eval.best` cannot be used.
        """
        self.config, self.workdir = ConfigDict(eval_section() | built.config.eval.to_dict()), workdir
        self.evaluator: Evaluator
        self._measure: Callable[[TrainState], tuple[dict[str, float], int]]
        if like:
            self.evaluator, self._measure = like.evaluator, like._measure
        else:
            judged = evaluators.with_split(built, self.config.split, 'this run', '--config.eval.split')
            self.evaluator = evaluators.of_experiment(judged, setting_of(self.config))
            self._measure = evaluators.of_generator(judged, self.evaluator)
            for note in self.evaluator.notes:
                log.info('evaluation: %s', note)
        self.best, self.higher = '', False
        if self.config.best:
            self.best, self.higher = number_names.direction(
                self.evaluator.metrics, self.evaluator.label, self.config.best
            )

    def evaluate(self, step: int, state: TrainState) -> dict[str, Any]:
        """Evaluates a state, without changing it, and appends the row to eval.jsonl.

        Returns:
          The row.

        Raises:
          GaxError: The row cannot be written.
        """
        began = time.perf_counter()
        row = self.evaluator.row(step, *self._measure(state), began, 'training')
        try:
            results.append(self.workdir, row)
        except errors.GaxError as error:
            raise errors.GaxError(f'{self.log_line(row)}; not kept: {error}') from error
        return row

    def log_line(self, row: dict[str, Any]) -> str:
        """The row as a line of the log: 'step 500: frechet_mnist 12.3 (real 0.5)'."""
        floor = {name: f' (real {value:.4g})' for name, value in row['floor'].items()}
        numbers = (f'{name} {value:.4g}{floor.get(name, "")}' for name, value in row['metrics'].items())
        return f'step {row["step"]}: {", ".join(numbers)}' + ', the best' * self.is_best(row['step'])

    def rows(self, last: int) -> list[dict[str, Any]]:
        """The rows of this protocol that training wrote up to step `last`, by step."""
        wanted = self.evaluator.protocol().to_dict()
        by_step = {
            row['step']: row
            for row in results.read_rows(self.workdir)
            if row.get('by') == 'training' and row['protocol'] == wanted and row['step'] <= last
        }
        return [by_step[step] for step in sorted(by_step)]

    def refuse_other_features(self, last: int, accept: bool) -> None:
        """Checks that the name of the features stands for the same features as before.

        Otherwise earlier evaluations could not be compared with later ones, and selection would silently
        begin anew.

        Args:
          last: Rows up to this step count.
          accept: Whether other features are accepted, with a warning.

        Raises:
          GaxError: The features differ and are not accepted.
        """
        wanted = self.evaluator.protocol()
        rows = [r for r in results.read_rows(self.workdir) if r.get('by') == 'training' and r['step'] <= last]
        before = rows[-1]['protocol'] if rows else {}
        # The config may name other features than before; the default for the data must stay the same.
        renamed = self.config.features and before.get('features') != wanted.features
        there, here = ((p.get('features'), p.get('checksum')) for p in (before, wanted.to_dict()))
        if not (there[0] and here[0]) or renamed or there == here:  # '' where the metrics take no features
            return
        difference = (
            f'{self.workdir} was judged by other features before: {" ".join(map(str, there))} there, '
            f'{" ".join(map(str, here))} now'
        )
        if not accept:
            raise errors.GaxError(
                f'{difference}; put the weights or the function of before back, choose others by '
                f'--config.eval.features, or say that it is meant: {ACCEPT}'
            )
        log.warning('%s; which step is the best is judged anew', difference)

    def standing(self, last: int) -> Standing:
        """The best evaluation up to step `last`, and the number of evaluations after it."""
        return results.standing(self.rows(last), self.best, self.higher, self.config.every)

    def is_best(self, step: int) -> bool:
        """Whether the evaluation of `step` is the best so far."""
        return bool(self.best) and self.standing(step).step == step

    def mark(self, checkpoints: Checkpoints, last: int) -> None:
        """Marks the checkpoint of the best evaluation up to `last`.

        Does nothing if the checkpoint is missing, as the process may have been killed before it was saved.
        """
        best = self.standing(last) if self.best else None
        if best and best.step in checkpoints.steps() and best.step != checkpoints.best():
            checkpoints.mark_best(best.step, self.best, best.value)

    def why_stop(self, step: int) -> str:
        """Why training ends early at `step`, or '' if it continues."""
        if not self.config.patience or not self.best:
            return ''
        best = self.standing(step)
        if best.since < self.config.patience:
            return ''
        return (
            f'stopped early at step {step}: {self.best} was {best.value:.5g} at step {best.step}, and no '
            f'better in {best.since} evaluations since (--config.eval.patience={self.config.patience}; 0 '
            'goes on)'
        )

    def curves(self, last: int) -> list[dict[str, float]]:
        """The metrics by step, like rows of metrics.jsonl, with names eval/NAME."""
        return [{'step': row['step'], **on_board(row)} for row in self.rows(last)]


def on_board(row: dict[str, Any]) -> dict[str, float]:
    """The metrics of a row by their names in TensorBoard and in the curves."""
    return {f'eval/{name}': value for name, value in row['metrics'].items()}


def of_run(built: Experiment, workdir: Path) -> Selection | None:
    """The selection of a run, or None if its config asks for no evaluation."""
    return Selection(built, workdir) if built.config.eval.every else None
