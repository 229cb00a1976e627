"""An evaluator: a set of real examples, a setting, and what follows from both; it measures chunks of fakes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from gax import errors
from gax.evals import cache, features, gather, metrics
from gax.evals.frechet import Moments
from gax.evals.gather import Chunk
from gax.evals.metrics import Samples
from gax.evals.protocol import Protocol
from gax.evals.reference import Reference, halves

VERSION = 1  # of what the cache keeps; raise it where the same key would give other numbers
CACHED = ('moments', 'features', 'probabilities', 'labels')


class Setting(NamedTuple):
    """What to measure and how. features, metrics, resizer: empty for those that suit the data. num: of fakes.

    weights: file of the Inception's; '' looks where it is kept. cache: folder of the data's statistics.
    """

    metrics: tuple[str, ...] = ()
    features: str = ''
    num: int = 50_000
    seed: int = 0
    resizer: str = ''
    weights: str = ''
    cache: Path | None = None


class Reals(NamedTuple):
    """What fakes are compared with, and two disjoint sets of reals, `a` and `b`, of which the floor is measured."""

    reference: Samples
    a: Samples
    b: Samples


class Evaluator:
    """The programs, the reals and the floor of one setting on one set of data: made once, used for every step of a run.

    Nothing is computed before the first `measure`, but whatever is wrong with the setting is found when it is made.
    """

    def __init__(self, ref: Reference, setting: Setting, mesh: Mesh) -> None:
        self.ref, self.mesh = ref, mesh
        name = setting.features or features.default(ref.shape, ref.describe['data'])
        data, points = ref.describe['data'], len(ref.shape) == 1
        self.setting = setting._replace(features=name, metrics=setting.metrics or metrics.default(data))
        self.metrics = metrics.parse(self.setting.metrics, name)
        metrics.refuse_unfit(self.metrics, data, points)
        self.needs = metrics.needs(self.metrics)
        if setting.num < 2:
            raise errors.GaxError(f'an evaluation takes 2 samples at least, and num is {setting.num}')
        if 'labels' in self.needs and not ref.source.spec.num_classes:
            raise errors.GaxError(f'accuracy compares with labels, and {data} has none')
        self.extractor = None
        if self.needs & set(gather.OF_FEATURES):
            self.extractor = features.make(name, ref.shape, setting.resizer, setting.weights)
            made = self.extractor.shapes(ref.shape, ref.dtype)
            if 'probabilities' in self.needs and 'probabilities' not in made:
                raise errors.GaxError(
                    f'the features {name} have no classes, which a score takes; ask for frechet'
                )
        self.label = self.extractor.label if self.extractor else name
        self.names = metrics.names(self.metrics, self.label)
        self.batch = gather.size_of(self.extractor.batch if self.extractor else features.BATCH, mesh)
        self.gather = gather.gatherer(self.extractor, self.needs, mesh)

    def protocol(self, fakes: int | None = None) -> Protocol:
        """fakes: how many; as many as the setting says if not given."""
        a, b, alone = halves(self.ref.source.spec.size, self.setting.num)
        real = len(a) if alone else len(a) + len(b)
        made = self.extractor
        return Protocol(
            features=made.name if made else '',
            checksum=made.checksum if made else '',
            resizer=made.resizer if made else 'none',
            **self.ref.describe,
            real=real,
            fake=self.setting.num if fakes is None else fakes,
            seed=self.setting.seed,
        )

    @cached_property
    def reals(self) -> Reals:
        """Of the cache, or computed and kept there."""
        a, b, alone = halves(self.ref.source.spec.size, self.setting.num)
        one, other = self._half('a', a), self._half('b', b)
        return Reals(one if alone else gather.joined(one, other), one, other)

    def _half(self, which: str, indices: np.ndarray) -> Samples:
        wanted = self.needs | ({'labels'} if self.ref.source.spec.num_classes else set())
        seed = 0 if which == 'a' else 1  # of a source without end, which draws its examples
        keys = {need: self._key(need, which, len(indices)) for need in wanted if need in CACHED}
        folder = self.setting.cache or cache.default()
        found = {need: cache.load(folder, key) for need, key in keys.items()}
        if wanted <= {need for need, arrays in found.items() if arrays is not None}:
            return unpacked(len(indices), {need: arrays or {} for need, arrays in found.items()})
        collect = gather.gatherer(self.extractor, wanted, self.mesh)
        samples = collect(
            told(self.ref.read(indices, self.batch, seed), f'real examples {which}', len(indices))
        )
        for need, key in keys.items():
            cache.save(folder, key, packed(samples, need))
        return samples

    def _key(self, need: str, which: str, count: int) -> dict[str, Any]:
        protocol = self.protocol().to_dict()
        of_data = {name: protocol[name] for name in (*self.ref.describe, 'features', 'checksum', 'resizer')}
        return {
            **of_data,
            'files': self.ref.files,
            'need': need,
            'half': which,
            'count': count,
            'version': VERSION,
        }

    @cached_property
    def floor(self) -> dict[str, float]:
        """The same numbers of real data in the fakes' place: `b` against `a`. No generator can be expected to do better.

        In equal numbers where there is enough data: as many of each as the result has. Of a smaller set the floor is between
        its halves, so of fewer examples than the result, and a Frechet distance, which falls with the number of
        samples, is then higher than the floor at the result's own numbers would be; `floor_counts` says how many.
        """
        b = self.reals.b._replace(data=self.ref.describe['data'])
        return metrics.measure(self.metrics, self.label, self.reals.a, b, self.setting.seed)

    @property
    def floor_counts(self) -> list[int]:
        return [self.reals.a.num, self.reals.b.num]

    def labels(self, num: int) -> np.ndarray | None:
        """Classes to make fakes of, int32 [num], in the reference's own proportions to within one; None without classes."""
        classes, known = self.ref.source.spec.num_classes, self.reals.reference.labels
        if not classes or known is None:
            return None
        return in_proportion(np.bincount(known, minlength=classes), num, self.setting.seed)

    def measure(self, chunks: Iterable[Chunk]) -> tuple[dict[str, float], int]:
        """(the numbers of these fakes, how many there were)."""
        fakes = self.gather(chunks)._replace(data=self.ref.describe['data'])
        if 'labels' in self.needs and fakes.labels is None:
            raise errors.GaxError('accuracy is of fakes that were made for a class, and these were not')
        real = self.reals.reference
        return metrics.measure(self.metrics, self.label, real, fakes, self.setting.seed), fakes.num

    def row(
        self, step: int | None, found: Mapping[str, float], fakes: int, began: float, by: str
    ) -> dict[str, Any]:
        """The line of eval.jsonl; began: of time.perf_counter."""
        return {
            'step': step,
            'metrics': dict(found),
            'floor': self.floor,
            'floor_counts': self.floor_counts,
            'protocol': self.protocol(fakes).to_dict(),
            'by': by,
            'seconds': round(time.perf_counter() - began, 3),
            'time': datetime.now(UTC).isoformat(timespec='seconds'),
        }


