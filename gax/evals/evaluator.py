"""An evaluator: real examples and a setting, from which it measures chunks of fakes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from gax import errors
from gax.core.spec import Spec
from gax.evals import classes, measurement, number_names, progress, registry
from gax.evals import collect as gather
from gax.evals.collect import Chunk
from gax.evals.features import extractors
from gax.evals.metric import PAIRED, Metric, Samples
from gax.evals.protocol import Protocol
from gax.evals.real_statistics import Reals, RealStatistics
from gax.evals.reference import Parts, Reference, parts

FEWEST, MOST = 1000, 50_000  # bounds of the default number of fakes


class Setting(NamedTuple):
    """What to measure, and how.

    Attributes:
      metrics: The names of the metrics; empty for those that suit the data.
      features: The name of the features; '' for those that suit the data.
      num: The number of fakes; 0: as many as there are reals, at least FEWEST and at most MOST.
      seed: Of the fakes and of the metrics.
      resizer: The resizer of the features; '' for the usual one.
      weights: The file of the Inception's weights; '' looks in the usual places.
      cache: The folder of the data's statistics; None for the usual one.
      reals: The most reals to use, chosen at random; 0: all.
      standing: Batches of standing statistics (see core.standing); 0: running averages; None: as the config
        of the run says.
    """

    metrics: tuple[str, ...] = ()
    features: str = ''
    num: int = 0
    seed: int = 0
    resizer: str = ''
    weights: str = ''
    cache: Path | None = None
    reals: int = 0
    standing: int | None = None


class Pairs(NamedTuple):
    """What is known of fakes that are made from images.

    Attributes:
      has: The fields of metric.PAIRED that the fakes have.
      comparison: How fakes are compared with targets, for the protocol.
      inputs: The fields that metrics need -> a function: (num, batch) -> chunks with the inputs themselves in
        place of the fakes, or None; see translated.inputs.
    """

    has: frozenset[str]
    comparison: str
    inputs: Callable[[Collection[str]], Callable[[int, int], Iterator[Chunk]] | None]


class Evaluator:
    """The programs, the reals and the floor of one setting on one data set; reused at every step of a run.

    Invalid settings are refused in the constructor, as far as counts, shapes and names tell. Nothing is
    computed before the first `measure`.

    Attributes:
      ref: The real examples.
      mesh: The devices.
      setting: The setting, with the defaults filled in.
      real: The number of reals.
      metrics: Name -> metric.
      needs: The fields of Samples that the metrics read.
      extractor: The features, or None if no metric needs any.
      label: The label of the features in the names of numbers.
      names: The name of every number -> which direction is better.
      batch: The number of examples in a chunk.
      gather: chunks -> Samples.
      notes: Lines for the reader of the results: what is left out, and why.
      pairs: Of a game that makes images from images; None for others.
    """

    def __init__(self, ref: Reference, setting: Setting, mesh: Mesh, pairs: Pairs | None = None) -> None:
        """Prepares an evaluation.

        Args:
          ref: The real examples.
          setting: What to measure. With `pairs` every example is translated once at most.
          mesh: The devices.
          pairs: Of a game that makes images from images.

        Raises:
          GaxError: A number is negative, or a metric or the features do not go with the data.
        """
        self.ref, self.mesh, self.notes, self.pairs = ref, mesh, list[str](), pairs
        spec, data = ref.source.spec, ref.describe['data']
        if setting.num < 0 or setting.reals < 0:
            raise errors.GaxError(f'--num={setting.num}, --reals={setting.reals}: neither can be below 0')
        name, why = setting.features, ''
        if not name:
            name, why = extractors.default(ref.shape, data, setting.weights, setting.metrics, ref.field.kind)
        num = min(setting.num or MOST, spec.size) if pairs else setting.num or enough(spec)
        self.setting = setting._replace(features=name, num=num)
        self.real = min(setting.reals or spec.size, spec.size) if spec.size else self.setting.num
        self.metrics = self._metrics(name)
        self.needs = measurement.needs(self.metrics)
        self._unpaired = {one: metric for one, metric in self.metrics.items() if not metric.paired}
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
        self.names = number_names.names(self.metrics, self.label)
        self.batch = gather.size_of(self.extractor.batch if self.extractor else extractors.BATCH, mesh)
        self._held = measurement.most_held(self.metrics, ref.shape)
        self.gather = gather.gatherer(self.extractor, self.needs, mesh, self._held)
        self._floored = self._floor_metrics()

    def _metrics(self, name: str) -> dict[str, Metric]:
        """The requested metrics, or those of the default ones that apply.

        Raises:
          GaxError: A requested metric does not apply, or none does.
        """
        ref, data = self.ref, self.ref.describe['data']
        has = self.pairs.has if self.pairs else frozenset()
        usual = registry.default(data, ref.field.kind, has)
        chosen = registry.parse(self.setting.metrics or usual, name) if self.setting.metrics or usual else {}
        if not name:
            chosen = {one: metric for one, metric in chosen.items() if not metric.by_features}
        if not chosen:
            raise errors.GaxError(
                f'no metric at hand suits {data}, whose examples are {ref.field.kind}: give features of '
                'them, --features=package.module:function, or other --metrics'
            )
        counts = self.real, self.setting.num
        reasons = {one: registry.why_not(one, data, ref.field, *counts, has) for one in chosen}
        lacking = [reason for reason in reasons.values() if reason]
        if lacking and (self.setting.metrics or len(lacking) == len(chosen)):
            raise errors.GaxError(lacking[0])
        self.notes += [f'left out: {reason}' for reason in lacking]
        return {one: metric for one, metric in chosen.items() if not reasons[one]}

    def _floor_metrics(self) -> dict[str, Metric]:
        """The unpaired metrics that two disjoint sets of reals suffice for; a note names the others."""
        cut = self._cut(np.arange(self.real))
        reals, fakes = len(cut.a), len(cut.b)
        lacking = [
            name
            for name, metric in self._unpaired.items()
            if reals < metric.least[0] or fakes < metric.least[1]
        ]
        if lacking:
            self.notes.append(
                f'no number of real data for {", ".join(lacking)}: {self.real} reals are too few to be held '
                f'against one another, {reals} and {fakes}'
            )
        return {name: metric for name, metric in self._unpaired.items() if name not in lacking}

    def _cut(self, chosen: np.ndarray) -> Parts:
        """Splits the reals. For an infinite source, `a` and `b` are drawn, each as many as the fakes."""
        if not self.ref.source.spec.size:
            return Parts(chosen, chosen, chosen[:0])
        return parts(chosen, self.setting.num)

    def protocol(self, fakes: int | None = None) -> Protocol:
        """The protocol of a result.

        Args:
          fakes: The number of fakes; None: as in the setting.
        """
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
            pairs=self.pairs.comparison if self.pairs else '',
            standing=self.setting.standing or 0,
        )

    @property
    def statistics(self) -> RealStatistics:
        """What computes the reals' statistics, or reads them from the cache."""
        protocol = self.protocol().to_dict()
        return RealStatistics(
            ref=self.ref,
            mesh=self.mesh,
            folder=self.setting.cache,
            extractor=self.extractor,
            features={name: protocol[name] for name in ('features', 'checksum', 'resizer')},
            needs=frozenset(measurement.needs(self._unpaired)),
            counts=(self.real, self.setting.num),
            batch=self.batch,
            held=self._held,
        )

    @cached_property
    def reals(self) -> Reals:
        """The reals' statistics, from the cache, or computed and cached."""
        statistics = self.statistics
        cut = self._cut(statistics.order())
        a, b = statistics.part('a', cut.a, 0), statistics.part('b', cut.b, 1)
        labels = [part.labels for part in (a, b) if part.labels is not None]
        if 'moments' in statistics.needs and len(cut.rest):
            rest = statistics.part('rest', cut.rest, 0, {'moments'})
            a = a._replace(moments=gather.merged(a, rest))
            labels += [] if rest.labels is None else [rest.labels]
        both = a if not self.ref.source.spec.size else gather.joined(a, b, self.setting.num)
        if 'labels' in self.needs:
            assert self.extractor is not None
            classes.refuse_unlike(self.extractor, both.probabilities, both.labels, self.ref.describe['data'])
        return Reals(both, a, b, np.concatenate(labels) if labels else None)

    @cached_property
    def floor(self) -> dict[str, float]:
        """The same numbers for real data in place of the fakes: `b` against `a`.

        No generator can be expected to do better. With twice as many reals as fakes, the floor is measured at
        the result's numbers of samples. With fewer, it is one half against the other, and a Frechet distance,
        which falls with the number of samples, is higher than at the result's numbers; `floor_counts` gives
        the numbers. Metrics that need more samples are left out.
        """
        if not self._floored:
            return {}
        b = self.reals.b._replace(data=self.ref.describe['data'], info=self.ref.field.info)
        return measurement.measure(self._floored, self.label, self.reals.a, b, self.setting.seed)

    @cached_property
    def baseline(self) -> dict[str, float]:
        """The same numbers for the inputs in place of the fakes, of a game that makes images from images.

        {} where they are no images that could stand for the targets.
        """
        make = self.pairs.inputs(self.needs & set(PAIRED)) if self.pairs else None
        if make is None:
            return {}
        chunks = make(self.setting.num, self.batch)
        return self.measure(progress.with_bar(chunks, 'inputs in place of fakes', self.setting.num))[0]

    @property
    def floor_counts(self) -> list[int]:
        """The numbers of reals on both sides of the floor."""
        cut = self._cut(np.arange(self.real))
        return [len(cut.a) + len(cut.rest), len(cut.b)]

    def labels(self, num: int) -> np.ndarray | None:
        """Classes to generate fakes for, int32 [num].

        They are in the reference's proportions, to within one; None without classes.
        """
        count, known = self.ref.source.spec.num_classes, self.reals.labels
        if not count or known is None:
            return None
        return in_proportion(np.bincount(known, minlength=count), num, self.setting.seed)

    def measure(self, chunks: Iterable[Chunk]) -> tuple[dict[str, float], int]:
        """Measures fakes.

        Args:
          chunks: The fakes.

        Returns:
          (name -> number, the number of fakes).

        Raises:
          GaxError: A metric needs labels and the fakes have none, or a number is not finite.
        """
        fakes = self.gather(chunks)._replace(data=self.ref.describe['data'], info=self.ref.field.info)
        if 'labels' in self.needs and fakes.labels is None:
            raise errors.GaxError('accuracy is of fakes that were made for a class, and these were not')
        real = self.reals.reference if self._unpaired else Samples(0)
        return measurement.measure(self.metrics, self.label, real, fakes, self.setting.seed), fakes.num

    def row(
        self, step: int | None, numbers: Mapping[str, float], fakes: int, began: float, by: str
    ) -> dict[str, Any]:
        """The line of eval.jsonl.

        Args:
          step: The step of the state, or None.
          numbers: Name -> number.
          fakes: The number of fakes.
          began: The start of the evaluation, from time.perf_counter.
          by: The program that evaluates.
        """
        return {
            'step': step,
            'metrics': dict(numbers),
            'floor': self.floor,
            **({'baseline': self.baseline} if self.baseline else {}),
            'floor_counts': self.floor_counts,
            'protocol': self.protocol(fakes).to_dict(),
            'by': by,
            'seconds': round(time.perf_counter() - began, 3),
            'time': datetime.now(UTC).isoformat(timespec='seconds'),
        }


def enough(spec: Spec) -> int:
    """The default number of fakes: as many as there are reals, at least FEWEST and at most MOST."""
    return min(max(spec.size or 10_000, FEWEST), MOST)


def in_proportion(counts: np.ndarray, num: int, seed: int) -> np.ndarray:
    """`num` classes, int32, each by its share of `counts`, to within one; in random order."""
    edges = np.cumsum(counts) / counts.sum()
    labels: np.ndarray = np.searchsorted(edges, (np.arange(num) + 0.5) / num, side='right').astype(np.int32)
    return np.random.default_rng(seed).permutation(labels)
