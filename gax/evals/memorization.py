"""Memorisation: the nearest training images of each sample, and how often a sample is too near."""

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
    """The training set.

    Attributes:
      size: The number of examples.
      total: `size`, or twice that if training mirrors images: i + size is then the mirror image of i.
      read: indices int [M] below `total` -> chunks of features, float32 [B, D].
    """

    size: int
    total: int
    read: Callable[[np.ndarray], Iterator[np.ndarray]]


class Memorised(NamedTuple):
    """N samples and as many training images, chosen at random, each compared with all others.

    `closer` is 1 - authenticity of Alaa et al., "How Faithful is your Synthetic Data? Sample-level Metrics
    for Evaluating and Auditing Generative Models", 2022: a sample g with nearest training image r is
    authentic unless |g - r| < |r - r'|, where r' is the nearest training image of r other than r. New real
    examples are often nearer than that as well, which `floor` measures: there a training image takes the
    place of the sample and is left out of the training set (also as r'). Well above the floor: memorised.
    Well below: samples lie off the data, blurred or broken.

    Attributes:
      neighbours: The k nearest training images of each sample.
      next_distances: The distance from the nearest training image of each sample to the nearest training
        image of that one, float64 [N].
      closer: The share of samples that are nearer to a training image than its nearest neighbour is, in [0,
        1].
      floor: The same share of the chosen training images.
      copies: The number of samples that equal a training image.
      median: The median distance of samples to their nearest training image.
      real_median: The same median of the chosen training images.
    """

    neighbours: Neighbours
    next_distances: np.ndarray
    closer: float
    floor: float
    copies: int
    median: float
    real_median: float

    @property
    def suspicious(self) -> np.ndarray:
        """The samples in order of suspicion, int [N]: by distance / next_distances, nearest first."""
        return np.argsort(
            self.neighbours.distances[:, 0] / np.maximum(self.next_distances, 1e-12), kind='stable'
        )


def memorised(samples: np.ndarray, reals: Reals, k: int, seed: int = 0) -> Memorised:
    """Compares samples with the training set, in two passes over it.

    Args:
      samples: Features float32 [N, D].
      reals: The training set.
      k: The number of neighbours.
      seed: Of the choice of training images.

    Raises:
      GaxError: The training set is too small for k.
    """
    most = reals.size - 2
    if not 1 <= k <= most:
        raise errors.GaxError(
            f'--neighbours {k}: from 1 to {most} can be shown of a training set of {reals.size} examples'
        )
    n, count = len(samples), min(len(samples), reals.size)
    chosen = shuffle.indices(seed, 0, count, reals.size)
    itself = np.concatenate([np.full(n, -1), chosen])
    neighbours = search(np.concatenate([samples, pick(reals, chosen)]), reals, k, itself[:, None])
    near = neighbours.indices[:, 0]
    # The nearest image is no neighbour of itself; nor is a training image that takes the place of a sample.
    banned = np.stack([near % reals.size, itself], axis=1)
    next_gap = search(pick(reals, near), reals, 1, banned).distances[:, 0]
    gap = neighbours.distances[:, 0]
    return Memorised(
        neighbours=Neighbours(neighbours.indices[:n], neighbours.distances[:n]),
        next_distances=next_gap[:n],
        closer=float((gap[:n] < next_gap[:n]).mean()),
        floor=float((gap[n:] < next_gap[n:]).mean()),
        copies=int((gap[:n] == 0).sum()),
        median=float(np.median(gap[:n])),
        real_median=float(np.median(gap[n:])),
    )


def pick(reals: Reals, indices: np.ndarray) -> np.ndarray:
    """The features of the examples `indices`, int [M] -> float32 [M, D]."""
    return np.concatenate(list(reals.read(indices)))


def search(queries: np.ndarray, reals: Reals, k: int, banned: np.ndarray) -> Neighbours:
    """The k nearest training images by Euclidean distance, exactly.

    The training set is read in pieces; each yields its nearest, and the k nearest of all are kept.

    Args:
      queries: Features float32 [N, D].
      reals: The training set.
      k: The number of neighbours.
      banned: Examples that are skipped for each query, mirrored or not, int [N, any]; -1 for none.
    """
    candidates = k + banned.shape[1] * reals.total // reals.size
    indices: np.ndarray = np.empty((len(queries), 0), np.int64)
    distances: np.ndarray = np.empty((len(queries), 0))
    start = 0
    for features in pieces(reals.read(np.arange(reals.total)), FLOATS // queries.shape[1]):
        local = nearest_neighbors.neighbours(queries, features, min(candidates, len(features)))
        which: np.ndarray = local.indices.astype(np.int64) + start
        out = ((which % reals.size)[:, :, None] == banned[:, None, :]).any(-1)
        indices = np.concatenate([indices, which], axis=1)
        distances = np.concatenate([distances, np.where(out, np.inf, local.distances)], axis=1)
        keep = np.argsort(distances, axis=1, kind='stable')[:, :k]
        indices, distances = (np.take_along_axis(x, keep, 1) for x in (indices, distances))
        start += len(features)
    return Neighbours(indices, distances)


def pieces(chunks: Iterator[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """Joins chunks to pieces of at least `rows` rows; the last piece may be shorter."""
    joined: list[np.ndarray] = []
    for chunk in chunks:
        joined.append(chunk)
        if sum(map(len, joined)) >= rows:
            yield np.concatenate(joined)
            joined = []
    if joined:
        yield np.concatenate(joined)


def images_of(source: Source, arrays: object, mesh: Mesh, indices: np.ndarray) -> Iterator[np.ndarray]:
    """Images of a source on the host, chunk after chunk.

    Args:
      source: The source.
      arrays: Its arrays on the devices.
      mesh: The devices.
      indices: int [M]; indices from spec.size on are mirror images.

    Yields:
      uint8 [B, H, W, C].
    """
    size = source.spec.size
    start = 0
    for chunk in collect.reader(source, arrays, mesh)(np.asarray(indices % size, np.int32), BATCH, 0):
        images = np.asarray(chunk.x)[: chunk.valid]
        mirrored = indices[start : start + chunk.valid] >= size
        yield np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        start += chunk.valid


def training_set(source: Source, arrays: object, mesh: Mesh, extractor: Extractor, mirrored: bool) -> Reals:
    """The features of a source of images that does not flip them.

    Args:
      source: The source.
      arrays: Its arrays on the devices.
      mesh: The devices.
      extractor: Computes the features.
      mirrored: Whether training mirrors images.

    Raises:
      GaxError: The source is endless, or not of images.
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
    """uint8 [N, H, W, C] -> float32 [N, D], in calls of one shape."""
    chunks = []
    for i in range(0, len(images), BATCH):
        part = images[i : i + BATCH]
        rows = np.resize(part, (BATCH, *part.shape[1:]))
        chunks.append(np.asarray(extract(extractor.variables, rows)['features'])[: len(part)])
    return np.concatenate(chunks)


def report(result: Memorised, extractor: Extractor, spec: Spec, step: int) -> dict[str, Any]:
    """All results as JSON values. `indices` are of training examples, mirror images from spec.size on."""
    numbers = {name: getattr(result, name) for name in ('closer', 'floor', 'copies', 'median', 'real_median')}
    samples = [
        {'sample': i, 'indices': near.tolist(), 'distances': gaps.tolist(), 'own': float(next_gap)}
        for i, (near, gaps, next_gap) in enumerate(
            zip(*result.neighbours, result.next_distances, strict=True)
        )
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
