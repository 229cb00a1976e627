"""Layers that keep their values in fine-tuning."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax import errors, gans
from gax.config import base, choices, choose
from gax.config import defaults as configs
from gax.core import freeze
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.nets import registry
from tests.helpers import toys

POINTS = Spec('points', {'point': Field((2,), 'point')})


def tiny(text, members=1):
    config = base('vanilla')
    config.latent_dim = 3
    config.g.net.widths, config.d.net.widths, config.d.members = (4,), (4, 5), members
    choices.set(config, 'd.freeze', text)
    configs.check(config)
    return config


@pytest.mark.parametrize(
    ('text', 'members'), [('1', 1), pytest.param('Dense_0,Dense_1', 2, marks=pytest.mark.slow)]
)
def test_the_first_layers_stay_and_all_others_move(text, members):
    game = gans.make(tiny(text, members), POINTS)
    before = toys.init(game)
    after, _ = jax.jit(steps.make_update(game, 'd'))(before, {'point': jnp.ones((4, 2))})
    still = ['Dense_0', 'Dense_1'] if members == 2 else ['Dense_0']
    old, new = (jax.tree_util.tree_leaves_with_path(state.params['d']) for state in (before, after))
    for (path, was), (_, now) in zip(old, new, strict=True):
        name = jax.tree_util.keystr(path)
        if 'kernel' in name:
            assert np.array_equal(was, now) == any(layer in name for layer in still), name


def test_layers_come_in_the_order_in_which_they_are_made():
    config = base('r3gan')
    choose(config, 'd.net', 'sngan', widths=(4,) * 12, downs=1)
    net = registry.discriminator(config.d, (4, 4, 1))
    names = [name for name in freeze.layers_of(net) if 'Block' in name]
    assert names == sorted(names, key=lambda name: int(name.rpartition('_')[2]))
    assert len(names) == 12
    assert names != sorted(names)


def test_the_optimizer_alone():
    chain = freeze.held(optax.adam(0.1), {'d': ['a']})
    params = {'d': {'a': {'w': jnp.ones(2)}, 'b': jnp.ones(2)}, 'e': {'a': jnp.ones(2)}}
    updates, _ = chain.update(params, chain.init(params), params)
    assert not updates['d']['a']['w'].any()
    np.testing.assert_allclose(updates['d']['b'], -0.1, rtol=1e-5)
    np.testing.assert_allclose(updates['e']['a'], -0.1, rtol=1e-5)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('9', r'config\.d\.freeze=9: the network has 3 layers: Dense_0, Dense_1, Dense_2'),
        ('Dens_0', r"unknown layer of config\.d\.freeze: 'Dens_0' \(nearest: 'Dense_0'\)"),
    ],
)
def test_refused(text, message):
    config = tiny(text)
    with pytest.raises(errors.GaxError, match=f'^{message}'):
        gans.make(config, POINTS)


def test_a_section_that_is_no_player():
    config = tiny('1')
    game = gans.make(tiny('1'), POINTS)
    with pytest.raises(errors.GaxError, match=r"^unknown player of config\.d\.freeze: 'd'"):
        freeze.from_config(config, game._replace(players={'g': game.players['g']}))
