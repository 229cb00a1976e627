"""Fakes of a trained run, as somebody asks for them: from random latents, and along a path through them."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors, paths
from gax.core import rng, sample
from gax.core.types import Array, Batch, TrainState
from gax.sampling import latents
from gax.training.experiment import Experiment

CHUNK = 256  # samples per compiled call
Images = dict[
    str, np.ndarray
]  # 'image' float [N, H, W, C] in [-1, 1] or 'point' float [N, D], perhaps 'label' int [N]


class Request(NamedTuple):
    """What gax-sample is asked for; its flags say what each field means.

    label None: all classes in turn. truncation 0, interpolate 0, neighbours 0, traverse '': not asked for.
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


class Job(NamedTuple):
    """A request, and the run that it is of.

    Attributes:
      kind: The ending of `out`, or FOLDER.
      mirrored: Whether the run's images were flipped at random.
      examples: What fakes are made from beside noise, of a game with other conditions than labels: leaves
        [num, ...].
    """

    request: Request
    kind: str
    built: Experiment
    state: TrainState
    step: int
    mirrored: bool
    examples: Batch = MappingProxyType({})

    @property
    def out(self) -> Path:
        return paths.user(self.request.out)

    @property
    def columns(self) -> int:
        """Of a grid of `num` samples: a column a class, where there are not too many."""
        classes = self.built.source.spec.num_classes
        return classes if 0 < classes <= 16 else round(self.request.num**0.5) or 1


def labels_of(num: int, classes: int, label: int | None) -> Array | None:
    """All classes in turn, or one: int32 [num]; None where there are no classes."""
    return sample.labels_in_turn(num, classes) if label is None else jnp.full((num,), label, jnp.int32)


def every_class(built: Experiment) -> Batch:
    """{'label': each class once} of a game that is conditioned on labels; {} of others."""
    classes = built.source.spec.num_classes
    return {'label': jnp.arange(classes)} if 'label' in built.game.conditions and classes else {}


def conditions(job: Job, num: int) -> Batch:
    """What `num` fakes are made from beside noise, leaves [num, ...]: the job's examples in turn, or labels."""
    if job.examples:
        return {name: jnp.resize(x, (num, *x.shape[1:])) for name, x in job.examples.items()}
    label = labels_of(num, job.built.source.spec.num_classes, job.request.label)
    return {'label': label} if label is not None and 'label' in job.built.game.conditions else {}


def draw(job: Job) -> Images:
    """Fakes from random latents, and the labels that they were made from."""
    num, built, phase = job.request.num, job.built, job.built.game.phase_at(job.step)
    given = conditions(job, num)

    @jax.jit
    def chunk(state: TrainState, key: Array, given: Batch) -> Any:
        return sample.sample(built.game, state, key, CHUNK, given, phase=phase)

    parts = []
    for i in range(0, num, CHUNK):
        part = {name: jnp.resize(x[i : i + CHUNK], (CHUNK, *x.shape[1:])) for name, x in given.items()}
        key = jax.random.fold_in(rng.key(job.request.seed), i)
        parts.append(jax.device_get(chunk(job.state, key, part)))
    made = {name: np.concatenate([part[name] for part in parts])[:num] for name in parts[0]}
    return {**made, 'label': np.asarray(given['label'])} if 'label' in given else made


def path(job: Job, film: bool) -> tuple[Batch, int, bool]:
    """(latents [rows * steps], steps, whether they flow) of the traversal or the interpolation that is asked
    for.
    """
    return traversal(job, film) if job.request.traverse else interpolation(job, film)


def traversal(job: Job, film: bool) -> tuple[Batch, int, bool]:
    """Within a row all latents are equal but one, which takes the values of latents.axis_values."""
    request, every = job.request, every_class(job.built)
    count = request.frames if film else latents.COLUMNS
    values = latents.axis_values(job.built.game, request.traverse, request.span, every, count)
    rows = rows_of(request, len(values), film)
    return latents.varied(keys(job, rows), request.traverse, values), len(values), values.dtype == np.float32


def interpolation(job: Job, film: bool) -> tuple[Batch, int, bool]:
    """From key latent to key latent: about COLUMNS to a row of a picture; in a film back to the first."""
    request, count = job.request, job.request.interpolate
    each = request.frames if film else max(1, round((latents.COLUMNS - 1) / (count - 1)))
    steps = count * each if film else (count - 1) * each + 1
    ends = keys(job, rows_of(request, steps, film), count)
    return latents.between(ends, count, each, closed=film), steps, True


def rows_of(request: Request, steps: int, film: bool) -> int:
    """`num` is how many samples there are to see at once."""
    if request.num < steps and not film:
        name = (
            f'--traverse={request.traverse}' if request.traverse else f'--interpolate={request.interpolate}'
        )
        raise errors.GaxError(f'--num {request.num}: a row of {name} takes {steps} samples')
    return request.num if film else request.num // steps


def keys(job: Job, rows: int, count: int = 1) -> Batch:
    """Latents of `rows` rows, `count` for each, one class a row: leaves [rows * count, ...]."""
    batch = {name: jnp.repeat(x, count, axis=0) for name, x in conditions(job, rows).items()}
    key = rng.stream(rng.key(job.request.seed), 'latents')
    return job.built.game.sample_latents(key, rows * count, batch)


def synthesize(job: Job, chosen: Batch) -> Images:
    """Fakes of the given latents [N, ...], and their labels where they have some."""
    key, count = rng.stream(rng.key(job.request.seed), 'generate'), len(next(iter(chosen.values())))
    phase = job.built.game.phase_at(job.step)

    @jax.jit
    def chunk(state: TrainState, part: Batch) -> Batch:
        return sample.synthesize(job.built.game, state, part, key, phase=phase)

    parts = []
    for i in range(0, count, CHUNK):
        part = {name: jnp.resize(x[i : i + CHUNK], (CHUNK, *x.shape[1:])) for name, x in chosen.items()}
        parts.append(jax.device_get(chunk(job.state, part)))
    made = {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}
    return {**made, 'label': np.asarray(chosen['label'])} if 'label' in chosen else made
