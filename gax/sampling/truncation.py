"""Metrics against truncation: what a run gains in quality and loses in variety as its latents come nearer
the middle.

Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis", 2019, section 3.1, of z;
Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019, appendix B,
of w.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from gax import errors, paths
from gax.core import styles
from gax.core.types import Batch, Context, Game
from gax.distributed import sharding
from gax.evals.evaluator import Evaluator, Setting
from gax.sampling import latents, sampler
from gax.training import evaluate, evaluators, results_table, trained_run
from gax.training.experiment import Experiment

FILE = 'truncation.json'
SPACES = ('', 'z', 'w')


def curve(
    workdir: Path,
    which: str,
    setting: Setting,
    values: Sequence[float],
    space: str = '',
    data: str = '',
    split: str = '',
) -> tuple[Evaluator, list[dict[str, Any]]]:
    """Evaluates a checkpoint of a run at several truncations, and writes WORKDIR/truncation.json.

    The results are not those of the run as it was trained: they do not go to eval.jsonl. Each truncation is a
    program of its own.

    Args:
      workdir: The workdir.
      which: 'newest', 'best' or a step.
      setting: The setting of the evaluation.
      values: In z: the largest absolute value of a latent, from above 0; 0: no truncation. In w: psi, 1: no
        truncation.
      space: One of SPACES; '': w where the generator has a mapping network, else z.
      data: Where the training data is now; '': where the config says.
      split: The split to evaluate on; '': the examples that the run was trained on.

    Returns:
      (the evaluator, for each value a row {'truncation', 'space', 'step', 'metrics', 'protocol', 'seconds'}).

    Raises:
      GaxError: A value is out of range, or the generator has no such space. Nothing has been computed then.
    """
    built = evaluate.build(workdir, data)
    space = space_of(space, built)
    judged = evaluators.with_split(built, split, str(workdir))
    games = [at(judged, value, space) for value in values]
    evaluator = evaluators.of_experiment(judged, setting)
    state, step = trained_run.restore(built, workdir, which)
    state = jax.device_put(state, sharding.replicated(built.mesh))
    rows: list[dict[str, Any]] = []
    for value, game in zip(values, games, strict=True):
        began = time.perf_counter()
        measure = evaluators.of_generator(judged._replace(game=game), evaluator)
        row = evaluator.row(step, *measure(state), began, 'truncation')
        rows.append({'truncation': value, 'space': space, **row})
    with errors.plain_os_errors(workdir), paths.replacing(workdir / FILE) as temporary:
        temporary.write_text(json.dumps(rows, indent=1) + '\n', encoding='utf-8')
    return evaluator, rows


def space_of(name: str, built: Experiment) -> str:
    """The space that is truncated.

    Raises:
      GaxError: The name is unknown, or the generator has no mapping network.
    """
    errors.lookup('--truncation_space', name, dict.fromkeys(SPACES))
    if name == 'w' and built.game.styles is None:
        raise errors.GaxError(
            f'--truncation_space=w: {built.config.gan} has no mapping network; z is truncated'
        )
    return name or ('w' if built.game.styles is not None else 'z')


def at(built: Experiment, value: float, space: str) -> Game:
    """The game with truncated latents.

    Raises:
      GaxError: The value is out of range.
    """
    if not 0 <= value < float('inf'):
        raise errors.GaxError(f'--truncation: each value must be a number from 0, and one is {value}')
    if space == 'w':
        return in_w(built.game, value)
    if value:
        latents.check_truncation(built.game, value, sampler.every_class(built))
    return latents.truncated(built.game, value) if value else built.game


def in_w(game: Game, psi: float) -> Game:
    """The game whose fakes, outside of training, are made of average + psi (w - average)."""
    ways = game.styles
    assert ways is not None

    def synthesize(context: Context) -> tuple[Batch, Context]:
        ws, context = ways.mapping(context)
        return ways.synthesis(context, styles.truncated(ws, ways.average(context), psi))

    return game._replace(synthesize=synthesize)


def table(evaluator: Evaluator, rows: Sequence[dict[str, Any]]) -> str:
    """The results as text, a line for each truncation, then real data; a column for each metric."""
    names = list(evaluator.names)
    label = 'psi' if rows[0]['space'] == 'w' else '|z| <='
    lines = [[label, *names]]
    for row in rows:
        none = row['space'] == 'z' and not row['truncation']
        numbers = [row['metrics'].get(name) for name in names]
        lines.append(
            ['all' if none else f'{row["truncation"]:g}', *('' if n is None else f'{n:.5g}' for n in numbers)]
        )
    floor = [evaluator.floor.get(name) for name in names]
    lines.append(['real', *('' if n is None else f'{n:.5g}' for n in floor)])
    lines.append(['better', *(evaluator.names[name] or '-' for name in names)])
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    text = ['  '.join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return '\n'.join([text[0], '-' * len(text[0]), *text[1:], '', results_table.legend(evaluator, rows)])
