"""Writes samples of a trained run: pictures, films, arrays, folders.

Samples are drawn at random, along one of the latents, from latent to latent, or shown next to the training
images that are nearest to them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from gax import data, errors, paths
from gax.core import translation
from gax.core.spec import Spec
from gax.core.translation import Direction
from gax.data import encoded
from gax.data.source import targeted
from gax.evals import memorization
from gax.evals.features import extractors
from gax.sampling import conditions, formats, latents, lengths, sampler, styled, where
from gax.sampling.sampler import Images, Job, Request
from gax.training import experiment, trained_run, translations
from gax.training.experiment import Experiment
from gax.training.workdir import read_config, write_json
from gax.viz import images as pictures
from gax.viz import png_folder, projection, video

log = logging.getLogger('gax')

SHOWN = 16  # rows of the picture of neighbours
FAST, SLOW = 20, 2  # frames per second: of continuous changes, and of jumps from class to class
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
    """What was written.

    Attributes:
      step: The step of the checkpoint.
      said: A description of what was written, for people.
    """

    step: int
    said: str


def export(request: Request) -> Made:
    """Writes the samples that are requested, by the averaged generator.

    Args:
      request: The request.

    Returns:
      The step of the checkpoint, and a description of what was written.

    Raises:
      GaxError: The workdir has no such checkpoint, the ending of the file does not fit, or a class, a latent
        or a number is out of range. Nothing has been written then.
    """
    request = request._replace(num=len(request.seeds) or request.num)
    write, kind = plan(request)
    config = read_config(request.workdir / 'config.json')
    mirrored = bool(config.get('data', {}).get('flip', False))
    if 'data' in config:
        data.as_they_are(config.data)  # training images are shown without random flips and crops
    built = trained_run.build(request.workdir, config)
    if request.neighbours or request.project:
        built = trained_run.with_data(request.workdir, config, request.data, built.mesh)
    ways = directions(request, built)
    if ways:
        built = built._replace(source=targeted(built.source, ways[0].target))
    if request.length:
        built = lengths.lengthened(built, request.length)
    check_kind(built.source.spec, kind, request)
    check_label(request.label, built)
    if request.where:
        where.wishes(request.where, built.source.spec)
    examples = conditions.examples(request, built)
    if request.truncation:
        latents.check_truncation(built.game, request.truncation, sampler.every_class(built))
        built = built._replace(game=latents.truncated(built.game, request.truncation))
    for flag, value in (('psi', request.psi), ('mix', request.mix), ('space', request.space == 'w')):
        if value:
            styled.parts(built, flag)
    if len(request.psi) == 1:
        built = styled.truncated(built, request.psi[0])
    state, step = trained_run.restore(built, request.workdir, request.step)
    job = sampler.standing(Job(request, kind, built, state, step, mirrored, *examples, ways))
    with errors.plain_os_errors(job.out):
        return Made(step, write(job))


def directions(request: Request, built: Experiment) -> tuple[Direction, ...]:
    """The directions of a game that makes images from images, the requested one first.

    Raises:
      GaxError: The game does not translate as the request says.
    """
    ways = translation.directions(built.game, built.source.spec)
    if not ways:
        if request.direction:
            raise errors.GaxError(
                f'--direction={request.direction}: {built.config.gan} makes no images from images'
            )
        return ()
    first = translation.chosen(ways, request.direction, built.config.gan)
    return (first, *(way for way in ways if way != first))


def check_kind(spec: Spec, kind: str, request: Request) -> None:
    """Checks that samples of this data can be written in such a file.

    Args:
      spec: The data of the run.
      kind: The ending of the file, or FOLDER.
      request: The request.

    Raises:
      GaxError: They cannot.
    """
    if request.neighbours or kind in video.KINDS:
        target = spec.fields[spec.target].kind
        if target not in ('image', 'point'):
            raise errors.GaxError(
                f'--out {request.out}: films and neighbours are of images, and {spec.name} is {target} data'
            )
    else:
        formats.check(spec, kind, FOLDER, request.out)


def check_label(label: int | None, built: Experiment) -> None:
    """Checks that the generator can be asked for a class.

    Args:
      label: The class, or None for all classes.
      built: The experiment of the run.

    Raises:
      GaxError: The data has no such class, or the generator is not conditioned on labels.
    """
    if label is None:
        return
    spec = built.source.spec
    if not 0 <= label < spec.num_classes:
        raise errors.GaxError(f'--label {label}: {spec.name} has {spec.num_classes} classes, from 0')
    if 'label' not in built.game.conditions:
        raise errors.GaxError(
            f'--label {label}: {built.config.gan} makes samples of no class in particular here; leave '
            '--label out'
        )


def plan(request: Request) -> tuple[Callable[[Job], str], str]:
    """Chooses what writes the samples.

    Args:
      request: The request.

    Returns:
      (the function that writes the file and returns its description, the kind of the file).

    Raises:
      GaxError: The request contradicts itself.
    """
    modes = {
        'traverse': request.traverse,
        'interpolate': request.interpolate,
        'neighbours': request.neighbours,
        'project': request.project,
        'mix': styled.numbers('mix', request.mix),
        'psi': len(request.psi) > 1,
    }
    requested = [name for name, value in modes.items() if value]
    if requested and request.where:
        raise errors.GaxError(f'--where is of samples drawn at random; leave --{requested[0]} out')
    if len(requested) > 1:
        raise errors.GaxError(
            f'--{requested[0]} and --{requested[1]} are two different pictures: ask for one at a time'
        )
    mode = requested[0] if requested else ''
    writers: dict[str, tuple[Callable[[Job], str], tuple[str, ...]]] = {
        '': (write_samples, STILL),
        'traverse': (write_path, MOVING),
        'interpolate': (write_path, MOVING),
        'neighbours': (write_neighbours, ('.png',)),
        'project': (write_projection, ('.png',)),
        'mix': (styled.write_mixed, ('.png',)),
        'psi': (styled.write_truncations, ('.png',)),
    }
    write, kinds = writers[mode]
    if request.standing is not None and request.standing < 0:
        raise errors.GaxError(f'--standing must be at least 0, and is {request.standing}')
    for seed in (request.seed, *request.seeds):
        errors.in_range('--seed', seed, *errors.SEEDS)
    check_styles(request, mode)
    if request.num < 1:
        raise errors.GaxError(f'--num must be positive, and is {request.num}')
    if mode == 'interpolate' and request.interpolate < 2:
        raise errors.GaxError(f'--interpolate must be 2 or more latents, and is {request.interpolate}')
    if request.frames < 2:
        raise errors.GaxError(f'--frames must be at least 2, and is {request.frames}')
    return write, kind_of(request.out, kinds, f'with --{mode} ' if mode else '')


def check_styles(request: Request, mode: str) -> None:
    """Checks what the flags of seeds and styles go with.

    Raises:
      GaxError: They contradict the picture that is requested.
    """
    if request.seeds and mode not in ('', 'mix', 'psi'):
        raise errors.GaxError(f'--seeds names samples, and goes with --mix and --psi; leave --{mode} out')
    if request.seeds and request.where:
        raise errors.GaxError('--where is of samples drawn at random; leave --seeds out')
    if request.space == 'w' and mode != 'interpolate':
        raise errors.GaxError('--space=w goes with --interpolate')


def kind_of(out: str, kinds: tuple[str, ...], when: str) -> str:
    """The kind of a file.

    Args:
      out: The path.
      kinds: The endings that are allowed.
      when: 'with --MODE ' for messages, or ''.

    Returns:
      Its ending, one of `kinds`; FOLDER for a folder.

    Raises:
      GaxError: The ending is another one, or the file cannot be written there.
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
    """Writes samples from random latents. Returns a description."""
    request, spec = job.request, job.built.source.spec
    if request.where:
        found = where.draw(job, where.wishes(request.where, spec))
        write_still(job, {spec.target: found.rows}, job.columns)
        return where.said(found, request.where)
    fakes = styled.seeded(job) if request.seeds else sampler.draw(job)
    if job.kind == FOLDER:
        labels = fakes.get('label') if request.class_folders else None
        images = pictures.to_uint8(fakes[pictures.field_of(fakes, spec)[0]])
        png_folder.save(images, job.out, labels, spec.classes, spec.num_classes)
    elif job.kind == '.png' and job.ways:
        batch = {**job.examples, **job.targets}
        cells = translations.cells(job.ways[:1], fakes, batch, bool(job.targets))
        pictures.save(pictures.rows(cells, most=request.num), job.out)
    else:
        write_still(job, fakes, job.columns)
    near = f' (truncated at {request.truncation:g})' if request.truncation else ''
    return f'{request.num} samples{near}'


