"""The metrics by name: what each needs to know of two sets of samples, the numbers it gives, and which way is
better.

A Frechet distance is a FID, a kernel distance a KID and a score an IS on the Inception of FID only, with the
published weights. On other features, and with other weights, they are called after the features:
`frechet_mnist`, `kernel_mnist`, `score_mnist`, and likewise `precision_mnist`, `frechet_inception` ...

A metric of your own is a `Metric` in a module of yours, asked for by its import path: package.module:metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gax import errors
from gax.core import lookup
from gax.core.spec import KINDS, Field
from gax.data import synthetic
from gax.evals import digit_accuracy
from gax.evals.metrics import (
    fid,
    inception_score,
    kid,
    mode_coverage,
    ms_ssim,
    nearest_neighbors,
    prdc,
    ranking,
    swd,
)

LOWER, HIGHER = 'lower', 'higher'
OWN = {'frechet': 'fid', 'kernel': 'kid', 'kernel_std': 'kid_std', 'score': 'is', 'score_std': 'is_std'}
MEANS = {own: name for name, own in OWN.items()}  # what somebody who asks for a FID wants


class Samples(NamedTuple):
    """What is known of a set of examples, `num` of which are held; None where no metric asked for it.

    moments: of the features, and perhaps of more examples than are held. features float32 [N, D].
    probabilities float32 [N, K]. x: the examples as they are evaluated (collect.EVALUATED), [N, ...]. labels
    int32 [N]: of reals their own, of fakes the classes that they were made for; None where there are none.
    data: the name of the reals.
    """

    num: int
    moments: fid.Moments | None = None
    features: Any = None
    probabilities: Any = None
    x: Any = None
    labels: Any = None
    data: str = ''


class Metric(NamedTuple):
    """needs: fields of Samples. gives: name -> LOWER or HIGHER is better, '' where neither is.

    measure: (real, fake, seed) -> name -> number. least: how many reals and how many fakes it takes.
        by_features: its names
    carry the extractor's. side: of the smallest images that it takes. kinds: of the examples that it takes.
    """

    needs: tuple[str, ...]
    gives: Mapping[str, str]
    measure: Callable[[Samples, Samples, int], Mapping[str, float]]
    least: tuple[int, int] = (1, 1)
    by_features: bool = True
    side: int = 1
    kinds: tuple[str, ...] = KINDS


def _frechet(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    assert real.moments is not None
    assert fake.moments is not None
    return {'frechet': fid.distance(real.moments, fake.moments).distance}


def _kernel(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """100 subsets of 1,000; where a set has no more than that, of half of the smaller set."""
    smaller = min(len(real.features), len(fake.features))
    size = kid.SIZE if smaller > kid.SIZE else max(2, smaller // 2)
    found = kid.distance(real.features, fake.features, size=size)
    return {'kernel': found.mean, 'kernel_std': found.std}


def _score(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    found = inception_score.score(fake.probabilities, min(inception_score.SPLITS, fake.num))
    return {'score': found.mean, 'score_std': found.std}


def _accuracy(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """The share of samples that the extractor's classifier calls by the class they were made for."""
    return {'accuracy': float((fake.probabilities.argmax(-1) == fake.labels).mean())}


