"""A picture of the samples that look most like copies, next to the training images that are nearest."""

from __future__ import annotations

import jax
import numpy as np

from gax.evals import memorization
from gax.evals.features import extractors
from gax.sampling import sampler
from gax.sampling.sampler import Job
from gax.training.workdir import write_json
from gax.viz import images as pictures

SHOWN = 16  # rows of the picture of neighbours


def write(job: Job) -> str:
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
        source, arrays, job.built.mesh, memorised.neighbours.indices[suspects].ravel()
    )
    nearest = np.concatenate(list(training)).reshape(len(suspects), request.neighbours, *images.shape[1:])
    cells = np.concatenate([images[suspects][:, None], nearest], axis=1).reshape(-1, *images.shape[1:])
    captions = [
        caption
        for i in suspects
        for caption in (f'#{i}', *(f'{d:.3g}' for d in memorised.neighbours.distances[i]))
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
