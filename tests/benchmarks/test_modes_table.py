"""The mode-coverage benchmark, on a tiny row."""

import importlib
import json
import re
import shutil
import subprocess

import jax
import numpy as np
import pytest

from configs import ring
from gax import data, gans
from gax.config import defaults as configs
from gax.core import rng, step
from gax.data import synthetic
from tests.helpers import tinyruns


@pytest.fixture(scope='module')
def modes():
    with tinyruns.benchmark('modes', '--table=ring', '--steps=100') as module:
        yield module


@pytest.mark.slow
def test_a_row_is_trained_measured_and_printed(modes, monkeypatch):
    tiny = ring.get_test_config('gan')
    monkeypatch.setattr(ring, 'get_config', lambda name: tiny)
    found, samples = modes.row('gan', range(3))
    assert samples.shape == (2500, 2)
    assert [point['step'] for point in found['curve']] == [50, 100]
    for kind in ('raw', 'averaged'):
        assert len(found[kind]['modes']['all']) == 3
        # Untrained points may lie on a mode, but never cover the ring evenly.
        assert 0.2 < found[kind]['reverse_kl']['mean'] <= np.log(8) + 1e-4
    # The samples that come back are the first run's, of the kind that is better: as judged, they are counted
    # here again.
    kind = max(('raw', 'averaged'), key=lambda kind: found[kind]['quality']['mean'])
    centers, std = synthetic.MIXTURES['ring']
    near = np.linalg.norm(samples[:, None] - centers, axis=-1).min(axis=1) < 3 * std
    assert found[kind]['quality']['all'][0] == pytest.approx(100 * near.mean(), abs=0.05)
    table = modes.printed(json.loads(json.dumps({'gan': found})))
    assert '| gan (3 seeds) |' in table
    assert '| PacGAN2 (PacGAN, 2018, table 1) | 7.9 | 95.6 | 0.07 |' in table


def test_coverage_of_known_samples(modes):
    """Of 2,500 points 1,000 on one mode, 500 on another, 1,000 nowhere near: KL of (2/3, 1/3) from eight
    equal shares.
    """
    centers, _ = synthetic.MIXTURES['ring']
    points = np.concatenate([np.tile(at, (n, 1)) for at, n in ((centers[0], 1000), (centers[5], 500))])
    points = np.concatenate([points, np.full((1000, 2), 9.0)]).astype(np.float32)
    found = modes.summary(jax.device_get(modes.cover_all(points[None])))
    kl = 2 / 3 * np.log(16 / 3) + 1 / 3 * np.log(8 / 3)
    expected = {'modes': 2.0, 'quality': 60.0, 'reverse_kl': pytest.approx(kl, abs=1e-4)}
    assert {name: value['mean'] for name, value in found.items()} == expected


def test_training_that_fails_is_no_number(modes, monkeypatch):
    monkeypatch.setitem(modes.TABLES, 'ring', modes.TABLES['stacked_mnist'])
    table = modes.printed({})
    assert '| relativistic + R1 (R3GAN, 2024, table 1) | fails |  |  |' in table
    assert '| relativistic + R1 + R2 (R3GAN, 2024, table 1) | 1000 |  | 0.078 |' in table


@pytest.mark.skipif(not shutil.which('git'), reason='needs git')
def test_a_row_has_the_commit_that_made_it(modes, monkeypatch, tmp_path):
    monkeypatch.setitem(modes.made_with.__globals__, 'ROOT', tmp_path)
    monkeypatch.setenv('GIT_CEILING_DIRECTORIES', str(tmp_path.parent))
    assert 'commit' not in modes.made_with()
    source = tmp_path / 'gax' / 'a.py'
    source.parent.mkdir()
    source.write_text('1')
    who = ('-c', 'user.name=a', '-c', 'user.email=a@b')
    for command in (('init', '-q'), ('add', '.'), (*who, 'commit', '-qm', 'first')):
        subprocess.run(['git', *command], cwd=tmp_path, check=True)
    commit = modes.made_with()['commit']
    assert re.fullmatch('[0-9a-f]{40}', commit)
    source.write_text('2')
    assert modes.made_with()['commit'] == commit + '+'


@pytest.mark.slow
@pytest.mark.parametrize('name', ['ring', 'grid', 'stacked_mnist'])
def test_every_row_is_a_game_that_can_be_made(name):
    """The settings that are measured, not the tiny ones: checked as training checks them, and traced to the
    last shape.
    """
    table = importlib.import_module(f'configs.{name}')
    for row in table.ROWS:
        config = table.get_config(row)
        configs.check(config)
        game = gans.make(config, data.load(config).spec)
        state = jax.eval_shape(lambda game=game: step.init(game, rng.root(0)))
        assert set(state.params) >= {'g', 'd'}


def test_mean_and_standard_deviation(modes):
    from gax.evals.metrics.mode_coverage import Coverage

    found = modes.summary(Coverage(np.array([7, 8, 8]), np.array([0.5, 0.7, 0.9]), np.zeros(3)))
    assert found['modes'] == {'mean': 7.6667, 'std': 0.5774, 'all': [7.0, 8.0, 8.0]}
    assert (found['quality']['mean'], found['quality']['std']) == (70.0, 20.0)