def write_still(job: Job, fakes: Images, columns: int) -> None:
    """Writes a picture, arrays, or the file in which such data is usually kept."""
    spec = job.built.source.spec
    if job.kind == '.png':
        reals = encoded.pictured(behind(job), spec)[0]
        shown, spec = encoded.pictured(fakes, spec)
        pictures.save(pictures.draw(shown, columns, reals, spec=spec), job.out)
    elif job.kind == '.npz':
        formats.save_npz(fakes, spec, job.out)
    else:
        name = pictures.field_of(fakes, spec)[0]
        formats.save(fakes[name], spec.fields[name], job.kind, job.out)


def behind(job: Job) -> Any:
    """Real examples over which points and columns of a table are drawn, so that the axes stay the same.

    Returns:
      A batch; None for other kinds of data, and where the data is not available.
    """
    spec = job.built.source.spec
    count = pictures.BEHIND.get(spec.fields[spec.target].kind, 0)
    if not count:
        return None
    try:
        config, mesh = job.built.config, job.built.mesh
        whole = trained_run.with_data(job.request.workdir, config, job.request.data, mesh)
        return experiment.reals(whole, count)
    except errors.GaxError as error:
        log.warning('drawn without the training data: %s', error)
        return None


def write_path(job: Job) -> str:
    """Writes a traversal or an interpolation, as rows of a picture or as a film. Returns a description."""
    request, film = job.request, job.kind in video.KINDS
    if request.space == 'w':
        ws, steps = styled.interpolation(job, film)
        fakes, flows = styled.to_fakes(job, ws), True
    else:
        chosen, steps, flows = sampler.path(job, film)
        fakes = sampler.synthesize(job, chosen)
    what = (
        f'{request.traverse} varied' if request.traverse else f'the way through {request.interpolate} latents'
    )
    if not film:
        write_still(job, fakes, steps)
        return f'{len(next(iter(fakes.values()))) // steps} rows, {what} along each,'
    order = list(range(steps))
    if request.traverse and flows:
        order += order[-2:0:-1]  # forward, then backward
    reals, spec = behind(job), job.built.source.spec
    by_row = {name: x.reshape(-1, steps, *x.shape[1:]) for name, x in fakes.items()}
    drawn = [
        pictures.draw({name: x[:, i] for name, x in by_row.items()}, job.columns, reals, spec=spec)
        for i in range(steps)
    ]
    video.write([drawn[i] for i in order], job.out, FAST if flows else SLOW)
    return f'{len(order)} frames of {request.num} samples, {what},'


