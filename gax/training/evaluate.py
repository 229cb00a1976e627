"""Evaluates runs: which steps, and what is recorded."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import jax

from gax import errors
from gax.distributed import sharding
from gax.evals import results
from gax.evals.evaluator import Evaluator, Setting
from gax.evals.protocol import differ, refuse_other
from gax.training import evaluators, experiment, trained_run
from gax.training.checkpoints import Checkpoints, step_list
from gax.training.experiment import Experiment
from gax.training.workdir import read_config


class Evaluated(NamedTuple):
    """The results of an evaluation.

    Attributes:
      evaluator: The evaluator.
      rows: The results, as eval.jsonl has them.
      others: The results with which they are compared.
      kept: Whether `rows` have been appended to the workdir.
    """

    evaluator: Evaluator
    rows: list[dict[str, Any]]
    others: list[dict[str, Any]]
    kept: bool


def of_run(
    workdir: Path,
    which: str,
    setting: Setting,
    against: Path | None = None,
    name: str = '',
    split: str = '',
    direction: str = '',
) -> Evaluated:
    """Evaluates checkpoints of a run, and appends a row per step to its eval.jsonl.

    A row that cannot be appended, and one step of several that cannot be evaluated, become notes of the
    evaluator.

    Args:
      workdir: The workdir.
      which: 'newest', 'best', 'all' or a step.
      setting: The setting of the evaluation.
      against: The workdir of another run, with whose last result to compare.
      name: Where the training data is now; '': where the config says.
      split: The split to evaluate on; '': the examples that the run was trained on.
      direction: As in `evaluators.of_experiment`.

    Returns:
      The results.

    Raises:
      GaxError: There is no such step, or the other result has another protocol. Nothing has been computed
        then.
    """
    built = build(workdir, name)
    checkpoints = Checkpoints(workdir / 'checkpoints', write=False)
    steps = chosen(checkpoints, workdir, which)
    judged = evaluators.with_split(built, split, str(workdir))
    if setting.standing is None:
        setting = setting._replace(standing=built.config.eval.get('standing', 0))
    evaluator = evaluators.of_experiment(judged, setting, direction)
    others = [comparable(against, evaluator)] if against else []
    measure, like = evaluators.of_generator(judged, evaluator, direction), experiment.shapes(built)
    rows: list[dict[str, Any]] = []
    kept = True
    for step in steps:
        began = time.perf_counter()
        try:
            restored = checkpoints.restore(like, step)
            assert restored is not None
            state = jax.device_put(restored[1].state, sharding.replicated(built.mesh))
            row = evaluator.row(step, *measure(state), began, 'evaluate')
        except errors.GaxError as error:
            if not rows and step == steps[-1]:
                raise
            evaluator.notes.append(f'step {step}: {error}')
            continue
        kept = keep(workdir, row, evaluator) and kept
        rows.append(row)
    return Evaluated(evaluator, rows, others, kept)


def keep(workdir: Path, row: dict[str, Any], evaluator: Evaluator) -> bool:
    """Appends a row to the results of a workdir. If that fails, e.g. in a read-only workdir, a note says why.

    Args:
      workdir: The workdir.
      row: The row.
      evaluator: The evaluator, which gets the note.

    Returns:
      Whether the row has been appended.
    """
    try:
        results.append(workdir, row)
    except errors.GaxError as error:
        reason = f'not kept in {workdir / results.FILE}: {error}'
        evaluator.notes += [] if reason in evaluator.notes else [reason]
        return False
    return True


def build(workdir: Path, name: str = '') -> Experiment:
    """The experiment of a workdir, on as many devices as divide its batch.

    Args:
      workdir: The workdir.
      name: See `of_run`.

    Returns:
      The experiment.
    """
    config = read_config(workdir / 'config.json')
    count = max(n for n in range(1, len(jax.devices()) + 1) if config.batch_size % n == 0)
    return trained_run.with_data(workdir, config, name, sharding.mesh(jax.devices()[:count]))


def chosen(checkpoints: Checkpoints, workdir: Path, which: str) -> list[int]:
    """The steps that a word or a number means.

    Args:
      checkpoints: The checkpoints of the run.
      workdir: Its workdir, for messages.
      which: 'newest', 'best', 'all' or a step.

    Returns:
      The steps, at least one.

    Raises:
      GaxError: There is none.
    """
    steps = checkpoints.steps()
    if not steps:
        raise errors.GaxError(f'{workdir} has no checkpoint yet')
    if which == 'best':
        best = checkpoints.best()
        if best is None:
            raise errors.GaxError(
                f'no best checkpoint is kept in {workdir}: train with --config.eval.every and '
                f'--config.eval.best=METRIC; there are those of {step_list(steps)}'
            )
        return [best]
    if which in ('all', 'newest'):
        return steps if which == 'all' else steps[-1:]
    if not which.isdecimal():
        raise errors.GaxError(f'--step={which}: give a step, all, best or newest')
    if int(which) not in steps:
        raise errors.GaxError(
            f'{workdir} has no checkpoint of step {which}; there are those of {step_list(steps)}'
        )
    return [int(which)]


def comparable(workdir: Path, evaluator: Evaluator, fakes: int | None = None) -> dict[str, Any]:
    """The last result of a run that has the evaluator's protocol.

    Args:
      workdir: The workdir of the run.
      evaluator: The evaluator.
      fakes: How many fakes; by default as in the setting.

    Returns:
      The row.

    Raises:
      GaxError: There is none; the message says what differs.
    """
    rows, protocol = results.read_results(workdir), evaluator.protocol(fakes).to_dict()
    if not rows:
        raise errors.GaxError(f'{workdir} has no results yet (no {results.FILE}): evaluate it first')
    same = [row for row in rows if not differ(protocol, row['protocol'])]
    if not same:
        refuse_other(protocol, rows[-1]['protocol'], 'these results', f'those of {workdir}')
    return same[-1]
