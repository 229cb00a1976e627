"""No result depends on the order of a set: every metric by shuffling, and a choice from sets in any order."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

from gax.config import base
from gax.data import arrays, synthetic_table
from gax.distributed import sharding
from gax.evals import collect, evaluator, external_samples, measurement, metric_table
from gax.evals.features import extractors
from gax.evals.metric import Samples
from gax.evals.metrics import fid, ranking
from gax.evals.reference import reference

DIGITS = Path(arrays.__file__).parent / 'embedded' / 'mnist10k.npz'


def digits(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    with np.load(DIGITS) as file:
        rows = np.random.default_rng(seed).permutation(10_000)[:count]
        return file['x'][rows][..., None], file['y'][rows].astype(np.int32)


def known(x: np.ndarray, labels: np.ndarray, data: str) -> Samples:
    """All that a metric may ask for, computed once: the same digits for each order."""
    made = extractors.make('mnist', (28, 28, 1))
    out = {name: np.asarray(value) for name, value in jax.jit(made.apply)(made.variables, x).items()}
    return Samples(len(x), fid.batch_moments(out['features']), **out, x=x, labels=labels, data=data)


def reordered(samples: Samples, order: np.ndarray) -> Samples:
    rows = {name: getattr(samples, name)[order] for name in ('features', 'probabilities', 'x', 'labels')}
    return samples._replace(moments=fid.batch_moments(rows['features']), **rows)


@pytest.fixture(scope='module')
def sets() -> tuple[Samples, Samples]:
    return known(*digits(90, 0), ''), known(*digits(70, 1), '')


TABLES = ('tstr', 'detection', 'closest')  # quality needs another package
SERIES = ('facts', 'correlation')
# Those that train recurrent judges take minutes.
SLOW = ('discriminative', 'discriminative_apart', 'predictive')
OF_SETS = [
    name for name, one in metric_table.METRICS.items() if not one.paired and name not in (*SLOW, 'quality')
]


def kept_as_they_are(name: str) -> tuple[Samples, Samples]:
    """Sets of points, of series, or of rows of a table."""
    if name in SERIES:
        x = np.random.default_rng(0).normal(size=(160, 60, 2)).astype(np.float32)
        return Samples(90, x=x[:90]), Samples(70, x=x[90:])
    if name == 'modes':
        points = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32)
        real, fake = (Samples(len(x), x=x, data='synthetic:ring') for x in (points, points[:70]))
        return real, fake
    table = synthetic_table.synthetic_table()
    x, info = np.asarray(table.arrays['table']), table.spec.fields['table'].info
    real, fake = (Samples(len(x), x=x, data=table.spec.name, info=info) for x in (x[:90], x[90:160]))
    return real, fake


@pytest.mark.parametrize('name', OF_SETS)
def test_every_metric_is_of_a_set(name: str, sets: tuple[Samples, Samples]) -> None:
    """To the bit, but for sums: those of moments are of another order."""
    real, fake = sets
    if name in ('modes', *TABLES, *SERIES):
        real, fake = kept_as_they_are(name)
    chosen = {name: metric_table.METRICS[name]}
    expected = measurement.measure(chosen, 'mnist', real, fake, 0)
    rng = np.random.default_rng(0)
    if name in ('modes', *TABLES, *SERIES):
        others = [s._replace(x=s.x[rng.permutation(s.num)]) for s in (real, fake)]
    else:
        others = [reordered(s, rng.permutation(s.num)) for s in (real, fake)]
    in_other_orders = measurement.measure(chosen, 'mnist', *others, 0)
    assert in_other_orders == (
        pytest.approx(expected, rel=1e-9) if name in ('frechet', *SERIES) else expected
    )


def test_paired_metrics_keep_pairs_together_in_any_order() -> None:
    """The fakes are not sorted: each is compared with the target at its own place."""
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 256, (6, 12, 12, 3)).astype(np.uint8) for _ in range(2))
    mask = rng.integers(0, 2, (6, 12, 12, 1)).astype(np.uint8)
    fake = Samples(6, x=x, targets=y, masks=mask, inputs=x, cycles=np.stack([x, y, y], axis=1))
    paired = [
        name for name, one in metric_table.METRICS.items() if one.paired and not name.startswith('lpips')
    ]
    chosen = {name: metric_table.METRICS[name] for name in paired}
    expected = measurement.measure(chosen, '', Samples(0), fake, 0)
    assert expected['l1'] == pytest.approx(np.abs(x.astype(float) - y).mean())
    assert (expected['cycle'], expected['cycle_8bit']) == (0, pytest.approx(expected['l1']))
    order = rng.permutation(6)
    rows = {name: getattr(fake, name)[order] for name in ('x', 'targets', 'masks', 'inputs', 'cycles')}
    found = measurement.measure(chosen, '', Samples(0), fake._replace(**rows), 0)
    assert found == pytest.approx(expected, rel=1e-12)
    alone = measurement.measure(chosen, '', Samples(0), fake._replace(x=x[order]), 0)
    assert alone['l1'] != pytest.approx(expected['l1'], rel=1e-3)


def npz(path: Path, x: np.ndarray, labels: np.ndarray) -> Path:
    np.savez(path, x=x[..., 0], y=labels)
    return path


@pytest.mark.slow
def test_evaluations_of_sets_in_two_orders_are_equal(tmp_path: Path) -> None:
    """A choice of 60 of 100 samples, and of 50 of 80 reals, which are sorted by class the other time."""
    mesh, found = sharding.mesh(jax.devices()[:1]), []
    asked = ('frechet', 'kernel', 'nearest', 'score', 'swd', 'ms_ssim')
    for by_class in (False, True):
        paths = []
        for name, (x, labels) in (('fake', digits(100, 2)), ('real', digits(80, 3))):
            order = np.argsort(labels, kind='stable') if by_class else np.arange(len(x))
            paths.append(npz(tmp_path / f'{name}{by_class}.npz', x[order], labels[order]))
        config = base('vanilla')
        config.data.name = f'npz:{paths[1]}'
        ref = reference(arrays.npz(str(paths[1])), config.data, mesh)
        setting = evaluator.Setting(asked, 'mnist', 60, cache=tmp_path / str(by_class), reals=50)
        made = evaluator.Evaluator(ref, setting, mesh)
        source = external_samples.open_samples(paths[0], ref, config.data)
        chunks = list(external_samples.chunks(source, 60, made.batch, mesh))
        counts = np.bincount(np.asarray(chunks[0].label)[:60], minlength=10)
        assert counts.min() > 0  # a prefix of the second would have six classes
        found.append((made.measure(chunks), made.floor))
    assert found[0] == found[1]


def test_orders_of_copies_have_nothing_in_common() -> None:
    """Samples that are the reals are no better than other reals where fewer are chosen."""
    x, labels = digits(400, 4)
    keys = ranking.projections(x)
    one, other = (ranking.shuffled(keys, labels, salt)[:100] for salt in (ranking.REAL, ranking.FAKE))
    assert 10 < len(set(one) & set(other)) < 40  # 25 of 100 by chance
    assert (ranking.shuffled(keys, labels, ranking.REAL)[:100] == one).all()


def test_equal_examples_are_told_apart_by_their_labels() -> None:
    x, labels = np.zeros((6, 4, 4, 1), np.uint8), np.array([2, 0, 1, 1, 2, 0])
    one = labels[ranking.shuffled(ranking.projections(x), labels, 1)]
    back = labels[::-1][ranking.shuffled(ranking.projections(x[::-1]), labels[::-1], 1)]
    np.testing.assert_array_equal(one, back)


def test_sets_too_large_to_be_looked_at_twice_are_chosen_by_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, 'LIMIT', 9)
    found = ranking.of_source(None, 10, 1)  # type: ignore[arg-type]
    assert sorted(found.tolist()) == list(range(10))


def test_of_large_images_only_some_are_held() -> None:
    chosen = {name: metric_table.METRICS[name] for name in ('swd', 'ms_ssim')}
    assert measurement.most_held(chosen, (28, 28, 1)) == 8192
    assert measurement.most_held(chosen, (1024, 1024, 3)) == 341
    assert measurement.most_held({'modes': metric_table.METRICS['modes']}, (2,)) == 0
    x = np.arange(60, dtype=np.float32).reshape(30, 2)
    mesh = sharding.mesh(jax.devices()[:1])
    parts = [collect.Chunk(x[i : i + 8], None, min(8, 30 - i)) for i in range(0, 30, 8)]
    held = collect.gatherer(None, ('x',), mesh, 10)(parts)
    assert held.num == 30
    np.testing.assert_array_equal(held.x, x[:10])
