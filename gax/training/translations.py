"""The evaluation and the pictures of games that make images from images: input, output and target in a row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gax import data
from gax.core import translation
from gax.core.translation import Direction
from gax.core.types import TrainState
from gax.evals import translated
from gax.evals.evaluator import Evaluator, Pairs
from gax.evals.metric import PAIRED
from gax.evals.metrics import image_pairs
from gax.evals.progress import with_bar
from gax.evals.translated import Task
from gax.training.experiment import Experiment
from gax.viz import images


def plain(built: Experiment) -> tuple[data.Source, Any]:
    """The data of an experiment without random flips and crops, and its arrays.

    Returns:
      (source, its arrays on the devices; None if they are `source.arrays`).
    """
    config = built.config
    if not any(config.data.get(field) for field in data.AS_THEY_ARE):
        return built.source, built.arrays.data
    unchanged = config.copy_and_resolve_references()
    with unchanged.unlocked():
        data.as_they_are(unchanged.data)
    return data.load(unchanged, resident_up_to=0), None


def task_of(built: Experiment, direction: str = '') -> Task | None:
    """What an experiment translates.

    Args:
      built: The experiment.
      direction: 'ab' or 'ba' of a game that translates both ways; '' for its first direction.

    Returns:
      The task, whose first direction is the chosen one; None for a game that makes no images from images.
    """
    ways = translation.directions(built.game, built.source.spec)
    if not ways:
        return None
    way = translation.chosen(ways, direction, built.config.gan)
    source, arrays = plain(built)
    arrays = source.arrays if arrays is None else arrays
    game = built.game._replace(frozen=built.arrays.frozen)
    return Task(game, source, arrays, (way, *(w for w in ways if w != way)), built.mesh)


def cells(
    ways: Sequence[Direction], fakes: Mapping[str, Any], examples: Mapping[str, Any], paired: bool = True
) -> list[np.ndarray]:
    """What a picture shows of every example: input, output, and target if there is one, for every direction.

    Args:
      ways: The directions of the game.
      fakes: The fakes of the examples, [N, ...] by field.
      examples: The examples, [N, ...] by field; fields that are missing are left out.
      paired: Whether an input's target is in its own example.

    Returns:
      uint8 [N, H, W, C] for each place of a row, as `images.rows` takes them.
    """
    columns = []
    for way in ways:
        columns += [examples[way.source], fakes[way.target]]
        columns += [examples[way.target]] if paired and way.target in examples else []
    return [images.to_uint8(x) for x in columns]


def pairs_of(task: Task, config: ConfigDict) -> Pairs:
    """What an evaluator has to know of a task."""
    fields, way = task.spec.fields, task.ways[0]
    source, target = ('x'.join(map(str, fields[name].shape)) for name in way)
    degraded = config.data.get('condition', '')
    condition = f' (config.data.condition={degraded})' if degraded else ''
    channels = {1: 'gray', 3: 'RGB'}.get(fields[way.target].shape[-1], 'all channels')
    comparison = (
        f'{way.source} {source}{condition} to {way.target} {target}, {channels} 0..255, nothing cropped'
    )
    if 'targets' in translated.available(task):
        comparison += (
            '; each fake against the target of its own example; psnr_y on luma 16..235; SSIM with Gaussian '
            f'window {image_pairs.WINDOW}'
        )
    return Pairs(translated.available(task), comparison, partial(translated.inputs, task))


def measurer(task: Task, evaluator: Evaluator) -> Callable[[TrainState], tuple[dict[str, float], int]]:
    """state -> ({metric: value}, how many fakes); see evaluators.of_generator."""
    wanted: Collection[str] = evaluator.needs & set(PAIRED)
    make, num, seed = translated.maker(task, wanted), evaluator.setting.num, evaluator.setting.seed

    def measure(state: TrainState) -> tuple[dict[str, float], int]:
        """Measures the fakes of a state."""
        return evaluator.measure(with_bar(make(state, num, evaluator.batch, seed), f'{num} fakes', num))

    return measure
