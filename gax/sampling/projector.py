"""Projects images into the latents of a trained run, and writes what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from gax import errors
from gax.core import rng
from gax.evals.metrics import image_pairs
from gax.sampling import project_classes, project_distances, project_loop, project_targets, projected, spaces
from gax.sampling.project import Descent
from gax.sampling.project_targets import Targets
from gax.sampling.projected import Projected
from gax.training import trained_run
from gax.training.experiment import Experiment
from gax.training.workdir import read_config
from gax.viz import images as pictures
from gax.viz import video
from gax.viz.images import to_uint8


class Request(NamedTuple):
    """What gax-project is asked for. Its flags describe each field.

    Attributes:
      input: A file or a folder; None: images of the run's data.
      label: None: the label of the image where the data has it, else see `project_classes.plan`.
      restarts: 0: as `project_classes.plan` says.
      distance: One of `project_distances.NAMES`; '' as `project_distances.chosen` says.
      space: '': w where the generator has it, else z.
    """

    workdir: Path
    out: Path
    input: Path | None = None
    num: int = 8
    restarts: int = 0
    steps: int = 500
    space: str = ''
    distance: str = ''
    pixel_weight: float = 1.0
    feature_weight: float = 1.0
    rate: float = 0.1
    seed: int = 0
    label: int | None = None
    step: str = 'newest'
    data: str = ''
    split: str = ''
    latents: Path | None = None
    video: Path | None = None
    frames: int = 48


def run(request: Request) -> Projected:
    """Projects the images that are requested, and writes the picture and the files that are asked for.

    Args:
      request: The request.

    Returns:
      The results.

    Raises:
      GaxError: The run makes no images from latents, an image does not go with it, or a number is out of
        range. Nothing has been written then.
    """
    check(request)
    built = trained_run.build(request.workdir, read_config(request.workdir / 'config.json'))
    check_game(built)
    targets = targets_of(request, built)
    restarts = project_classes.plan(request.restarts, built, targets.labels, len(targets.images))
    state, step = trained_run.restore(built, request.workdir, request.step)
    phase = built.game.phase_at(step)
    named, of_features, arrays = project_distances.chosen(request.distance, built, state, phase)
    measure = project_distances.Measure(
        named, request.pixel_weight, request.feature_weight, of_features, arrays
    )
    labels = restarts.labels
    if restarts.by_distance:
        choice = restarts.number, built, state, phase, targets.images, measure, request.seed
        labels = project_classes.nearest(*choice)
    shape = len(targets.images), restarts.number
    space_name, space, render = spaces.of(request.space, built, state, phase, labels, shape, request.seed)
    problem = project_loop.Problem(
        space,
        jnp.asarray(targets.images),
        (state, arrays),
        render,
        measure,
        Descent(request.steps, request.rate),
        rng.stream(rng.key(request.seed), 'project'),
    )
    with errors.plain_os_errors(request.out):
        images, distance, latents, frames = project_loop.optimised(
            problem, request.frames if request.video else 0
        )
        pixels = to_uint8(targets.images)
        result = targets.splits, pixels, images, distance, psnr_of(images, pixels), latents
        done = Projected(step, space_name, named, restarts.description, *result)
        pictures.save(projected.picture(done), request.out)
        if request.latents is not None:
            projected.write_latents(done, request.latents)
        if request.video is not None:
            projected.write_film(done, frames, request.video)
    return done


def check(request: Request) -> None:
    """Raises GaxError for numbers out of range and files of the wrong kind."""
    errors.in_range('--seed', request.seed, *errors.SEEDS)
    for name, least in {'num': 1, 'restarts': 0, 'steps': 1, 'frames': 1}.items():
        if getattr(request, name) < least:
            raise errors.GaxError(f'--{name} must be positive, and is {getattr(request, name)}')
    if not 0 < request.rate < float('inf'):
        raise errors.GaxError(f'--rate must be positive, and is {request.rate}')
    weights = request.pixel_weight, request.feature_weight
    if min(weights) < 0 or not 0 < sum(weights) < float('inf'):
        raise errors.GaxError(
            f'--pixel_weight={weights[0]}, --feature_weight={weights[1]}: neither may be below 0, and one '
            'must be above'
        )
    files = {'--out': (request.out, ('.png',)), '--latents': (request.latents, ('.npz',))}
    for flag, (path, endings) in {**files, '--video': (request.video, video.KINDS)}.items():
        if path is not None and path.suffix.lower() not in endings:
            raise errors.GaxError(f'{flag}={path} must end in {" or ".join(endings)}')
    if request.video is not None and request.video.suffix.lower() == '.mp4':
        video.encoder()


def check_game(built: Experiment) -> None:
    """Raises GaxError for a game that makes no images from latents and labels alone."""
    spec, game = built.source.spec, built.game
    if spec.fields[spec.target].kind != 'image':
        raise errors.GaxError(
            f'gax-project is for images, and {spec.name} is {spec.fields[spec.target].kind} data'
        )
    if more := sorted(set(game.conditions) - {'label'}):
        raise errors.GaxError(
            f'{built.config.gan} makes images from {more[0]}, not from latents alone: use gax-translate'
        )


def targets_of(request: Request, built: Experiment) -> Targets:
    """The images to project: those of --input, or of the run's data, see project_targets.py.

    Raises:
      GaxError: --label is no class of the generator; or as `project_targets.of_data` says.
    """
    spec, asked = built.source.spec, request.label
    if asked is not None and not ('label' in built.game.conditions and 0 <= asked < spec.num_classes):
        raise errors.GaxError(f'--label={asked}: the generator of this run has no such class')
    if request.input is not None:
        targets = project_targets.of_files(request.input, request.num, built)
    else:
        data = request.data, request.split
        targets = project_targets.of_data(request.workdir, request.num, built, *data)
    if asked is not None:
        targets = targets._replace(labels=np.full(len(targets.images), asked))
    return targets


def psnr_of(images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The PSNR in dB of uint8 [N, R, H, W, C] to [N, H, W, C], float64 [N, R]."""
    count = images.shape[1]
    repeated = np.repeat(targets, count, axis=0)
    return image_pairs.psnr(images.reshape(-1, *targets.shape[1:]), repeated).reshape(-1, count)