def write_projection(job: Job) -> str:
    """Writes reals and samples as points in the plane, see `projection.picture`. Returns a description."""
    spec, count = job.built.source.spec, job.request.project
    reals = np.asarray(experiment.reals(job.built, count)[spec.target])
    job = job._replace(request=job.request._replace(num=count))
    pictures.save(projection.picture(reals, sampler.draw(job)[spec.target], job.request.seed), job.out)
    return f'{count} reals and as many samples in the plane,'


def write_neighbours(job: Job) -> str:
    """Writes the samples that look most like copies, each next to its nearest training images.

    All numbers go into a JSON file of the same name. Returns a description.
    """
    request, source, arrays = job.request, job.built.source, job.built.arrays.data
    extractor = extractors.make(request.features, source.spec.target_shape)
    reals = memorization.training_set(source, arrays, job.built.mesh, extractor, job.mirrored)
    images = pictures.to_uint8(sampler.draw(job)[source.spec.target])
    features = memorization.features_of(jax.jit(extractor.apply), extractor, images)
    memorised = memorization.memorised(features, reals, request.neighbours, request.seed)
    suspects = memorised.suspicious[:SHOWN]
    training = memorization.images_of(
        source, arrays, job.built.mesh, memorised.found.indices[suspects].ravel()
    )
    nearest = np.concatenate(list(training)).reshape(len(suspects), request.neighbours, *images.shape[1:])
    cells = np.concatenate([images[suspects][:, None], nearest], axis=1).reshape(-1, *images.shape[1:])
    captions = [
        caption
        for i in suspects
        for caption in (f'#{i}', *(f'{d:.3g}' for d in memorised.found.distances[i]))
    ]
    picture = pictures.captioned(cells, captions, 1 + request.neighbours)
    pictures.save(picture, job.out)
    json_file = job.out.with_suffix('.json')
    write_json(json_file, memorization.report(memorised, extractor, source.spec, job.step))
    return (
        f'{memorised.closer:.1%} of {request.num} samples are closer to a training image than its own '
        f'nearest neighbour is (of training images {memorised.floor:.1%}), {memorised.copies} are copies; '
        f'more in {json_file}. The {len(suspects)} most suspicious'
    )
