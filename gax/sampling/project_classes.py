"""The classes of a projection's restarts: given, one restart of each, or those whose fakes are nearest."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax.core import rng, sample
from gax.core.types import Array, Batch, Game, TrainState
from gax.sampling import project, project_distances
from gax.training.experiment import Experiment

USUAL = 8  # restarts of an image, if no number is given
MOST_CLASSES = 32  # up to so many, each has a restart if no number is given
DRAWS = 4  # fakes of a class that are compared with an image
PAIRS = 64  # pairs of images that are compared at a time


class Restarts(NamedTuple):
    """How many restarts every image has, and of which classes.

    Attributes:
      number: R, restarts of an image.
      labels: The class of each restart, int32 [N, R]; None where the generator takes none, and with
        `by_distance`.
      description: Which classes these are, for the output; '' where the generator takes no labels.
      by_distance: Whether the classes of each image are those whose fakes are nearest to it, see `nearest`.
    """

    number: int
    labels: np.ndarray | None
    description: str
    by_distance: bool = False


def plan(asked: int, built: Experiment, labels: np.ndarray | None, num: int) -> Restarts:
    """The restarts of `num` images.

    Args:
      asked: The number that the user gives; 0: USUAL, or one for each of at most MOST_CLASSES classes where
        the class of an image is not known.
      built: The experiment of the run.
      labels: The classes of the images, int [N], where they are known.
      num: N, the number of images.

    Returns:
      The restarts: `by_distance` where there are fewer of them than classes that an image may have.
    """
    classes = built.source.spec.num_classes
    if 'label' not in built.game.conditions or not classes:
        return Restarts(asked or USUAL, None, '')
    if labels is not None:
        count = asked or USUAL
        kinds = np.unique(labels)
        description = f'class {kinds[0]}' if len(kinds) == 1 else 'the class of each image'
        return Restarts(count, np.repeat(labels.astype(np.int32)[:, None], count, axis=1), description)
    count = asked or (max(USUAL, classes) if classes <= MOST_CLASSES else USUAL)
    if count < classes:
        description = f'the {count} of {classes} classes whose fakes are nearest to the image'
        return Restarts(count, None, description, by_distance=True)
    turns = np.broadcast_to(np.arange(count, dtype=np.int32) % classes, (num, count))
    return Restarts(count, turns, f'all {classes} classes in turn')


def nearest(
    count: int,
    built: Experiment,
    state: TrainState,
    phase: str,
    targets: np.ndarray,
    distance: project_distances.Measure,
    seed: int,
) -> np.ndarray:
    """The `count` classes whose fakes are nearest to each image, the nearest first.

    The distance of a class to an image is that of the nearest of DRAWS fakes of it; the same latents are
    drawn for every class.

    Args:
      count: How many classes.
      built: The experiment of the run.
      state: Its state.
      phase: The phase of training that the state is in.
      targets: Float32 [N, H, W, C] in [-1, 1].
      distance: What is minimised, with its arrays.
      seed: The seed of the latents.

    Returns:
      int32 [N, count].
    """
    game, classes = built.game, built.source.spec.num_classes
    label = jnp.arange(classes, dtype=jnp.int32).repeat(DRAWS)
    key = rng.stream(rng.key(seed), 'classes')
    drawn = game.sample_latents(key, DRAWS, {'label': jnp.zeros(DRAWS, jnp.int32)})
    latents = {name: jnp.tile(x, (classes, *[1] * (x.ndim - 1))) for name, x in drawn.items()}
    latents['label'] = label
    size = max(1, min(len(label), PAIRS // len(targets)))
    compare = jax.jit(lambda *inputs: compared(game, built.source.spec.target, phase, distance, *inputs))
    columns = []
    for i in range(0, len(label), size):
        part = {name: jnp.resize(x[i : i + size], (size, *x.shape[1:])) for name, x in latents.items()}
        columns.append(np.asarray(compare(state, distance.arrays, part, jnp.asarray(targets))))
    whole = np.concatenate(columns, axis=1)[:, : len(label)]
    by_class = whole.reshape(len(targets), classes, DRAWS).min(axis=2)
    return np.argsort(by_class, axis=1, kind='stable')[:, :count].astype(np.int32)


def compared(
    game: Game,
    field: str,
    phase: str,
    distance: project_distances.Measure,
    state: TrainState,
    arrays: Any,
    latents: Batch,
    targets: Array,
) -> Array:
    """The distances of the fakes of latents [B, ...] to targets [N, H, W, C], float32 [N, B]."""
    fakes = sample.synthesize(game, state, latents, rng.key(0), phase=phase)[field]
    images = jnp.broadcast_to(fakes[None], (len(targets), *fakes.shape))
    held = {'label': jnp.broadcast_to(latents['label'][None], images.shape[:2])}
    return project.distances(images, targets, held, distance.total(arrays))
