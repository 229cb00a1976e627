"""The benchmark of few images: what is compared with what, on tiny networks."""

import jax
import numpy as np
import pytest

from configs import mnist
from gax import data, gans
from gax.config import choices
from gax.config import defaults as configs
from gax.core import rng, step
from tests.helpers import tinyruns


@pytest.fixture(scope='module')
def limited():
    with tinyruns.benchmark('limited_data', '--steps=4') as module:
        yield module


def halves(images):
    """Features of an image: the means of its two halves, and one that is always 0."""
    flat = images.reshape(len(images), 2, -1).astype(np.float32).mean(-1)
    return np.concatenate([flat, np.zeros((len(images), 1), np.float32)], axis=1)


@pytest.mark.slow
def test_every_row_is_a_game_on_few_digits(limited):
    for name in limited.ROWS:
        config = limited.config_of(name, 100, 4)
        configs.check(config)
        source = data.load(config)
        assert (source.spec.size, config.conditional) == (100, False)
        game = gans.make(config, source.spec)
        state = jax.eval_shape(lambda game=game: step.init(game, rng.root(0)))
        assert set(state.term_state['d']) == {'none': set(), 'diffaugment': set()}.get(
            name, {'adversarial', name}
        ) | {'adversarial'}


@pytest.mark.slow
def test_the_training_set_scores_0_against_itself_and_shares_no_image_with_the_held_out(limited):
    reals = limited.reals_of(limited.config_of('none', 100, 4), halves)
    assert (len(reals.training), len(reals.held_out)) == (100, 2000)
    known = {image.tobytes() for image in reals.held_out}
    assert not any(image.tobytes() in known for image in reals.training)
    found = limited.measure(reals.training, reals, halves)
    assert found['training'] == pytest.approx(0.0, abs=1e-4)
    assert found['held_out'] > 1.0
    assert found['closer'] == 1.0  # copies are nearer than any neighbour
    assert 0.2 < found['floor'] < 0.6


@pytest.mark.slow
def test_a_row_is_trained_measured_and_printed(limited, monkeypatch):
    def tiny(name, size, steps):
        config = mnist.tiny(mnist.get_config())
        choices.set_all(config, {'conditional': False, 'data.split': 'train', 'data.limit': size})
        choices.set_all(config, {'steps': steps, 'steps_per_call': 2, 'data.image_size': 8})
        return config

    monkeypatch.setattr(limited, 'config_of', tiny)
    monkeypatch.setattr(limited, 'SAMPLES', 40)
    found = limited.row('none', 100, 2, 4, halves)
    assert [point['step'] for point in found['curve']] == [2, 4]
    assert all(len(point['held_out']) == 2 for point in found['curve'])
    found['curve'][-1]['p'] = [0.25, 0.75]
    table = limited.printed({'none/100': found, 'real data/100': {**found, 'row': 'real data', 'steps': 0}})
    assert table.count('\n| 100 | none |') == table.count('\n| 100 | real data |') == 1
    assert table.count('| 0.5 ± 0.35 |') == 2


def test_results_are_kept_by_size_and_in_the_order_of_rows(limited, tmp_path):
    out = tmp_path / 'a.json'
    for size, row in ((500, 'ada'), (100, 'lecam'), (100, 'real data'), (500, 'none')):
        results = limited.keep(out, {'row': row, 'size': size})
    assert list(results) == ['real data/100', 'lecam/100', 'none/500', 'ada/500']
    assert tuple(limited.ROWS) == limited.keep.__globals__['ROWS']
    assert limited.keep.__globals__['mean_and_std']([1.0, 3.0]) == '2 ± 1.4'
