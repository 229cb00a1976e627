"""Writes samples: at random, along a latent, from latent to latent, or in the plane of the reals."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from gax import errors
from gax.data import encoded
from gax.sampling import export_checks, formats, sampler, styled, where
from gax.sampling.sampler import Images, Job
from gax.training import real_examples, trained_run, translations
from gax.viz import drawing, png_folder, projection, video
from gax.viz import images as pictures

log = logging.getLogger('gax')

FAST, SLOW = 20, 2  # frames per second: of continuous changes, and of jumps from class to class


def write_samples(job: Job) -> str:
    """Writes samples from random latents. Returns a description."""
    request, spec = job.request, job.built.source.spec
    if request.where:
        accepted = where.draw(job, where.parse(request.where, spec))
        write_still(job, {spec.target: accepted.rows}, job.columns)
        return where.description(accepted, request.where)
    fakes = styled.seeded(job) if request.seeds else sampler.draw(job)
    if job.kind == export_checks.FOLDER:
        labels = fakes.get('label') if request.class_folders else None
        images = pictures.to_uint8(fakes[drawing.field_of(fakes, spec)[0]])
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
        pictures.save(drawing.draw(shown, columns, reals, spec=spec), job.out)
    elif job.kind == '.npz':
        formats.save_npz(fakes, spec, job.out)
    else:
        name = drawing.field_of(fakes, spec)[0]
        formats.save(fakes[name], spec.fields[name], job.kind, job.out)


def behind(job: Job) -> Any:
    """Real examples over which points and columns of a table are drawn, so that the axes stay the same.

    Returns:
      A batch; None for other kinds of data, and where the data is not available.
    """
    spec = job.built.source.spec
    if spec.fields[spec.target].kind not in drawing.BEHIND:
        return None
    try:
        config, mesh = job.built.config, job.built.mesh
        whole = trained_run.with_data(job.request.workdir, config, job.request.data, mesh)
        return real_examples.behind(whole)
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
        drawing.draw({name: x[:, i] for name, x in by_row.items()}, job.columns, reals, spec=spec)
        for i in range(steps)
    ]
    video.write([drawn[i] for i in order], job.out, FAST if flows else SLOW)
    return f'{len(order)} frames of {request.num} samples, {what},'


def write_projection(job: Job) -> str:
    """Writes reals and samples as points in the plane, see `projection.picture`. Returns a description."""
    spec, count = job.built.source.spec, job.request.project
    reals = np.asarray(real_examples.reals(job.built, count)[spec.target])
    job = job._replace(request=job.request._replace(num=count))
    pictures.save(projection.picture(reals, sampler.draw(job)[spec.target], job.request.seed), job.out)
    return f'{count} reals and as many samples in the plane,'
