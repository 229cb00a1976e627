"""Evaluates runs and sets of samples: which steps, what is recorded, and the table of results."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from gax import data, errors
from gax.config import choices
from gax.config import defaults as configs
from gax.core.types import TrainState
from gax.data import splits
from gax.data.source import targeted
from gax.distributed import sharding
from gax.evals import collect, external_samples, results
from gax.evals.evaluator import Evaluator, Setting, told
from gax.evals.protocol import differ, refuse_other
from gax.evals.reference import reference
from gax.training import experiment, real_examples, standing_statistics, trained_run, translations
from gax.training.checkpoints import Checkpoints, said
from gax.training.experiment import Experiment
from gax.training.workdir import read_config

INPUT = (
    'input: the inputs in place of the fakes (another size resized bicubically, one channel repeated, a hole '
    'filled with the mean of the known pixels)'
)


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


def of_experiment(built: Experiment, setting: Setting, direction: str = '') -> Evaluator:
    """An evaluator against the data of an experiment, without random flips and crops.

    Arrays that are on the devices already are used again where there is nothing random.

    Args:
      built: The experiment.
      setting: The setting of the evaluation.
      direction: 'ab' or 'ba' of a game that translates both ways; '' for its first direction.

    Returns:
      The evaluator.
    """
    task = translations.task_of(built, direction)
    if task:
        ref = reference(
            targeted(task.source, task.ways[0].target), built.config.data, built.mesh, task.arrays
        )
        return Evaluator(ref, setting, built.mesh, translations.pairs_of(task, built.config))
    source, arrays = translations.plain(built)
    return Evaluator(reference(source, built.config.data, built.mesh, arrays), setting, built.mesh)


def of_generator(
    built: Experiment, evaluator: Evaluator, direction: str = ''
) -> Callable[[TrainState], tuple[dict[str, float], int]]:
    """The function that evaluates the averaged generator. It is compiled once, and donates nothing.

    Args:
      built: The experiment.
      evaluator: The evaluator.
      direction: As in `of_experiment`.

    Returns:
      state -> ({metric: value}, how many fakes).

    Raises:
      GaxError: A metric needs labels, and the game is not conditioned on them.
    """
    if task := translations.task_of(built, direction):
        if evaluator.setting.standing:
            raise errors.GaxError(
                f'standing={evaluator.setting.standing}: standing statistics are of fakes from latents, and '
                f'{built.config.gan} makes images from images'
            )
        return translations.measurer(task, evaluator)
    make, num, seed = (
        collect.generator(built.game, built.mesh, built.source.spec),
        evaluator.setting.num,
        evaluator.setting.seed,
    )
    conditional = takes_labels(built)
    if 'labels' in evaluator.needs and not conditional:
        raise errors.GaxError(
            f'accuracy is of fakes that were made for a class, and {built.config.gan} is not conditional here'
        )

    def condition_batch(num: int = num) -> Mapping[str, np.ndarray]:
        """Labels in the proportions of the reals; other conditions, no images, are of real examples."""
        if set(built.game.conditions) <= {'label'}:
            labels = evaluator.labels(num) if conditional else None
            return {} if labels is None else {'label': labels}
        return jax.tree.map(np.asarray, real_examples.conditions(built, num))

    batches = evaluator.setting.standing or 0
    stand = standing_statistics.compiled(built, batches, seed) if batches else None

    def measure(state: TrainState) -> tuple[dict[str, float], int]:
        """Measures the fakes of a state."""
        if stand:
            state = stand(state, condition_batch(batches * built.config.batch_size))
        chunks = make(state, condition_batch(), num, evaluator.batch, seed)
        return evaluator.measure(told(chunks, f'{num} fakes', num))

    return measure


def takes_labels(experiment: Experiment) -> bool:
    """Whether the game's fakes are conditioned on labels."""
    return bool(experiment.source.spec.num_classes) and 'label' in experiment.game.conditions


