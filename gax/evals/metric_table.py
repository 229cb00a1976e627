"""The metrics of gax by name: what each measures of two sets of samples, and the numbers that it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gax.data import columns, encoded, synthetic
from gax.evals import digit_accuracy, paired, series
from gax.evals.metric import HIGHER, LOWER, Metric, Samples
from gax.evals.metrics import (
    fid,
    inception_score,
    kid,
    mode_coverage,
    ms_ssim,
    nearest_neighbors,
    prdc,
    swd,
    tables,
)


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
