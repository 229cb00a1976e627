"""Are the samples copies?

The nearest training images of each, and how often a sample is nearer than it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from gax import errors
from gax.core.spec import Spec
from gax.data import shuffle
from gax.data.source import Source
from gax.evals import collect
from gax.evals.features.extractors import Extractor
from gax.evals.metrics import nearest_neighbors
from gax.evals.metrics.nearest_neighbors import Neighbours

BATCH = 256  # images in one call
FLOATS = 2**26  # features of training images held at once: 256 MiB


class Reals(NamedTuple):
    """The training set. size: examples. total: as many, or twice that, where they are mirrored in training: i
    + size is
    then the mirror image of i. read: (indices int [M] below total) -> features float32 [B, D], chunk after
    chunk.
    """

    size: int
    total: int
    read: Callable[[np.ndarray], Iterator[np.ndarray]]


class Memorised(NamedTuple):
    """What was found of N samples and as many training images, `chosen` at random, each held against all
    others.

    found: the k nearest training images of each sample. own: from the nearest of them to *its* nearest
        training image,
    float64 [N]. closer: share of samples that are nearer to a training image than that image's own nearest
        neighbour is,
    in [0, 1]. floor: the same of the chosen training images. copies: how many samples equal a training image.
    median, real_median: of the distances to the nearest training image, of samples and of chosen images.

    `closer` is 1 - authenticity of Alaa et al., "How Faithful is your Synthetic Data? Sample-level Metrics
    for Evaluating and Auditing Generative Models", 2022: a sample g with nearest training image r is
    authentic unless |g - r| < |r - r'|, r' being the nearest training image of r but for r itself. New
    examples fall short of that distance often enough,
    too, which is why the floor is beside it: for it a training image plays the sample, and is taken out of
    the training set (it is no r' either). Well above the floor: memorised. Well below: samples lie off the
    data, blurred or broken.
    """

    found: Neighbours
    own: np.ndarray
    closer: float
    floor: float
    copies: int
    median: float
    real_median: float

    @property
    def suspicious(self) -> np.ndarray:
        """The samples, those first that lie nearest to a training image for what its neighbourhood is; int
        [N].
        """
        return np.argsort(self.found.distances[:, 0] / np.maximum(self.own, 1e-12), kind='stable')


def memorised(samples: np.ndarray, reals: Reals, k: int, seed: int = 0) -> Memorised:
    """samples: features float32 [N, D].

    Goes over the training set twice. Raises GaxError where it is too small for k.
    """
    most = reals.size - 2
    if not 1 <= k <= most:
        raise errors.GaxError(
            f'--neighbours {k}: from 1 to {most} can be shown of a training set of {reals.size} examples'
        )
    n, count = len(samples), min(len(samples), reals.size)
    chosen = shuffle.indices(seed, 0, count, reals.size)
    itself = np.concatenate([np.full(n, -1), chosen])
    found = search(np.concatenate([samples, pick(reals, chosen)]), reals, k, itself[:, None])
    near = found.indices[:, 0]
    # The image that a sample stands next to is no neighbour of itself; a training image that plays the sample
    # is none.
    banned = np.stack([near % reals.size, itself], axis=1)
    own = search(pick(reals, near), reals, 1, banned).distances[:, 0]
    gap = found.distances[:, 0]
    return Memorised(
        found=Neighbours(found.indices[:n], found.distances[:n]),
        own=own[:n],
        closer=float((gap[:n] < own[:n]).mean()),
        floor=float((gap[n:] < own[n:]).mean()),
        copies=int((gap[:n] == 0).sum()),
        median=float(np.median(gap[:n])),
        real_median=float(np.median(gap[n:])),
    )


def pick(reals: Reals, indices: np.ndarray) -> np.ndarray:
    """The features of examples `indices` [M], float32 [M, D]."""
    return np.concatenate(list(reals.read(indices)))


def search(queries: np.ndarray, reals: Reals, k: int, banned: np.ndarray) -> Neighbours:
    """The k nearest of all training images but the `banned` ones, int [N, any] (-1: none), mirrored or not.
    Euclidean.

    The training set goes by in pieces; each gives the best that it has, and the k best of all stay.
    """
    asked = k + banned.shape[1] * reals.total // reals.size
    indices: np.ndarray = np.empty((len(queries), 0), np.int64)
    distances: np.ndarray = np.empty((len(queries), 0))
    start = 0
    for features in pieces(reals.read(np.arange(reals.total)), FLOATS // queries.shape[1]):
        local = nearest_neighbors.neighbours(queries, features, min(asked, len(features)))
        which: np.ndarray = local.indices.astype(np.int64) + start
        out = ((which % reals.size)[:, :, None] == banned[:, None, :]).any(-1)
        indices = np.concatenate([indices, which], axis=1)
        distances = np.concatenate([distances, np.where(out, np.inf, local.distances)], axis=1)
        keep = np.argsort(distances, axis=1, kind='stable')[:, :k]
        indices, distances = (np.take_along_axis(x, keep, 1) for x in (indices, distances))
        start += len(features)
    return Neighbours(indices, distances)


def pieces(chunks: Iterator[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """The chunks put together to pieces of at least `rows` rows, but for the last."""
    held: list[np.ndarray] = []
    for chunk in chunks:
        held.append(chunk)
        if sum(map(len, held)) >= rows:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def images_of(source: Source, arrays: object, mesh: Mesh, indices: np.ndarray) -> Iterator[np.ndarray]:
    """uint8 images [B, H, W, C] of the examples `indices`, mirrored from spec.size on, chunk after chunk, on
    the host.
    """
    size = source.spec.size
    start = 0
    for chunk in collect.reader(source, arrays, mesh)(np.asarray(indices % size, np.int32), BATCH, 0):
        images = np.asarray(chunk.x)[: chunk.valid]
        mirrored = indices[start : start + chunk.valid] >= size
        yield np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        start += chunk.valid


def training_set(source: Source, arrays: object, mesh: Mesh, extractor: Extractor, mirrored: bool) -> Reals:
    """The features of a source of images that flips nothing.

    Raises GaxError for one without end, and for points.
    """
    if source.spec.fields[source.spec.target].kind != 'image' or not source.spec.size:
        raise errors.GaxError(
            f'--neighbours: {source.spec.name} is no finite set of images that could be copied'
        )
    extract = jax.jit(extractor.apply)

    def read(indices: np.ndarray) -> Iterator[np.ndarray]:
        for images in images_of(source, arrays, mesh, indices):
            yield features_of(extract, extractor, images)

    return Reals(source.spec.size, source.spec.size * (1 + mirrored), read)


def features_of(extract: Callable, extractor: Extractor, images: np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, C] -> float32 [N, D], in calls of one size."""
    found = []
    for i in range(0, len(images), BATCH):
        part = images[i : i + BATCH]
        rows = np.resize(part, (BATCH, *part.shape[1:]))
        found.append(np.asarray(extract(extractor.variables, rows)['features'])[: len(part)])
    return np.concatenate(found)


def report(found: Memorised, extractor: Extractor, spec: Spec, step: int) -> dict[str, Any]:
    """All that was found, for a JSON file.

    `indices`: of training examples, mirrored ones from spec.size on.
    """
    numbers = {name: getattr(found, name) for name in ('closer', 'floor', 'copies', 'median', 'real_median')}
    samples = [
        {'sample': i, 'indices': near.tolist(), 'distances': gaps.tolist(), 'own': float(own)}
        for i, (near, gaps, own) in enumerate(zip(*found.found, found.own, strict=True))
    ]
    features = {'features': extractor.name, 'checksum': extractor.checksum, 'resizer': extractor.resizer}
    return {
        'step': step,
        'data': spec.name,
        'size': spec.size,
        **features,
        'num': len(samples),
        **numbers,
        'samples': samples,
    }
