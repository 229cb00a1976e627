"""The evaluator of an experiment, and the function that evaluates its averaged generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import numpy as np

from gax import data, errors
from gax.core.types import TrainState
from gax.data import splits
from gax.data.source import targeted
from gax.distributed import sharding
from gax.evals import collect
from gax.evals.evaluator import Evaluator, Setting
from gax.evals.progress import with_bar
from gax.evals.reference import reference
from gax.training import real_examples, standing_statistics, translations
from gax.training.experiment import Experiment


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
        return evaluator.measure(with_bar(chunks, f'{num} fakes', num))

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
