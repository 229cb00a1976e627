"""The metrics by name: the statistics that each needs, the numbers it gives, and which direction is better.

A Frechet distance is called FID, a kernel distance KID and a score IS only on the Inception of FID with the
published weights. With other features or weights, numbers are called after the features: `frechet_mnist`,
`kernel_mnist`, `score_mnist`, and likewise `precision_mnist`, `frechet_inception` ...

A custom metric is a `Metric` in any module, named by its import path: package.module:metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

import numpy as np

from gax import errors
from gax.core import lookup
from gax.core.spec import Field, plural
from gax.data import columns, encoded, synthetic, synthetic_table
from gax.evals import digit_accuracy, paired, series
from gax.evals.metric import HIGHER as HIGHER
from gax.evals.metric import LOWER as LOWER
from gax.evals.metric import Metric as Metric
from gax.evals.metric import Samples as Samples
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
    tables,
)

OWN = {'frechet': 'fid', 'kernel': 'kid', 'kernel_std': 'kid_std', 'score': 'is', 'score_std': 'is_std'}
MEANS = {title: name for name, title in OWN.items()}  # a requested FID is this metric


def _frechet(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    assert real.moments is not None
    assert fake.moments is not None
    return {'frechet': fid.distance(real.moments, fake.moments).distance}


def _kernel(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """100 subsets of 1,000; if a set has at most 1,000, of half the smaller set."""
    smaller = min(len(real.features), len(fake.features))
    size = kid.SIZE if smaller > kid.SIZE else max(2, smaller // 2)
    kernel = kid.distance(real.features, fake.features, size=size)
    return {'kernel': kernel.mean, 'kernel_std': kernel.std}


def _score(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    score = inception_score.score(fake.probabilities, min(inception_score.SPLITS, fake.num))
    return {'score': score.mean, 'score_std': score.std}


def _accuracy(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """The share of samples that the extractor's classifier assigns to the class they were generated for."""
    return {'accuracy': float((fake.probabilities.argmax(-1) == fake.labels).mean())}


