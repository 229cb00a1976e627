"""CTGAN: conditions, packs, parameters, sampling with a condition; TVAE's loss."""

from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors, gans
from gax.config import base
from gax.core.layout import Layout
from gax.core.spec import Field, Spec
from gax.data import columns, identity, synthetic_table, weighted
from gax.gans import ctgan
from gax.objectives import rows

SOURCE = synthetic_table.synthetic_table()
LAYOUT = columns.layout_of(SOURCE.spec)


def test_the_layout():
    assert LAYOUT.scalars == (0, 4)
    assert LAYOUT.choices == ((1, 4), (5, 7), (7, 10), (10, 12))
    assert LAYOUT.categories == ((7, 10), (10, 12))
    assert [sum(counts) for counts in LAYOUT.counts] == [2000, 2000]


def test_activations():
    layout = Layout(5, (0,), ((1, 5),), (), ())
    raw = jnp.tile(jnp.array([0.5, *np.log([0.1, 0.2, 0.3, 0.4])]), (20_000, 1))
    out = np.asarray(rows.activated(layout, raw, jax.random.key(0), 0.2))
    np.testing.assert_allclose(out[:, 0], np.tanh(0.5), rtol=1e-6)
    np.testing.assert_allclose(out[:, 1:].sum(1), 1, rtol=1e-5)
    # The largest element of a Gumbel-softmax is drawn by softmax of the logits, at any temperature.
    share = np.bincount(out[:, 1:].argmax(1), minlength=4) / 20_000
    assert np.all(np.abs(share - [0.1, 0.2, 0.3, 0.4]) < 4 * np.sqrt(0.25 / 20_000))


def test_conditions_of_reals_and_of_samples():
    table = SOURCE.arrays['table'][:1000]
    told = np.asarray(rows.drawn_with(LAYOUT, jnp.asarray(table), jax.random.key(0)))
    assert told.shape == (1000, 5)
    assert (told.sum(1) == 1).all()
    assert (told <= table[:, 7:]).all(), 'a condition names a value of its row'
    drawn = np.asarray(rows.by_frequency(LAYOUT, 20_000, jax.random.key(1)))
    shares = np.concatenate([np.array(counts) / 4000 for counts in LAYOUT.counts])
    assert (drawn.sum(1) == 1).all()
    assert np.all(np.abs(drawn.mean(0) - shares) < 4 * np.sqrt(0.25 / 20_000))


def test_training_by_sampling_shows_rare_values_more_often():
    arranged = ctgan.arrange(None, SOURCE)
    group = SOURCE.arrays['table'][:, 7:10]
    before = group.mean(0)
    after = group[arranged.order(0, 0, 20_000)].mean(0)
    assert after[2] > 1.8 * before[2]
    assert ctgan.arrange(None, identity.described(SOURCE.spec)).order is None
    fetched = SOURCE._replace(arrays=(), fetch=lambda i: {'table': SOURCE.arrays['table'][i]})
    np.testing.assert_allclose(
        ctgan.arrange(None, fetched).order.__self__.cumulative, arranged.order.__self__.cumulative
    )
    assert isinstance(arranged.order.__self__, weighted.Weighted)


def test_the_networks_of_the_paper():
    """Parameters by hand: G of z 128 and 5 condition values, D of packs of ten rows of 12 and 5."""
    config = base('ctgan')
    game = gans.make(config, SOURCE.spec)
    count = {
        name: sum(x.size for x in jax.tree.leaves(jax.eval_shape(net.init, jax.random.key(0))[0]))
        for name, net in game.nets.items()
    }
    first, second, last = 133, 133 + 256, 133 + 512
    assert count['g'] == (first + 1) * 256 + (second + 1) * 256 + (last + 1) * 12 + 4 * 256
    assert count['d'] == (170 + 1) * 256 + 257 * 256 + 257
    assert config.g.optimizer.to_dict() == {
        'name': 'adamw',
        'learning_rate': 2e-4,
        'b1': 0.5,
        'b2': 0.9,
        'weight_decay': 1e-6,
    }


def test_what_is_refused():
    config = base('ctgan')
    config.batch_size = 505
    with pytest.raises(errors.GaxError, match=r'config.pack=10 must be positive and divide .* 505 rows'):
        gans.make(config, SOURCE.spec)
    with pytest.raises(errors.GaxError, match=r'this gan is for tables, and points is none'):
        gans.make(base('ctgan'), Spec('points', {'point': Field((2,), 'point')}))


def test_given_conditions_are_kept():
    config = import_module('configs.ctgan_adult').get_test_config()
    game = gans.make(config, SOURCE.spec)
    given = jnp.eye(5)[:3]
    latents = game.sample_latents(jax.random.key(0), 3, {'condition': given})
    np.testing.assert_array_equal(latents['condition'], given)
    assert latents['z'].shape == (3, 4)


def test_the_loss_of_tvae():
    """Closed form: unit tanh error at the standard deviation 0.5, and a choice of probability 1/2."""
    layout = Layout(3, (0,), ((1, 3),), (), ())
    x, raw = jnp.array([[1.0, 1, 0]]), jnp.zeros((1, 3))
    found = rows.reconstruction(layout, raw, x, jnp.array([0.5]))
    np.testing.assert_allclose(found, [0.5 * 4 + np.log(0.5) + np.log(2)], rtol=1e-6)
