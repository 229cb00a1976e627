"""Evaluation of sets of any kind: which metrics take them, samples from a file, and what is refused."""

import jax
import numpy as np
import pytest

from gax.config import base, choices
from gax.core.spec import Field, Spec
from gax.data import Source, load
from gax.data.source import read_resident, targeted
from gax.distributed import sharding
from gax.errors import GaxError
from gax.evals import collect, external_samples, registry
from gax.evals.evaluator import Evaluator, Setting
from gax.evals.reference import reference
from tests.helpers.cases import with_slow

RNG = np.random.default_rng(0)
SETS = {
    'series': RNG.normal(size=(60, 5, 2)),
    'table': RNG.normal(size=(60, 3)),
    'audio': RNG.uniform(-1, 1, (60, 20, 1)).astype(np.float32),
    'tokens': RNG.integers(0, 7, (60, 6)),
    'video': RNG.integers(0, 256, (60, 2, 4, 4, 1), np.uint8),
}


def reference_of(tmp_path, kind, **fields):
    np.savez(tmp_path / f'{kind}.npz', **{kind: SETS[kind]})
    config = base('vanilla')
    values = {'name': f'npz:{tmp_path}/{kind}.npz', 'kind': kind, **fields}
    choices.set_all(config, {f'data.{name}': value for name, value in values.items()})
    mesh = sharding.mesh(jax.devices()[:1])
    return reference(load(config), config.data, mesh), config.data, mesh


def means(x):
    return x.reshape(len(x), -1).astype('float32')


@pytest.mark.parametrize('kind', with_slow(SETS, 0, 3))
def test_a_set_against_itself_and_against_another(tmp_path, kind):
    ref, section, mesh = reference_of(tmp_path, kind)
    setting = Setting(num=60, cache=tmp_path / 'cache')
    if kind == 'tokens':
        with pytest.raises(GaxError, match=r'no metric at hand suits npz:.*, whose examples are tokens'):
            Evaluator(ref, setting, mesh)
        setting = setting._replace(features=f'{__name__}:means')
    evaluator = Evaluator(ref, setting, mesh)
    assert ('swd' in evaluator.metrics) == (kind not in ('tokens', 'video'))
    assert 'ms_ssim' not in evaluator.metrics
    samples = {'same': SETS[kind], 'other': changed(SETS[kind])}
    results = {}
    for name, x in samples.items():
        np.savez(tmp_path / f'{name}.npz', **{external_samples.names_of(kind, kind)[0]: x})
        source = external_samples.open_samples(tmp_path / f'{name}.npz', ref, section)
        results[name] = evaluator.measure(external_samples.chunks(source, 60, evaluator.batch, mesh))[0]
    for number in ('swd', f'frechet_{evaluator.label}'):
        if number in results['same']:
            assert results['same'][number] < 1e-3 < results['other'][number]


def changed(x):
    return (x // 2).astype(x.dtype) if x.dtype.kind in 'iu' else (0.5 * x).astype(np.float32)


def test_unfit_metrics_are_refused_and_left_out():
    points, series = Field((2,), 'point'), Field((5, 2), 'series')
    assert registry.default('npz:x', 'series') == ('frechet', 'swd', 'kernel', 'prdc')
    assert registry.default('npz:x', 'image') == ('frechet', 'swd', 'ms_ssim', 'kernel', 'prdc')
    assert registry.why_not('ms_ssim', 'd', points, 9, 9) == 'ms_ssim is of images, and d has points'
    assert registry.why_not('ms_ssim', 'd', series, 9, 9) == 'ms_ssim is of images, and d has series'


def test_a_metric_that_does_not_fit_is_one_line(tmp_path):
    ref, _, mesh = reference_of(tmp_path, 'series')
    with pytest.raises(GaxError, match=r'^ms_ssim is of images, and npz:.* has series$'):
        Evaluator(ref, Setting(metrics=('ms_ssim',), num=60), mesh)
    np.savez(tmp_path / 'b.npz', images=np.zeros((4, 2, 2, 1), np.uint8))
    with pytest.raises(GaxError, match=r'none of the arrays series, x, arr_0 \(found: images\)'):
        external_samples.open_samples(tmp_path / 'b.npz', ref, None)
    np.savez(tmp_path / 'b.npz', series=np.zeros((4, 5), np.uint8))
    with pytest.raises(
        GaxError, match=r'must be floats \[N, length, columns\], and are uint8 of shape \(4, 5\)'
    ):
        external_samples.open_samples(tmp_path / 'b.npz', ref, None)
    with pytest.raises(GaxError, match=r'is a folder, of images, and npz:.* is series data'):
        external_samples.open_samples(tmp_path, ref, None)


def test_the_split_stands_in_the_protocol(tmp_path):
    ref, section, _ = reference_of(tmp_path, 'table', split='test')
    assert ref.source.spec.size == 6
    assert ref.describe['split'] == 'test'
    assert section.split == 'test'
    assert reference_of(tmp_path, 'table')[0].describe['split'] == 'all'


def test_any_field_can_be_the_target():
    held = {'a': np.zeros((4, 2, 2, 1), np.uint8), 'b': np.ones((4, 3), np.float32)}
    spec = Spec('both', {'a': Field((2, 2, 1)), 'b': Field((3,), 'table')}, size=4)
    source = Source(spec, held, read_resident)
    batch = source.read(held, np.arange(2), jax.random.key(0))
    assert collect.as_evaluated(batch, spec)[0].dtype == np.uint8
    other = targeted(source, 'b')
    assert collect.as_evaluated(batch, other.spec)[0].tolist() == [[1.0] * 3] * 2
    with pytest.raises(GaxError, match="unknown field of both 'c'"):
        targeted(source, 'c')