def in_proportion(counts: np.ndarray, num: int, seed: int) -> np.ndarray:
    """`num` classes, int32, each as often as its share of `counts`, to within one; in random order."""
    edges = np.cumsum(counts) / counts.sum()
    labels: np.ndarray = np.searchsorted(edges, (np.arange(num) + 0.5) / num, side='right').astype(np.int32)
    return np.random.default_rng(seed).permutation(labels)


def packed(samples: Samples, need: str) -> cache.Arrays:
    """One field of Samples as arrays for the cache."""
    if need == 'moments':
        assert samples.moments is not None
        num, mean, scatter = samples.moments
        return {'num': np.array(num), 'mean': mean, 'scatter': scatter}
    return {need: getattr(samples, need)}


def unpacked(count: int, arrays: Mapping[str, cache.Arrays]) -> Samples:
    """Samples of what `packed` made."""
    fields: dict[str, Any] = {need: found[need] for need, found in arrays.items() if need != 'moments'}
    if 'moments' in arrays:
        found = arrays['moments']
        fields['moments'] = Moments(int(found['num']), found['mean'], found['scatter'])
    return Samples(count, **fields)


def told(chunks: Iterator[Chunk], what: str, total: int) -> Iterator[Chunk]:
    """The chunks, with a bar that says how many samples are done and how many a second, on a terminal."""
    from tqdm import tqdm

    with tqdm(total=total, desc=what, unit='sample', dynamic_ncols=True, disable=None, leave=False) as bar:
        for chunk in chunks:
            yield chunk
            bar.update(chunk.valid)
