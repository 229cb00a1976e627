"""Fakes of a trained run that a user requests: from random latents, and along a path through them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors, paths
from gax.core import rng, sample
from gax.core.translation import Direction
from gax.core.types import Array, Batch, TrainState
from gax.sampling import latents, lengths
from gax.training import standing_statistics
from gax.training.experiment import Experiment

CHUNK = 256  # samples per compiled call
# 'image' float [N, H, W, C] in [-1, 1] or 'point' float [N, D], perhaps 'label' int [N]
Images = dict[str, np.ndarray]


class Request(NamedTuple):
    """What gax-sample is asked for. Its flags describe each field.

    Attributes:
      label: None: all classes in turn.
      truncation: 0: no truncation.
      traverse: '': no traversal.
      interpolate: 0: no interpolation.
      neighbours: 0: no neighbours.
      length: Of a series; 0: as long as the training examples.
      project: 0: no projection.
      standing: None: as config.eval.standing of the run says; 0: none.
      seeds: One for each sample; (): all from `seed`.
      mix: '': no mixing of styles.
      psi: (): no truncation of styles; several: a row for each.
      space: Where latents are interpolated, 'z' or 'w'.
    """

    workdir: Path
    out: str
    num: int = 64
    seed: int = 0
    step: str = 'newest'
    label: int | None = None
    truncation: float = 0.0
    traverse: str = ''
    span: float = 2.0
    interpolate: int = 0
    frames: int = 24
    neighbours: int = 0
    features: str = 'raw'
    class_folders: bool = True
    data: str = ''
    split: str = ''
    conditions: str = ''
    direction: str = ''
    length: int = 0
    project: int = 0
    where: tuple[str, ...] = ()
    standing: int | None = None
    seeds: tuple[int, ...] = ()
    mix: str = ''
    psi: tuple[float, ...] = ()
    space: str = 'z'


class Job(NamedTuple):
    """A request, and the run whose samples it asks for.

    Attributes:
      request: The request.
      kind: The ending of `out`, or FOLDER.
      built: The experiment of the run.
      state: The state of the checkpoint.
      step: The step of the checkpoint.
      mirrored: Whether the run's images were flipped at random.
      examples: The conditions of a game that is conditioned on more than labels: leaves [num, ...].
      targets: The true images of the same examples by field, if they are known: leaves [num, ...].
      ways: The directions of a game that makes images from images, the requested one first.
    """

    request: Request
    kind: str
    built: Experiment
    state: TrainState
    step: int
    mirrored: bool
    examples: Batch = MappingProxyType({})
    targets: Batch = MappingProxyType({})
    ways: tuple[Direction, ...] = ()

    @property
    def out(self) -> Path:
        """The path of the file or folder to write."""
        return paths.user(self.request.out)

    @property
    def columns(self) -> int:
        """The columns of a grid of `num` samples: one per class, unless there are more than 16."""
        classes = self.built.source.spec.num_classes
        return classes if 0 < classes <= 16 else round(self.request.num**0.5) or 1


def labels_of(num: int, classes: int, label: int | None) -> Array | None:
    """Labels for samples.

    Args:
      num: How many.
      classes: How many classes the data has.
      label: The class of every sample; None: all classes in turn.

    Returns:
      int32 [num]; None if there are no classes.
    """
    return sample.labels_in_turn(num, classes) if label is None else jnp.full((num,), label, jnp.int32)


def every_class(built: Experiment) -> Batch:
    """{'label': each class once} of a game that is conditioned on labels; {} of others."""
    classes = built.source.spec.num_classes
    return {'label': jnp.arange(classes)} if 'label' in built.game.conditions and classes else {}


def conditions(job: Job, num: int) -> Batch:
    """The conditions of `num` fakes.

    Args:
      job: The job.
      num: How many.

    Returns:
      The job's examples in turn, or labels: leaves [num, ...].
    """
    if job.examples:
        return {name: jnp.resize(x, (num, *x.shape[1:])) for name, x in job.examples.items()}
    label = labels_of(num, job.built.source.spec.num_classes, job.request.label)
    return {'label': label} if label is not None and 'label' in job.built.game.conditions else {}


def standing(job: Job) -> Job:
    """The job with standing statistics in its state, where they are requested; see core.standing.

    Conditions are those of the job, of every class in turn. Latents are those of its game, truncated or not.
    """
    requested = job.request.standing
    batches = job.built.config.eval.get('standing', 0) if requested is None else requested
    if not batches:
        return job
    every = job._replace(request=job.request._replace(label=None))
    condition_batch = conditions(every, batches * job.built.config.batch_size)
    run = standing_statistics.compiled(job.built, batches, job.request.seed)
    return job._replace(state=run(job.state, condition_batch))


def draw(job: Job) -> Images:
    """Fakes from random latents, and the labels that they are conditioned on."""
    num, built, phase = job.request.num, job.built, job.built.game.phase_at(job.step)
    condition_batch, size = conditions(job, num), lengths.chunk(job.request.length, CHUNK)

    @jax.jit
    def chunk(state: TrainState, key: Array, condition_batch: Batch) -> Any:
        return sample.sample(built.game, state, key, size, condition_batch, phase=phase)

    parts = []
    for i in range(0, num, size):
        part = {
            name: jnp.resize(x[i : i + size], (size, *x.shape[1:])) for name, x in condition_batch.items()
        }
        key = jax.random.fold_in(rng.key(job.request.seed), i)
        parts.append(jax.device_get(chunk(job.state, key, part)))
    fakes = {name: np.concatenate([part[name] for part in parts])[:num] for name in parts[0]}
    return {**fakes, 'label': np.asarray(condition_batch['label'])} if 'label' in condition_batch else fakes


def path(job: Job, film: bool) -> tuple[Batch, int, bool]:
    """The latents of the traversal or the interpolation that is requested.

    Args:
      job: The job.
      film: Whether a film is made, rather than a picture.

    Returns:
      (latents [rows * steps, ...], steps, whether they change continuously).
    """
    return traversal(job, film) if job.request.traverse else interpolation(job, film)


def traversal(job: Job, film: bool) -> tuple[Batch, int, bool]:
    """As `path`. Within a row one latent takes the values of `latents.axis_values`; the others stay."""
    request, every = job.request, every_class(job.built)
    count = request.frames if film else latents.COLUMNS
    values = latents.axis_values(job.built.game, request.traverse, request.span, every, count)
    rows = rows_of(request, len(values), film)
    return latents.varied(keys(job, rows), request.traverse, values), len(values), values.dtype == np.float32


def interpolation(job: Job, film: bool) -> tuple[Batch, int, bool]:
    """As `path`. About COLUMNS latents per row of a picture; a film returns to its first latent."""
    return *interpolated(job, film), True


def interpolated(
    job: Job, film: bool, change: Callable[[Batch], Batch] = lambda ends: ends
) -> tuple[Batch, int]:
    """(what is between the latents of the request, leaves [rows * steps, ...], steps).

    Args:
      job: The job.
      film: Whether a film is made, rather than a picture.
      change: What the latents are changed to before they are interpolated.
    """
    request, count = job.request, job.request.interpolate
    each = request.frames if film else max(1, round((latents.COLUMNS - 1) / (count - 1)))
    steps = count * each if film else (count - 1) * each + 1
    ends = change(keys(job, rows_of(request, steps, film), count))
    return latents.between(ends, count, each, closed=film), steps


def rows_of(request: Request, steps: int, film: bool) -> int:
    """How many rows there are. `num` is the number of samples that are visible at once.

    Args:
      request: The request.
      steps: The samples of a row.
      film: Whether a film is made, whose frames show one sample of each row.

    Returns:
      The rows, at least 1.

    Raises:
      GaxError: `num` is less than one row.
    """
    if request.num < steps and not film:
        name = (
            f'--traverse={request.traverse}' if request.traverse else f'--interpolate={request.interpolate}'
        )
        raise errors.GaxError(f'--num {request.num}: a row of {name} takes {steps} samples')
    return request.num if film else request.num // steps


def keys(job: Job, rows: int, count: int = 1) -> Batch:
    """Latents of `rows` rows, `count` for each row, with one class per row: leaves [rows * count, ...]."""
    batch = {name: jnp.repeat(x, count, axis=0) for name, x in conditions(job, rows).items()}
    key = rng.stream(rng.key(job.request.seed), 'latents')
    return job.built.game.sample_latents(key, rows * count, batch)


def synthesize(job: Job, chosen: Batch) -> Images:
    """Fakes of the latents `chosen` [N, ...], and their labels if they have some."""
    key, count = rng.stream(rng.key(job.request.seed), 'generate'), len(next(iter(chosen.values())))
    phase = job.built.game.phase_at(job.step)

    @jax.jit
    def chunk(state: TrainState, part: Batch) -> Batch:
        return sample.synthesize(job.built.game, state, part, key, phase=phase)

    parts = []
    for i in range(0, count, CHUNK):
        part = {name: jnp.resize(x[i : i + CHUNK], (CHUNK, *x.shape[1:])) for name, x in chosen.items()}
        parts.append(jax.device_get(chunk(job.state, part)))
    fakes = {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}
    return {**fakes, 'label': np.asarray(chosen['label'])} if 'label' in chosen else fakes
