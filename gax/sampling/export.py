"""Samples of a trained run, written for people and for tools: pictures, films, arrays, folders.

Drawn at random, along one of the latents, from latent to latent, or beside the training images nearest to
them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from gax import data, errors, paths
from gax.core.spec import Spec
from gax.evals import memorization
from gax.evals.features import extractors
from gax.sampling import conditions, formats, latents, sampler
from gax.sampling.sampler import Images, Job, Request
from gax.training import experiment, trained_run
from gax.training.experiment import Experiment
from gax.training.workdir import read_config, write_json
from gax.viz import images as pictures
from gax.viz import png_folder, video

log = logging.getLogger('gax')

SHOWN = 16  # rows of the picture of neighbours
FAST, SLOW = 20, 2  # frames per second, where things flow and where they jump
FOLDER = '/'
SUFFIXES = {
    '.png': '.png (a grid)',
    '.npz': '.npz (arrays)',
    FOLDER: '/ (a folder of PNGs)',
    '.gif': '.gif',
    '.mp4': '.mp4 (films)',
    '.wav': '.wav (audio)',
    '.csv': '.csv (series, tables)',
    '.txt': '.txt (tokens)',
}
STILL = ('.png', '.npz', FOLDER, *formats.SUFFIXES)
MOVING = ('.png', '.npz', *video.KINDS)


class Made(NamedTuple):
    """step: of the checkpoint. said: what was written, for people."""

    step: int
    said: str


def export(request: Request) -> Made:
    """Does what is asked for, with the averaged generator.

    Raises GaxError for a workdir without (that) checkpoint, an ending that does not suit, and a class, a
    latent or a
    number that is not there: before anything is written.
    """
    write, kind = plan(request)
    config = read_config(request.workdir / 'config.json')
    mirrored = bool(config.get('data', {}).get('flip', False))
    if 'data' in config:
        data.as_they_are(config.data)  # fakes do not depend on it, and training images are wanted so
    built = trained_run.build(request.workdir, config)
    if request.neighbours:
        built = trained_run.with_data(request.workdir, config, request.data, built.mesh)
    check_kind(built.source.spec, kind, request)
    check_label(request.label, built)
    examples = conditions.examples(request, built)
    if request.truncation:
        latents.check_truncation(built.game, request.truncation, sampler.every_class(built))
        built = built._replace(game=latents.truncated(built.game, request.truncation))
    state, step = trained_run.restore(built, request.workdir, request.step)
    job = Job(request, kind, built, state, step, mirrored, examples)
    with errors.plain_os_errors(job.out):
        return Made(step, write(job))


def check_kind(spec: Spec, kind: str, request: Request) -> None:
    """Raises GaxError where samples of such data are not written in such a file."""
    if request.neighbours or kind in video.KINDS:
        target = spec.fields[spec.target].kind
        if target not in ('image', 'point'):
            raise errors.GaxError(
                f'--out {request.out}: films and neighbours are of images, and {spec.name} is {target} data'
            )
    else:
        formats.check(spec, kind, FOLDER, request.out)


def check_label(label: int | None, built: Experiment) -> None:
    """Raises GaxError for a class that is not there, or that the generator would not heed."""
    if label is None:
        return
    spec = built.source.spec
    if not 0 <= label < spec.num_classes:
        raise errors.GaxError(f'--label {label}: {spec.name} has {spec.num_classes} classes, from 0')
    if 'label' not in built.game.conditions:
        raise errors.GaxError(
            f'--label {label}: {built.config.gan} makes samples of no class in particular here; leave --label out'
        )


def plan(request: Request) -> tuple[Callable[[Job], str], str]:
    """What to do, and the kind of file. Raises GaxError where the request contradicts itself."""
    modes = {
        'traverse': request.traverse,
        'interpolate': request.interpolate,
        'neighbours': request.neighbours,
    }
    asked = [name for name, value in modes.items() if value]
    if len(asked) > 1:
        raise errors.GaxError(
            f'--{asked[0]} and --{asked[1]} are two different pictures: ask for one at a time'
        )
    mode = asked[0] if asked else ''
    writers: dict[str, tuple[Callable[[Job], str], tuple[str, ...]]] = {
        '': (write_samples, STILL),
        'traverse': (write_path, MOVING),
        'interpolate': (write_path, MOVING),
        'neighbours': (write_neighbours, ('.png',)),
    }
    write, kinds = writers[mode]
    errors.in_range('--seed', request.seed, *errors.SEEDS)
    if request.num < 1:
        raise errors.GaxError(f'--num must be positive, and is {request.num}')
    if mode == 'interpolate' and request.interpolate < 2:
        raise errors.GaxError(f'--interpolate must be 2 or more latents, and is {request.interpolate}')
    if request.frames < 2:
        raise errors.GaxError(f'--frames must be at least 2, and is {request.frames}')
    return write, kind_of(request.out, kinds, f'with --{mode} ' if mode else '')


def kind_of(out: str, kinds: tuple[str, ...], when: str) -> str:
    """The ending of `out`, FOLDER for a folder; one of `kinds`.

    Raises GaxError for others, and where it cannot be.
    """
    path = paths.user(out)
    kind = FOLDER if out.endswith('/') or not path.suffix else path.suffix.lower()
    if kind not in kinds:
        films = ' (films are of --interpolate and --traverse)' if kind in video.KINDS and not when else ''
        valid = ', '.join(SUFFIXES[k] for k in kinds)
        raise errors.GaxError(f'--out {out} must {when}end in {valid}{films}')
    if not path.absolute().parent.is_dir():
        raise errors.GaxError(f'--out {out}: the folder {path.absolute().parent} does not exist')
    errors.refuse_unwritable(path)
    if kind == FOLDER:
        png_folder.check(path)
    if kind == '.mp4':
        video.encoder()
    return kind


def write_samples(job: Job) -> str:
    made, request = sampler.draw(job), job.request
    if job.kind == FOLDER:
        labels = made.get('label') if request.class_folders else None
        spec = job.built.source.spec
        images = pictures.to_uint8(made[pictures.field_of(made, spec)[0]])
        png_folder.save(images, job.out, labels, spec.classes, spec.num_classes)
    else:
        write_still(job, made, job.columns)
    near = f' (truncated at {request.truncation:g})' if request.truncation else ''
    return f'{request.num} samples{near}'


def write_still(job: Job, made: Images, columns: int) -> None:
    """A picture, arrays, or what such data is usually kept in."""
    spec = job.built.source.spec
    if job.kind == '.png':
        pictures.save(pictures.draw(made, columns, behind(job), spec=spec), job.out)
    elif job.kind == '.npz':
        formats.save_npz(made, spec, job.out)
    else:
        name = pictures.field_of(made, spec)[0]
        formats.save(made[name], spec.fields[name], job.kind, job.out)


def behind(job: Job) -> Any:
    """The reals that points, and columns of a table, are drawn over, so that their axes stay; None for other
    kinds, and where the data is not there.
    """
    spec = job.built.source.spec
    if spec.fields[spec.target].kind not in pictures.BEHIND:
        return None
    try:
        config, mesh = job.built.config, job.built.mesh
        whole = trained_run.with_data(job.request.workdir, config, job.request.data, mesh)
        return experiment.reals(whole, 512)
    except errors.GaxError as error:
        log.warning('drawn without the training data: %s', error)
        return None


def write_path(job: Job) -> str:
    """A traversal or an interpolation: rows of a picture, or all at once in a film."""
    request, film = job.request, job.kind in video.KINDS
    chosen, steps, flows = sampler.path(job, film)
    made = sampler.synthesize(job, chosen)
    what = (
        f'{request.traverse} varied' if request.traverse else f'the way through {request.interpolate} latents'
    )
    if not film:
        write_still(job, made, steps)
        return f'{len(chosen[next(iter(chosen))]) // steps} rows, {what} along each,'
    order = list(range(steps))
    if request.traverse and flows:
        order += order[-2:0:-1]  # there and back
    reals, spec = behind(job), job.built.source.spec
    shown = {name: x.reshape(-1, steps, *x.shape[1:]) for name, x in made.items()}
    drawn = [
        pictures.draw({name: x[:, i] for name, x in shown.items()}, job.columns, reals, spec=spec)
        for i in range(steps)
    ]
    video.write([drawn[i] for i in order], job.out, FAST if flows else SLOW)
    return f'{len(order)} frames of {request.num} samples, {what},'


def write_neighbours(job: Job) -> str:
    """The samples that look most like copies, each beside its nearest training images; and all numbers, as
    JSON.
    """
    request, source, arrays = job.request, job.built.source, job.built.arrays
    extractor = extractors.make(request.features, source.spec.target_shape)
    reals = memorization.training_set(source, arrays, job.built.mesh, extractor, job.mirrored)
    images = pictures.to_uint8(sampler.draw(job)[source.spec.target])
    made = memorization.features_of(jax.jit(extractor.apply), extractor, images)
    found = memorization.memorised(made, reals, request.neighbours, request.seed)
    first = found.suspicious[:SHOWN]
    training = memorization.images_of(source, arrays, job.built.mesh, found.found.indices[first].ravel())
    rows = np.concatenate(list(training)).reshape(len(first), request.neighbours, *images.shape[1:])
    cells = np.concatenate([images[first][:, None], rows], axis=1).reshape(-1, *images.shape[1:])
    captions = [said for i in first for said in (f'#{i}', *(f'{d:.3g}' for d in found.found.distances[i]))]
    picture = pictures.captioned(cells, captions, 1 + request.neighbours)
    pictures.save(picture, job.out)
    beside = job.out.with_suffix('.json')
    write_json(beside, memorization.report(found, extractor, source.spec, job.step))
    return (
        f'{found.closer:.1%} of {request.num} samples are closer to a training image than its own nearest neighbour is '
        f'(of training images {found.floor:.1%}), {found.copies} are copies; more in {beside}. The {len(first)} most suspicious'
    )
