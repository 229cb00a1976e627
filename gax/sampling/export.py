"""Writes samples of a trained run: pictures, films, arrays, folders.

Samples are drawn at random, along one of the latents, from latent to latent, or shown next to the training
images that are nearest to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gax import data, errors
from gax.data.source import targeted
from gax.sampling import (
    conditions,
    export_checks,
    latents,
    lengths,
    neighbours,
    sampler,
    styled,
    where,
    writers,
)
from gax.sampling.sampler import Job, Request
from gax.training import trained_run
from gax.training.workdir import read_config


class Exported(NamedTuple):
    """What was written.

    Attributes:
      step: The step of the checkpoint.
      description: How much of what, the beginning of a sentence.
    """

    step: int
    description: str


def export(request: Request) -> Exported:
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
    ways = export_checks.directions(request, built)
    if ways:
        built = built._replace(source=targeted(built.source, ways[0].target))
    if request.length:
        built = lengths.lengthened(built, request.length)
    export_checks.check_kind(built.source.spec, kind, request)
    export_checks.check_label(request.label, built)
    if request.where:
        where.parse(request.where, built.source.spec)
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
        return Exported(step, write(job))


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
    writer_of: dict[str, tuple[Callable[[Job], str], tuple[str, ...]]] = {
        '': (writers.write_samples, export_checks.STILL),
        'traverse': (writers.write_path, export_checks.MOVING),
        'interpolate': (writers.write_path, export_checks.MOVING),
        'neighbours': (neighbours.write, ('.png',)),
        'project': (writers.write_projection, ('.png',)),
        'mix': (styled.write_mixed, ('.png',)),
        'psi': (styled.write_truncations, ('.png',)),
    }
    write, kinds = writer_of[mode]
    export_checks.check_numbers(request, mode)
    return write, export_checks.kind_of(request.out, kinds, f'with --{mode} ' if mode else '')