def _prdc(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    return prdc.prdc(real.features, fake.features)._asdict()


def _nearest(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """Of as many of both as the smaller set has: their order is a random one."""
    count = min(len(real.features), len(fake.features))
    found = nearest_neighbors.two_sample(real.features[:count], fake.features[:count])
    return {'nearest': found.accuracy, 'nearest_real': found.real, 'nearest_fake': found.fake}


def _modes(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """Of the mixture that the points were drawn from, or of the 1,000 triples of stacked digits."""
    kind, _, name = fake.data.partition(':')
    if kind == 'synthetic':
        centers, std = synthetic.MIXTURES[name]
        found = mode_coverage.gaussian(fake.x, np.asarray(centers, np.float32), std)
    else:
        found = digit_accuracy.stacked_coverage(fake.x)
    return {
        'modes': float(found.modes),
        'quality': float(found.quality),
        'reverse_kl': float(found.reverse_kl),
    }


def _swd(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """Of images the mean over the levels, of other kinds of the numbers of an example as one point; of as many
    of both, and at most SWD of them: their order is a random one.
    """
    count = min(len(real.x), len(fake.x), SWD)
    one, other = real.x[:count], fake.x[:count]
    if one.ndim == 4:
        return {'swd': swd.images(one, other, seed)['mean']}
    return {'swd': swd.points(one.reshape(count, -1), other.reshape(count, -1), seed=seed)}


def _ms_ssim(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """Between 1,000 random pairs, of whatever classes: not every generator knows any."""
    return {'ms_ssim': ms_ssim.diversity(fake.x, seed=seed).mean}


SLICED = ('image', 'point', 'audio', 'series', 'table')  # kinds of real numbers
SWD = 8192
BYTES, FEWEST = 2**30, 256  # of examples that are held: of large images fewer than SWD, but some
HAVE_MODES = ('embedded:stacked_mnist', *(f'synthetic:{name}' for name in synthetic.MIXTURES))
METRICS: dict[str, Metric] = {
    'frechet': Metric(('moments',), {'frechet': LOWER}, _frechet, (2, 2)),
    'kernel': Metric(('features',), {'kernel': LOWER, 'kernel_std': ''}, _kernel, (2, 2)),
    'prdc': Metric(
        ('features',),
        dict.fromkeys(('precision', 'recall', 'density', 'coverage'), HIGHER),
        _prdc,
        (prdc.K + 1, prdc.K + 1),
    ),
    'nearest': Metric(
        ('features',), dict.fromkeys(('nearest', 'nearest_real', 'nearest_fake'), ''), _nearest, (2, 2)
    ),
    'score': Metric(('probabilities',), {'score': HIGHER, 'score_std': ''}, _score, (0, 1)),
    'accuracy': Metric(('probabilities', 'labels'), {'accuracy': HIGHER}, _accuracy, (1, 1)),
    'swd': Metric(('x',), {'swd': LOWER}, _swd, (1, 1), False, swd.PATCH, SLICED),
    'ms_ssim': Metric(('x',), {'ms_ssim': ''}, _ms_ssim, (0, 2), False, ms_ssim.WINDOW, ('image',)),
    'modes': Metric(
        ('x',),
        {'modes': HIGHER, 'quality': HIGHER, 'reverse_kl': LOWER},
        _modes,
        (0, 1),
        by_features=False,
        kinds=('image', 'point'),
    ),
}


def metric(name: str) -> Metric:
    """The metric called `name`, or the one that an import path, 'package.module:metric', leads to.

    Raises GaxError for an unknown name, and for a path that leads to no Metric.
    """
    if name in METRICS or not lookup.is_path(name):
        return errors.lookup('metric', name, METRICS)
    thing = lookup.load('metric', name)
    if not isinstance(thing, Metric):
        raise errors.GaxError(
            f'the metric {name!r} must be a gax.evals.registry.Metric, and is {type(thing).__name__}'
        )
    return thing


def default(data: str, kind: str) -> tuple[str, ...]:
    """The metrics that suit the data: its modes where they are known, else distances of features and of what
    is seen.

    `swd` is there for all kinds that it takes: features may be blind to what it sees at once, such as noise.
    """
    if data in HAVE_MODES:
        return ('modes', 'swd')
    return tuple(
        name for name in ('frechet', 'swd', 'ms_ssim', 'kernel', 'prdc') if kind in METRICS[name].kinds
    )


def why_not(name: str, data: str, field: Field, reals: int, fakes: int) -> str:
    """Why so many examples of a field have no metric `name`; '' where they have it."""
    asked, shape = metric(name), field.shape
    if field.kind not in asked.kinds:
        takes, has = (' or '.join(map(plural, kinds)) for kinds in (asked.kinds, (field.kind,)))
        return f'{name} is of {takes}, and {data} has {has}'
    if name == 'modes' and data not in HAVE_MODES:
        return f'modes are known of {", ".join(HAVE_MODES)} only, and the data are {data}'
    if field.kind == 'image' and min(shape[:2]) < asked.side:
        return (
            f'{name} takes images of {asked.side} pixels or more to a side, and {data} has {min(shape[:2])}'
        )
    for count, least, what in zip((reals, fakes), asked.least, ('reals', 'fakes'), strict=True):
        if count < least:
            return f'{name} takes {least} {what} at least, and there {"is" if count == 1 else "are"} {count}'
    return ''


def plural(kind: str) -> str:
    """'images' of 'image'."""
    return f'{kind}s' if kind in ('image', 'point', 'video', 'table') else kind


def known() -> list[str]:
    """What may be asked for."""
    return [*METRICS, *(name for name in MEANS if '_' not in name), 'package.module:metric']


def check(names: Sequence[str]) -> None:
    """Raises GaxError for a name that cannot be a metric's, whatever the features."""
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong or isinstance(names, str):
        what = names if isinstance(names, str) else wrong[0]
        raise errors.GaxError(
            f"config.eval.metrics must be a tuple of names, such as ('frechet', 'swd'), and holds {what!r}; "
            f'valid: {", ".join(known())}'
        )
    for name in names:
        if lookup.is_path(name):
            metric(name)
        elif name not in known() and not any(name.startswith(f'{base}_') for base in METRICS):
            raise errors.GaxError(errors.choices('metric', name, known()))


def parse(names: Sequence[str], features: str) -> dict[str, Metric]:
    """The metrics asked for, in order. `fid`, `kid` and `is` are asked for on the Inception, or refused; with
    which weights is another matter, and says what they are called.

    Raises GaxError for a name that is none, and for one that promises other features than `features`.
    """
    found: dict[str, Metric] = {}
    for name in names:
        base = MEANS.get(name, name)
        if name in MEANS and features != 'inception':
            raise errors.GaxError(
                f'{name} is the {base} on Inception features; with the features {features} ask for {base} '
                f'(it is called {reported(base, features)}), or give --features=inception'
            )
        if base not in METRICS and base.removesuffix(f'_{features}') in METRICS:
            base = base.removesuffix(f'_{features}')
        if base not in METRICS and not lookup.is_path(base):
            raise errors.GaxError(errors.choices('metric', name, known()))
        found[base] = metric(base)
    if not found:
        raise errors.GaxError(f'no metric is asked for; valid: {", ".join(METRICS)}')
    refuse_same_numbers(found)
    return found


def refuse_same_numbers(metrics: Mapping[str, Metric]) -> None:
    """Raises GaxError where two metrics give a number of the same name."""
    giver: dict[str, str] = {}
    for name, one in metrics.items():
        for number in one.gives:
            if number in giver:
                raise errors.GaxError(f'{giver[number]} and {name} both give a number called {number}')
            giver[number] = name


def reported(name: str, label: str) -> str:
    """What the number `name` is called on the features of an extractor with this label: '' is that of FID."""
    if not label:
        return OWN.get(name, name)
    base = name.removesuffix('_std')
    return f'{base}_{label}{name.removeprefix(base)}'


def names(metrics: Mapping[str, Metric], label: str) -> dict[str, str]:
    """The name of every number that the metrics give, as reported -> which way is better."""
    return {
        reported(name, label) if metric.by_features else name: better
        for metric in metrics.values()
        for name, better in metric.gives.items()
    }


def direction(metrics: Mapping[str, Metric], label: str, name: str) -> tuple[str, bool]:
    """(the number `name` as reported, whether higher is better); `name` with or without the features' name.

    Raises GaxError for a number that the metrics do not give, and for one that has no better and worse.
    """
    given = names(metrics, label)
    found = name if name in given else reported(MEANS.get(name, name), label)
    directed = [one for one, better in given.items() if better]
    if found not in directed:
        raise errors.GaxError(errors.choices('number to be the best by', name, directed))
    return found, given[found] == HIGHER


def needs(metrics: Mapping[str, Metric]) -> set[str]:
    return {need for metric in metrics.values() for need in metric.needs}


def most_held(metrics: Mapping[str, Metric], shape: Sequence[int]) -> int:
    """How many examples of that shape are held: 0 for all, where a metric counts every one."""
    if 'modes' in metrics:
        return 0
    return int(np.clip(BYTES // math.prod(shape), FEWEST, SWD))


def in_order(samples: Samples, salt: int) -> Samples:
    """The same set in the order that `ranking` makes of it, whatever order it came in.

    (Of the examples there may be fewer.)
    """
    x = samples.x
    if x is not None:
        x = x[ranking.shuffled(ranking.projections(x), None, salt)]
    rows = {name: getattr(samples, name) for name in ('features', 'probabilities', 'labels')}
    rows = {name: row for name, row in rows.items() if row is not None}
    by = next((row for name, row in rows.items() if name != 'labels'), None)
    if by is None:
        return samples._replace(x=x)
    chosen = ranking.shuffled(ranking.projections(by), samples.labels, salt)
    return samples._replace(x=x, **{name: row[chosen] for name, row in rows.items()})


def measure(
    metrics: Mapping[str, Metric], label: str, real: Samples, fake: Samples, seed: int
) -> dict[str, float]:
    """All numbers, by the names of `names`, whatever the order of both sets.

    Raises GaxError for one that is not finite.
    """
    found: dict[str, float] = {}
    real, fake = in_order(real, ranking.REAL), in_order(fake, ranking.FAKE)
    for metric in metrics.values():
        for name, value in metric.measure(real, fake, seed).items():
            found[reported(name, label) if metric.by_features else name] = float(value)
    bad = [name for name, value in found.items() if not np.isfinite(value)]
    if bad:
        raise errors.GaxError(f'{bad[0]} is not finite: look at the samples')
    return found
