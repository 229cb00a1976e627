"""A run that begins with another's networks: which arrays are taken over, which are fresh, and what is
refused.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from gax import errors
from gax.config import defaults as configs
from gax.training import experiment, initialize, train, trained_run
from gax.training.workdir import read_config
from tests.helpers import tinyruns
from tests.helpers.cases import with_slow

pytestmark = pytest.mark.usefixtures('compiled_once')


@pytest.fixture(scope='module')
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 4 steps with a checkpoint at 2, whose data is gone."""
    folder = tmp_path_factory.mktemp('source')
    data = tinyruns.images(folder / 'images.npz')
    train.train(config(data, steps=4, **{'checkpoint.every': 2}), folder / 'run:1')
    data.unlink()
    return folder / 'run:1'


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinyruns.images(tmp_path_factory.mktemp('data') / 'other.npz', count=24)


def config(data: Path, **changes: Any) -> Any:
    return tinyruns.config(**{'data.name': f'npz:{data}', 'steps': 2, **changes})


def equal(one: Any, other: Any) -> bool:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)


def state_of(run: Path, step: str) -> Any:
    built = trained_run.build(run, read_config(run / 'config.json'))
    return jax.device_get(trained_run.restore(built, run, step)[0])


def begun(data: Path, **changes: Any) -> tuple[Any, Any]:
    """(the state that a run begins with, the one that it would begin with afresh)."""
    built = experiment.build(config(data, seed=5, **changes))
    return (
        initialize.begin(built, experiment.shapes(built)).state,
        jax.device_get(experiment.init(built)).state,
    )


@pytest.mark.parametrize(('suffix', 'step'), with_slow([('', '4'), (':2', '2'), (':newest', '4')], 1))
def test_all_networks_are_taken_over_and_all_else_is_fresh(
    source: Path, data: Path, suffix: str, step: str
) -> None:
    there = state_of(source, step)
    state, fresh = begun(data, **{'init.from': f'{source}{suffix}'})
    assert equal(state.params, there.params)
    assert equal(state.model_state, there.model_state)
    assert equal(state.ema, there.ema)
    assert not equal(there.ema['g']['params'], there.params['g'])
    assert state.step == 0
    for name in ('key', 'opt_state', 'term_state'):
        assert equal(getattr(state, name), getattr(fresh, name)), name
    assert not equal(there.opt_state, state.opt_state)


@pytest.mark.slow
def test_one_network_alone(source: Path, data: Path) -> None:
    there = state_of(source, '4')
    state, fresh = begun(data, **{'init.from': str(source), 'init.nets': 'd'})
    assert equal(state.params['d'], there.params['d'])
    assert equal(state.params['g'], fresh.params['g'])
    assert equal(state.ema, fresh.ema)
    other, _ = begun(data, **{'init.from': str(source), 'init.nets': 'd', 'g.net.widths': (4,)})
    assert equal(other.params['d'], there.params['d'])


@pytest.mark.slow
def test_an_optimizer_that_holds_parameters_begins_with_those_taken_over(source: Path, data: Path) -> None:
    changes = {'g.optimizer.historical': 0.1, 'init.from': str(source)}
    state, _ = begun(data, **changes)
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(state.opt_state))
    assert equal(state.params, state_of(source, '4').params)


@pytest.mark.slow
def test_a_run_begins_so_and_goes_on_without_the_other(source: Path, data: Path, tmp_path: Path) -> None:
    other = shutil.copytree(source, tmp_path / 'other')
    made = {'init.from': str(other), 'checkpoint.every': 1}
    assert train.train(config(data, **made), tmp_path / 'run') == (2, '')
    whole = train.train(config(data, steps=4, **made), tmp_path / 'whole')
    shutil.rmtree(other)
    assert train.train(config(data, steps=4, **made), tmp_path / 'run') == whole
    assert tinyruns.arrays(tmp_path / 'run', 4) == tinyruns.arrays(tmp_path / 'whole', 4)
    first = (tmp_path / 'run' / 'samples' / '0000000.png').read_bytes()
    train.train(config(data), tmp_path / 'afresh')
    assert first != (tmp_path / 'afresh' / 'samples' / '0000000.png').read_bytes()


@pytest.mark.parametrize(
    ('changes', 'message'),
    with_slow(
        [
            (
                {'d.net.widths': (8, 6)},
                r"init\.from=.*other shapes.*d\['Dense_1'\]\['kernel'\] is .*8, 8\) there",
            ),
            ({'latent_dim': 3}, r"g\['.*kernel'\] is float32 \(4, 8\) there, float32 \(3, 8\) here"),
            ({'init.nets': 'g,e'}, r"unknown network of config\.init\.nets 'e'.*valid: d, g"),
            ({'init.from': '{source}:3'}, r'no checkpoint of step 3 in .*step 2, step 4'),
            ({'init.from': '{source}:best'}, r'no best checkpoint'),
            ({'init.from': '{source}x'}, r'is no workdir of a gax run'),
        ],
        0,
        3,
    ),
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    source: Path, data: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    changes = {
        'init.from': str(source),
        **{k: v.format(source=source) if isinstance(v, str) else v for k, v in changes.items()},
    }
    with pytest.raises(errors.GaxError, match=message):
        train.train(config(data, **changes), tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


def test_networks_of_no_run_are_refused() -> None:
    with pytest.raises(errors.GaxError, match=r'init\.nets=g needs config\.init\.from'):
        configs.check(tinyruns.config(**{'init.nets': 'g'}))
