"""An evaluator: a set of real examples, a setting, and what follows from both; it measures chunks of
fakes.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from gax import errors
from gax.core.spec import Spec
from gax.evals import cache, classes, registry
from gax.evals import collect as gather
from gax.evals.collect import Chunk
from gax.evals.features import extractors
from gax.evals.metrics import ranking
from gax.evals.metrics.fid import Moments
from gax.evals.protocol import Protocol
from gax.evals.reference import Parts, Reference, parts
from gax.evals.registry import Metric, Samples

VERSION = 2  # of what the cache keeps; raise it where the same key would give other numbers
CACHED = ('moments', 'features', 'probabilities', 'labels')
FEWEST, MOST = 1000, 50_000  # fakes where nobody says how many


class Setting(NamedTuple):
    """What to measure and how. features, metrics, resizer: empty for those that suit the data. num: of fakes;
    0: as many as there are reals, FEWEST at least and MOST at most. reals: at most how many, chosen at
        random; 0: all.

    weights: file of the Inception's; '' looks where it is kept. cache: folder of the data's statistics.
    """

    metrics: tuple[str, ...] = ()
    features: str = ''
    num: int = 0
    seed: int = 0
    resizer: str = ''
    weights: str = ''
    cache: Path | None = None
    reals: int = 0


class Reals(NamedTuple):
    """What fakes are compared with, and two disjoint sets of reals, `a` and `b`, of which the floor is
    measured.

    labels: of all that the fakes are compared with, whether they are held or not, int32; None without
    classes.
    """

    reference: Samples
    a: Samples
    b: Samples
    labels: np.ndarray | None


class Evaluator:
    """The programs, the reals and the floor of one setting on one set of data: made once, used for every step
    of a run.

    Nothing is computed before the first `measure`, but whatever counts, shapes and names tell is found when
    it is made.
    notes: lines to tell whoever reads the results: what is left out, and why.
    """

    def __init__(self, ref: Reference, setting: Setting, mesh: Mesh) -> None:
        self.ref, self.mesh, self.notes = ref, mesh, list[str]()
        spec, data = ref.source.spec, ref.describe['data']
        if setting.num < 0 or setting.reals < 0:
            raise errors.GaxError(f'--num={setting.num}, --reals={setting.reals}: neither can be below 0')
        name, why = setting.features, ''
        if not name:
            name, why = extractors.default(ref.shape, data, setting.weights, setting.metrics, ref.field.kind)
        self.setting = setting._replace(features=name, num=setting.num or enough(spec))
        self.real = min(setting.reals or spec.size, spec.size) if spec.size else self.setting.num
        self.metrics = self._metrics(name)
        self.needs = registry.needs(self.metrics)
        self.extractor = None
        if self.needs & set(gather.OF_FEATURES):
            self.notes += [why] if why else []
            self.extractor = extractors.make(name, ref.shape, setting.resizer, setting.weights)
            makes = self.extractor.shapes(ref.shape, ref.dtype)
            if 'probabilities' in self.needs and 'probabilities' not in makes:
                raise errors.GaxError(
                    f'the features {name} have no classes, which a score takes; ask for frechet'
                )
        if 'labels' in self.needs:
            assert self.extractor is not None
            classes.refuse_other(self.extractor, makes['probabilities'].shape[-1], spec)
        self.label = self.extractor.label if self.extractor else name
        self.names = registry.names(self.metrics, self.label)
        self.batch = gather.size_of(self.extractor.batch if self.extractor else extractors.BATCH, mesh)
        self._held = registry.most_held(self.metrics, ref.shape)
        self.gather = gather.gatherer(self.extractor, self.needs, mesh, self._held)
        self._floored = self._floor_metrics()

    def _metrics(self, name: str) -> dict[str, Metric]:
        """Those asked for; GaxError where one cannot be had. Of the default ones those that can be had."""
        ref, data = self.ref, self.ref.describe['data']
        usual = registry.default(data, ref.field.kind)
        chosen = registry.parse(self.setting.metrics or usual, name) if self.setting.metrics or usual else {}
        if not name:
            chosen = {one: metric for one, metric in chosen.items() if not metric.by_features}
        if not chosen:
            raise errors.GaxError(
                f'no metric at hand suits {data}, whose examples are {ref.field.kind}: give features of them, '
                '--features=package.module:function, or other --metrics'
            )
        counts = self.real, self.setting.num
        reasons = {one: registry.why_not(one, data, ref.field, *counts) for one in chosen}
        lacking = [reason for reason in reasons.values() if reason]
        if lacking and (self.setting.metrics or len(lacking) == len(chosen)):
            raise errors.GaxError(lacking[0])
        self.notes += [f'left out: {reason}' for reason in lacking]
        return {one: metric for one, metric in chosen.items() if not reasons[one]}

    def _floor_metrics(self) -> dict[str, Metric]:
        """The metrics of which two disjoint sets of reals are enough to have a floor; of the others a note
        says so.
        """
        cut = self._cut(np.arange(self.real))
        reals, fakes = len(cut.a), len(cut.b)
        lacking = [
            name
            for name, metric in self.metrics.items()
            if reals < metric.least[0] or fakes < metric.least[1]
        ]
        if lacking:
            self.notes.append(
                f'no number of real data for {", ".join(lacking)}: {self.real} reals are too few to be held against one '
                f'another, {reals} and {fakes}'
            )
        return {name: metric for name, metric in self.metrics.items() if name not in lacking}

    def _cut(self, chosen: np.ndarray) -> Parts:
        """Of a source without end, `a` and `b` are drawn, as many as fakes each."""
        if not self.ref.source.spec.size:
            return Parts(chosen, chosen, chosen[:0])
        return parts(chosen, self.setting.num)

    def protocol(self, fakes: int | None = None) -> Protocol:
        """fakes: how many; as many as the setting says if not given."""
        extractor = self.extractor
        described: dict[str, Any] = {**self.ref.describe}
        return Protocol(
            features=extractor.name if extractor else '',
            checksum=extractor.checksum if extractor else '',
            resizer=extractor.resizer if extractor else 'none',
            **described,
            real=self.real,
            fake=self.setting.num if fakes is None else fakes,
            seed=self.setting.seed,
        )

    @cached_property
    def reals(self) -> Reals:
        """Of the cache, or computed and kept there."""
        cut = self._cut(self._chosen())
        a, b = self._part('a', cut.a, 0), self._part('b', cut.b, 1)
        labels = [part.labels for part in (a, b) if part.labels is not None]
        if 'moments' in self.needs and len(cut.rest):
            rest = self._part('rest', cut.rest, 0, {'moments'})
            a = a._replace(moments=gather.merged(a, rest))
            labels += [] if rest.labels is None else [rest.labels]
        both = a if not self.ref.source.spec.size else gather.joined(a, b, self.setting.num)
        if 'labels' in self.needs:
            assert self.extractor is not None
            classes.refuse_unlike(self.extractor, both.probabilities, both.labels, self.ref.describe['data'])
        return Reals(both, a, b, np.concatenate(labels) if labels else None)

    def _chosen(self) -> np.ndarray:
        """The reals in random order, int32 [self.real]; kept, as it takes a look at all of them."""
        size = self.ref.source.spec.size
        if not size:
            return np.arange(self.real, dtype=np.int32)
        folder, key = self.setting.cache or cache.default(), self._key('order', 'all', size)
        kept = cache.load(folder, key)
        if kept is None:
            kept = {'order': ranking.of_source(self.ref.read, size, ranking.REAL)}
            cache.save(folder, key, kept)
        return kept['order'][: self.real]

    def _part(
        self, which: str, indices: np.ndarray, seed: int, needs: Collection[str] | None = None
    ) -> Samples:
        """What is known of these reals. seed: of a source without end, which draws them. needs: the metrics'
        if not given.
        """
        if not len(indices):
            return Samples(0)
        wanted = set(needs or self.needs) | ({'labels'} if self.ref.source.spec.num_classes else set())
        keys = {need: self._key(need, which, len(indices)) for need in wanted if need in CACHED}
        folder = self.setting.cache or cache.default()
        kept = {need: cache.load(folder, key) for need, key in keys.items()}
        if wanted <= {need for need, arrays in kept.items() if arrays is not None}:
            return unpacked(len(indices), {need: arrays or {} for need, arrays in kept.items()})
        collect = gather.gatherer(self.extractor, wanted, self.mesh, self._held)
        samples = collect(
            told(self.ref.read(indices, self.batch, seed), f'real examples {which}', len(indices))
        )
        for need, key in keys.items():
            cache.save(folder, key, packed(samples, need))
        return samples

    def _key(self, need: str, which: str, count: int) -> dict[str, Any]:
        protocol = self.protocol().to_dict()
        of_data = {name: protocol[name] for name in (*self.ref.describe, 'features', 'checksum', 'resizer')}
        if need == 'order':
            of_data = dict(self.ref.describe)
        return {
            **of_data,
            'files': self.ref.files,
            'need': need,
            'part': which,
            'count': count,
            'cut': [] if need == 'order' else [self.real, self.setting.num],
            'version': VERSION,
        }

    @cached_property
    def floor(self) -> dict[str, float]:
        """The same numbers of real data in the fakes' place: `b` against `a`. No generator can be expected to
        do better.

        As many as the result has where there are twice as many reals. Of fewer it is one half against the
        other, and a Frechet distance, which falls with the number of samples, is higher than at the result's
        own numbers; `floor_counts` says how many. What so few do not have is left out.
        """
        b = self.reals.b._replace(data=self.ref.describe['data'])
        return registry.measure(self._floored, self.label, self.reals.a, b, self.setting.seed)

    @property
    def floor_counts(self) -> list[int]:
        cut = self._cut(np.arange(self.real))
        return [len(cut.a) + len(cut.rest), len(cut.b)]

    def labels(self, num: int) -> np.ndarray | None:
        """Classes to make fakes of, int32 [num], in the reference's own proportions to within one; None
        without classes.
        """
        count, known = self.ref.source.spec.num_classes, self.reals.labels
        if not count or known is None:
            return None
        return in_proportion(np.bincount(known, minlength=count), num, self.setting.seed)

    def measure(self, chunks: Iterable[Chunk]) -> tuple[dict[str, float], int]:
        """(the numbers of these fakes, how many there were)."""
        fakes = self.gather(chunks)._replace(data=self.ref.describe['data'])
        if 'labels' in self.needs and fakes.labels is None:
            raise errors.GaxError('accuracy is of fakes that were made for a class, and these were not')
        real = self.reals.reference
        return registry.measure(self.metrics, self.label, real, fakes, self.setting.seed), fakes.num

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


def enough(spec: Spec) -> int:
    """How many fakes to make where nobody says so: as many as there are reals, not too few and not too
    many.
    """
    return min(max(spec.size or 10_000, FEWEST), MOST)


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