def with_split(built: Experiment, split: str, run: str, flag: str = '--split') -> Experiment:
    """The experiment with another split of its data, to evaluate on.

    Args:
      built: The experiment.
      split: The name of the split; '' returns `built`.
      run: The name of the run, for messages.
      flag: What asked for the split, for messages.

    Returns:
      The experiment.

    Raises:
      GaxError: The run was trained on all examples.
    """
    if not split:
        return built
    config = built.config.copy_and_resolve_references()
    with config.unlocked():
        config.data = splits.held_out(config.data, split, built.source.split, run, flag)
    source = data.load(config)
    arrays = sharding.put(source.arrays, sharding.replicated(built.mesh))
    return built._replace(config=config, source=source, arrays=built.arrays._replace(data=arrays))


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
      direction: As in `of_experiment`.

    Returns:
      The results.

    Raises:
      GaxError: There is no such step, or the other result has another protocol. Nothing has been computed
        then.
    """
    built = build(workdir, name)
    checkpoints = Checkpoints(workdir / 'checkpoints', write=False)
    steps = chosen(checkpoints, workdir, which)
    judged = with_split(built, split, str(workdir))
    if setting.standing is None:
        setting = setting._replace(standing=built.config.eval.get('standing', 0))
    evaluator = of_experiment(judged, setting, direction)
    others = [comparable(against, evaluator)] if against else []
    measure, like = of_generator(judged, evaluator, direction), experiment.shapes(built)
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
                f'--config.eval.best=METRIC; there are those of {said(steps)}'
            )
        return [best]
    if which in ('all', 'newest'):
        return steps if which == 'all' else steps[-1:]
    if not which.isdecimal():
        raise errors.GaxError(f'--step={which}: give a step, all, best or newest')
    if int(which) not in steps:
        raise errors.GaxError(
            f'{workdir} has no checkpoint of step {which}; there are those of {said(steps)}'
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
    rows, ours = results.read_results(workdir), evaluator.protocol(fakes).to_dict()
    if not rows:
        raise errors.GaxError(f'{workdir} has no results yet (no {results.FILE}): evaluate it first')
    same = [row for row in rows if not differ(ours, row['protocol'])]
    if not same:
        refuse_other(ours, rows[-1]['protocol'], 'these results', f'those of {workdir}')
    return same[-1]


def of_samples(
    path: Path, section: Any, setting: Setting, workdir: Path | None = None, against: Path | None = None
) -> Evaluated:
    """Evaluates a set of samples against data.

    The row of results is appended to the eval.jsonl of `workdir`, with the path as its "samples" and no step.

    Args:
      path: The samples: a folder, or an .npz.
      section: The data, a section like config.data.
      setting: The setting; `num` samples are chosen at random, or all are taken.
      workdir: Where to append the results; None: nowhere.
      against: The workdir of a run, with whose last result to compare.

    Returns:
      The results.

    Raises:
      GaxError: The samples or the data cannot be read, or the other result has another protocol.
    """
    plain = configs.base('vanilla')
    with plain.unlocked():
        plain.data = section
        data.as_they_are(plain.data)
    configs.check(plain)
    mesh = sharding.mesh()
    ref = reference(data.load(plain), plain.data, mesh)
    source = external_samples.open_samples(path, ref, plain.data)
    num = min(setting.num or source.spec.size, source.spec.size)
    evaluator = Evaluator(ref, setting._replace(num=num), mesh)
    others = [comparable(against, evaluator)] if against else []
    began = time.perf_counter()
    chunks = external_samples.chunks(source, num, evaluator.batch, mesh)
    measured = evaluator.measure(told(chunks, f'{num} samples', num))
    row = {**evaluator.row(None, *measured, began, 'evaluate'), 'samples': str(path)}
    kept = workdir is not None and keep(workdir, row, evaluator)
    return Evaluated(evaluator, [row], others, kept)


def table(
    evaluator: Evaluator, rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The results as text, a line per metric and a column per step.

    Args:
      evaluator: The evaluator.
      rows: The results.
      others: Results to compare with.

    Returns:
      The table, with the score of real data and the direction that is better, and the legend.
    """
    heads = ['samples' if row['step'] is None else f'step {row["step"]}' for row in rows]
    baseline = rows[0].get('baseline', {})
    heads += [f'against {row["step"]}' for row in others]
    heads += [*(['input'] if baseline else []), 'real', 'better']
    columns = [*rows, *others]
    lines = [['metric', *heads]]
    for name, better in evaluator.names.items():
        numbers = [row['metrics'].get(name) for row in columns]
        numbers += [*([baseline.get(name)] if baseline else []), evaluator.floor.get(name)]
        lines.append([name, *('' if n is None else f'{n:.5g}' for n in numbers), better or '-'])
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    text = [
        '  '.join(
            [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    ]
    return '\n'.join([text[0], '-' * len(text[0]), *text[1:], '', legend(evaluator, rows)])


def legend(evaluator: Evaluator, rows: Sequence[Mapping[str, Any]]) -> str:
    """Lines that describe the protocol, the reals of the column `real`, and what is left out."""
    protocol, (against, fakes) = rows[0]['protocol'], evaluator.floor_counts
    features = f'{protocol["features"]} {protocol["checksum"]}'.strip() or 'none'
    lines = [
        f'{protocol["data"]} ({protocol["image"]}, {protocol["split"]}), features {features}, resizer '
        f'{protocol["resizer"]}, {protocol["fake"]} fakes against {protocol["real"]} reals, seed '
        f'{protocol["seed"]}'
    ]
    if protocol['fake'] < protocol['real'] and set(evaluator.metrics) != {'frechet'}:
        lines[0] += f' (metrics that hold examples: against {protocol["fake"]} of them)'
    if protocol.get('pairs'):
        lines.append(protocol['pairs'])
    if rows[0].get('baseline'):
        lines.append(INPUT)
    if evaluator.floor:
        lines.append(f'real: {fakes} reals in place of the fakes against {against} others')
    if evaluator.floor and fakes < protocol['fake']:
        lines[-1] += (
            '; not the numbers of the result: distances are biased by them (for equal ones --num at most '
            'half the set)'
        )
    return '\n'.join([*lines, *(f'note: {note}' for note in evaluator.notes)])


def data_of(name: str, config: Any) -> Any:
    """The data with which samples are compared.

    Args:
      name: The name of the data, as in config.data.name; '': that of the config.
      config: The config of a run, or None.

    Returns:
      A section like config.data.

    Raises:
      GaxError: There is neither a name nor a config, or the name is unknown.
    """
    if not name and config is None:
        raise errors.GaxError(
            'say what the samples are held against: --data=embedded:mnist, or the --workdir of a run'
        )
    config = config or configs.base('vanilla')
    if name:
        choices.set(config, 'data.name', name)  # without the fields that are of another kind of data
    return config.data
