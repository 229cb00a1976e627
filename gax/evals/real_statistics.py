"""Statistics of real examples, computed once and kept in a cache."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from gax.evals import cache, collect, progress
from gax.evals.features.extractors import Extractor
from gax.evals.metric import Samples
from gax.evals.metrics import ranking
from gax.evals.metrics.fid import Moments
from gax.evals.reference import Reference

VERSION = 2  # of the cached statistics; raise it if the same key would give other numbers
CACHED = ('moments', 'features', 'probabilities', 'labels')


class Reals(NamedTuple):
    """The reals that fakes are compared with.

    Attributes:
      reference: All of them.
      a: Reals disjoint from `b`. The floor is the distance of `b` from `a`.
      b: Reals that stand in for fakes when the floor is measured.
      labels: The labels of all reals that fakes are compared with, held or not, int32; None without classes.
    """

    reference: Samples
    a: Samples
    b: Samples
    labels: np.ndarray | None


class RealStatistics(NamedTuple):
    """The statistics of the reals and of parts of them, read from a cache, or computed and written to it.

    Attributes:
      ref: The real examples.
      mesh: The devices.
      folder: The folder of the cache; None for the usual one.
      extractor: The features; None if no metric needs any.
      features: The entries `features`, `checksum` and `resizer` of the protocol.
      needs: The fields of Samples that metrics of both sets read.
      counts: The number of reals and that of fakes, by which the reals are cut into parts.
      batch: The number of examples in a chunk.
      held: The most examples to hold; 0: all.
    """

    ref: Reference
    mesh: Mesh
    folder: Path | None
    extractor: Extractor | None
    features: Mapping[str, str]
    needs: frozenset[str]
    counts: tuple[int, int]
    batch: int
    held: int

    def order(self) -> np.ndarray:
        """The reals in random order, int32 [counts[0]]; cached, as it takes reading all of them."""
        size = self.ref.source.spec.size
        if not size:
            return np.arange(self.counts[0], dtype=np.int32)
        folder, key = self.folder or cache.default(), self.key('order', 'all', size)
        cached = cache.load(folder, key)
        if cached is None:
            cached = {'order': ranking.of_source(self.ref.read, size, ranking.REAL)}
            cache.save(folder, key, cached)
        return cached['order'][: self.counts[0]]

    def part(
        self, which: str, indices: np.ndarray, seed: int, needs: Collection[str] | None = None
    ) -> Samples:
        """The statistics of some of the reals.

        Args:
          which: The name of the part, for the cache.
          indices: Of the reals, int32 [n].
          seed: For infinite sources, which draw their examples.
          needs: Fields of Samples; None: those of the metrics.

        Returns:
          The fields that are needed; of data with classes the labels, too.
        """
        if not len(indices):
            return Samples(0)
        wanted = set(needs or self.needs)
        wanted |= {'labels'} if self.ref.source.spec.num_classes else set()
        keys = {need: self.key(need, which, len(indices)) for need in wanted if need in CACHED}
        folder = self.folder or cache.default()
        cached = {need: cache.load(folder, key) for need, key in keys.items()}
        if wanted <= {need for need, arrays in cached.items() if arrays is not None}:
            return unpacked(len(indices), {need: arrays or {} for need, arrays in cached.items()})
        gather = collect.gatherer(self.extractor, wanted, self.mesh, self.held)
        chunks = self.ref.read(indices, self.batch, seed)
        samples = gather(progress.with_bar(chunks, f'real examples {which}', len(indices)))
        for need, key in keys.items():
            cache.save(folder, key, packed(samples, need))
        return samples

    def key(self, need: str, which: str, count: int) -> dict[str, Any]:
        """The key of a part's statistics in the cache: all that they depend on.

        Args:
          need: A field of Samples, or 'order'.
          which: The name of the part.
          count: The number of its examples.

        Returns:
          What JSON can hold.
        """
        of_all = need == 'order'
        return {
            **self.ref.describe,
            **({} if of_all else self.features),
            'files': self.ref.files,
            'need': need,
            'part': which,
            'count': count,
            'cut': [] if of_all else list(self.counts),
            'version': VERSION,
        }


def packed(samples: Samples, need: str) -> cache.Arrays:
    """One field of Samples as arrays for the cache."""
    if need == 'moments':
        assert samples.moments is not None
        num, mean, scatter = samples.moments
        return {'num': np.array(num), 'mean': mean, 'scatter': scatter}
    return {need: getattr(samples, need)}


def unpacked(count: int, arrays: Mapping[str, cache.Arrays]) -> Samples:
    """Samples from the arrays of `packed`."""
    fields: dict[str, Any] = {need: part[need] for need, part in arrays.items() if need != 'moments'}
    if 'moments' in arrays:
        part = arrays['moments']
        fields['moments'] = Moments(int(part['num']), part['mean'], part['scatter'])
    return Samples(count, **fields)
