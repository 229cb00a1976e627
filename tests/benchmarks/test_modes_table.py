"""The mode-coverage benchmark, on a tiny row."""

import importlib
import json

import jax
import numpy as np
import pytest
import tinyruns

from configs import ring
from gax import config as configs
from gax import data, gans, rng, step


@pytest.fixture(scope='module')
def modes():
    with tinyruns.benchmark('modes', '--table=ring', '--steps=100') as module:
        yield module


def test_a_row_is_trained_measured_and_printed(modes, monkeypatch):
    tiny = ring.get_test_config('gan')
    monkeypatch.setattr(ring, 'get_config', lambda name: tiny)
    found, samples = modes.row('gan', range(3))
    assert samples.shape == (2500, 2)
    assert [point['step'] for point in found['curve']] == [50, 100]
    for kind in ('raw', 'averaged'):
        assert len(found[kind]['modes']['all']) == 3
        assert 0 <= found[kind]['quality']['mean'] <= 100
        # Untrained points may lie on a mode, but never cover the ring evenly.
        assert 0.2 < found[kind]['reverse_kl']['mean'] <= np.log(8) + 1e-4
    table = modes.printed(json.loads(json.dumps({'gan': found})))
    assert '| gan (3 seeds) |' in table
    assert '| PacGAN2 (PacGAN, 2018, table 1) | 7.9 | 95.6 | 0.07 |' in table


@pytest.mark.parametrize('name', ['ring', 'grid', 'stacked_mnist'])
def test_every_row_is_a_game_that_can_be_made(name):
    """The settings that are measured, not the tiny ones: checked as training checks them, and traced to the last shape."""
    table = importlib.import_module(f'configs.{name}')
    for row in table.ROWS:
        config = table.get_config(row)
        configs.check(config)
        game = gans.make(config, data.load(config).spec)
        state = jax.eval_shape(lambda game=game: step.init(game, rng.root(0)))
        assert set(state.params) >= {'g', 'd'}


def test_mean_and_standard_deviation(modes):
    from gax.evals.modes import Coverage

    found = modes.summary(Coverage(np.array([7, 8, 8]), np.array([0.5, 0.7, 0.9]), np.zeros(3)))
    assert found['modes'] == {'mean': 7.6667, 'std': 0.5774, 'all': [7.0, 8.0, 8.0]}
    assert (found['quality']['mean'], found['quality']['std']) == (70.0, 20.0)