def _prdc(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    return prdc.prdc(real.features, fake.features)._asdict()


def _nearest(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """Both sets are cut to the size of the smaller one: their order is random."""
    count = min(len(real.features), len(fake.features))
    shares = nearest_neighbors.two_sample(real.features[:count], fake.features[:count])
    return {'nearest': shares.accuracy, 'nearest_real': shares.real, 'nearest_fake': shares.fake}


def _modes(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """Modes of the mixture that the points were drawn from, or of the 1,000 triples of stacked digits."""
    kind, _, name = fake.data.partition(':')
    if kind == 'synthetic':
        centers, std = synthetic.MIXTURES[name]
        coverage = mode_coverage.gaussian(fake.x, np.asarray(centers, np.float32), std)
    else:
        coverage = digit_accuracy.stacked_coverage(fake.x)
    return {
        'modes': float(coverage.modes),
        'quality': float(coverage.quality),
        'reverse_kl': float(coverage.reverse_kl),
    }


def _swd(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """Images: the mean over the levels. Other kinds: each example, flattened, is one point.

    Both sets are cut to the size of the smaller one, and to at most SWD examples: their order is random.
    """
    count = min(len(real.x), len(fake.x), SWD)
    one, other = real.x[:count], fake.x[:count]
    if one.ndim == 4:
        return {'swd': swd.images(one, other, seed)['mean']}
    return {'swd': swd.points(one.reshape(count, -1), other.reshape(count, -1), seed=seed)}


def _ms_ssim(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
    """Between 1,000 random pairs, across classes: not every generator is conditional."""
    return {'ms_ssim': ms_ssim.diversity(fake.x, seed=seed).mean}


def _of_rows(measure: Callable[..., dict[str, float]], **gives: str) -> Metric:
    """A metric of encoded tables: (encoding, cells of the reals, cells of the fakes, seed) -> numbers."""

    def measured(real: Samples, fake: Samples, seed: int) -> Mapping[str, float]:
        encoding = columns.of_info(fake.info)
        assert encoding is not None
        decoded = (encoded.decode(encoding, np.asarray(samples.x)) for samples in (real, fake))
        return measure(encoding, *decoded, seed)

    return Metric(
        *(('x',), gives, measured),
        least=(20, 20),
        by_features=False,
        kinds=('table',),
        info=('encoding',),
        packages=('pandas', 'sklearn'),
    )


SLICED = ('image', 'point', 'audio', 'series', 'table')  # kinds of real numbers
SWD = 8192
BYTES, FEWEST = 2**30, 256  # for the held examples: fewer than SWD if they are large, but at least FEWEST
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
    **paired.METRICS,
    **series.METRICS,
    'quality': _of_rows(
        lambda encoding, real, fake, seed: tables.quality(encoding, real, fake),
        quality=HIGHER,
        column_shapes=HIGHER,
        pair_trends=HIGHER,
    )._replace(packages=('pandas', 'sdmetrics')),
    'tstr': _of_rows(
        lambda encoding, real, fake, seed: tables.usefulness(encoding, fake, real, seed),
        f1_logistic=HIGHER,
        auc_logistic=HIGHER,
        f1_boosting=HIGHER,
        auc_boosting=HIGHER,
    ),
    'detection': _of_rows(tables.detection, detection_logistic=LOWER, detection_boosting=LOWER),
    'closest': _of_rows(
        lambda encoding, real, fake, seed: tables.closest(encoding, real, fake),
        **dict.fromkeys(('dcr', 'dcr_low', 'copied'), ''),
    ),
}
OF_ROWS = ('quality', 'tstr', 'detection', 'closest')  # of encoded tables


def metric(name: str) -> Metric:
    """The metric called `name`, or the one at an import path, 'package.module:metric'.

    Raises:
      GaxError: The name is unknown, or the path leads to no Metric.
    """
    if name in METRICS or not lookup.is_path(name):
        return errors.lookup('metric', name, METRICS)
    thing = lookup.load('metric', name)
    if not isinstance(thing, Metric):
        raise errors.GaxError(
            f'the metric {name!r} must be a gax.evals.registry.Metric, and is {type(thing).__name__}'
        )
    return thing


def default(data: str, kind: str, has: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The metrics that suit the data.

    They are its modes if these are known, else distances of features and of the examples. `swd` is included
    for all kinds that it takes: features may be blind to what it sees at once, such as noise.

    Args:
      data: The name of the data.
      kind: The kind of its examples.
      has: The fields of Samples among metric.PAIRED that the fakes have: paired metrics take the place of
        those that need no pairs and are of images alone.
    """
    if data in HAVE_MODES:
        return ('modes', 'swd')
    if has:
        pairs = tuple(name for name in paired.DEFAULT if not paired.why_not(name, METRICS[name], has))
        return ('frechet', *pairs)
    if data.startswith('table:') or data == synthetic_table.NAME:
        return OF_ROWS
    return tuple(
        name for name in ('frechet', 'swd', 'ms_ssim', 'kernel', 'prdc') if kind in METRICS[name].kinds
    )


def why_not(
    name: str, data: str, field: Field, reals: int, fakes: int, has: frozenset[str] = frozenset()
) -> str:
    """The reason why a metric does not apply to the examples of a field; '' if it does.

    Args:
      name: The name of the metric.
      data: The name of the data.
      field: The field that is evaluated.
      reals: The number of reals.
      fakes: The number of fakes.
      has: The fields of Samples among metric.PAIRED that the fakes have.
    """
    requested, shape = metric(name), field.shape
    if field.kind not in requested.kinds:
        takes, holds = (' or '.join(map(plural, kinds)) for kinds in (requested.kinds, (field.kind,)))
        return f'{name} is of {takes}, and {data} has {holds}'
    if not set(requested.info) <= field.info.keys():
        return f'{name} is of tables that are read by table:FILE.csv, and {data} is another'
    if missing := [package for package in requested.packages if find_spec(package) is None]:
        return f"{name} needs {missing[0]}: pip install 'gax[tables]'"
    if name == 'tstr' and not columns.from_text(field.info['encoding']).target:
        return f'tstr predicts a category, and {data} has none'
    if name == 'modes' and data not in HAVE_MODES:
        return f'modes are known of {", ".join(HAVE_MODES)} only, and the data are {data}'
    if field.kind == 'image' and min(shape[:2]) < requested.side:
        return (
            f'{name} takes images of {requested.side} pixels or more to a side, and {data} has '
            f'{min(shape[:2])}'
        )
    if requested.channels and shape[-1] not in requested.channels:
        takes = ' or '.join(map(str, requested.channels))
        return f'{name} takes images of {takes} channels, and {data} has {shape[-1]}'
    if reason := paired.why_not(name, requested, has):
        return reason
    for count, least, what in zip((reals, fakes), requested.least, ('reals', 'fakes'), strict=True):
        if count < least:
            return f'{name} takes {least} {what} at least, and there {"is" if count == 1 else "are"} {count}'
    return ''


def known() -> list[str]:
    """The valid names of metrics."""
    return [*METRICS, *(name for name in MEANS if '_' not in name), 'package.module:metric']


def check(names: Sequence[str]) -> None:
    """Raises GaxError for a name that is no metric's with any features."""
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
    """The requested metrics, in order.

    `fid`, `kid` and `is` are accepted on Inception features only. Whether the numbers get these names depends
    on the weights, see `reported`.

    Args:
      names: The names, with or without the name of the features.
      features: The name of the features.

    Raises:
      GaxError: A name is unknown, or names other features than `features`.
    """
    requested: dict[str, Metric] = {}
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
        requested[base] = metric(base)
    if not requested:
        raise errors.GaxError(f'no metric is asked for; valid: {", ".join(METRICS)}')
    refuse_same_numbers(requested)
    return requested


def refuse_same_numbers(metrics: Mapping[str, Metric]) -> None:
    """Raises GaxError if two metrics give a number of the same name."""
    giver: dict[str, str] = {}
    for name, one in metrics.items():
        for number in one.gives:
            if number in giver:
                raise errors.GaxError(f'{giver[number]} and {name} both give a number called {number}')
            giver[number] = name


def reported(name: str, label: str) -> str:
    """The name of the number `name` on features with this label; '' is the label of FID's Inception."""
    if not label:
        return OWN.get(name, name)
    base = name.removesuffix('_std')
    return f'{base}_{label}{name.removeprefix(base)}'


def names(metrics: Mapping[str, Metric], label: str) -> dict[str, str]:
    """The name of every number that the metrics give, as reported -> which direction is better."""
    return {
        reported(name, label) if metric.by_features else name: better
        for metric in metrics.values()
        for name, better in metric.gives.items()
    }


def direction(metrics: Mapping[str, Metric], label: str, name: str) -> tuple[str, bool]:
    """(the number `name` as reported, whether higher is better).

    Args:
      metrics: The metrics of an evaluation.
      label: The label of the features.
      name: The number, with or without the name of the features.

    Raises:
      GaxError: The metrics give no such number, or it has no better direction.
    """
    directions = names(metrics, label)
    number = name if name in directions else reported(MEANS.get(name, name), label)
    directed = [one for one, better in directions.items() if better]
    if number not in directed:
        raise errors.GaxError(errors.choices('number to be the best by', name, directed))
    return number, directions[number] == HIGHER


def needs(metrics: Mapping[str, Metric]) -> set[str]:
    """The fields of Samples that the metrics read."""
    return {need for metric in metrics.values() for need in metric.needs}


def most_held(metrics: Mapping[str, Metric], shape: Sequence[int]) -> int:
    """The number of examples of this shape to hold: 0 for all, if a metric counts every one."""
    if 'modes' in metrics:
        return 0
    return int(np.clip(BYTES // math.prod(shape), FEWEST, SWD))


def in_order(samples: Samples, salt: int) -> Samples:
    """The same set in the order of `ranking`, whatever order it came in.

    `x` may hold fewer examples than the other fields.
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
    """All numbers, by the names of `names`; they do not depend on the order of either set.

    Raises:
      GaxError: A number is not finite.
    """
    numbers: dict[str, float] = {}
    ordered = in_order(real, ranking.REAL), in_order(fake, ranking.FAKE)
    for metric in metrics.values():
        sets = (real, fake) if metric.paired else ordered
        for name, value in metric.measure(*sets, seed).items():
            numbers[reported(name, label) if metric.by_features else name] = float(value)
    bad = [name for name, value in numbers.items() if not np.isfinite(value)]
    if bad:
        raise errors.GaxError(f'{bad[0]} is not finite: look at the samples')
    return numbers
