"""Recipes that are the usual two players with a loss, a penalty or a projection: what makes each of them itself."""

import jax
import numpy as np
import pytest
import toys

from gax import errors, gans
from gax import step as steps
from gax.config import base
from gax.data.source import Spec

POINTS = Spec('points', {'point': (2,)})


def config_of(gan):
    config = base(gan)
    config.batch_size, config.latent_dim = 6, 2
    config.g.widths = config.d.widths = (4,)
    return config


@pytest.mark.parametrize(
    ('gan', 'loss', 'penalties', 'moves'),
    [
        ('wgan', 'wasserstein', {}, 5),
        ('wgan_gp', 'wasserstein', {'wgan_gp': 10.0}, 5),
        ('dragan', 'non_saturating', {'dragan': 10.0}, 1),
        ('lsgan', 'least_squares', {}, 1),
        ('r1gan', 'non_saturating', {'r1': 10.0}, 1),
        ('rgan', 'relativistic', {}, 1),
        ('ragan', 'relativistic_average', {}, 1),
    ],
)
def test_what_the_papers_say(gan, loss, penalties, moves):
    """Loss, penalty weights and moves of D per step; the generator's pass is shared with D's last move."""
    config = config_of(gan)
    game = gans.make(config, POINTS)
    terms = {name: term.weight for name, term in game.players['d'].live_terms.items()}
    assert config.loss == loss
    assert terms == {'adversarial': 1.0, **penalties}
    assert [move.player for move in steps.moves(game)] == ['d'] * moves + ['g']
    assert steps.draws(game) == moves


@pytest.mark.parametrize('gan', ['wgan', 'wgan_gp', 'lsgan', 'rgan', 'ragan'])
def test_another_loss_is_refused(gan):
    config = config_of(gan)
    config.loss = 'hinge'
    with pytest.raises(errors.GaxError, match=rf"^{gan} has config.loss='\w+', not 'hinge'; gan 'vanilla'"):
        gans.make(config, POINTS)


@pytest.mark.parametrize('gan', ['dragan', 'r1gan'])
def test_penalties_go_with_any_loss(gan):
    config = config_of(gan)
    config.loss = 'hinge'
    assert 'adversarial' in gans.make(config, POINTS).players['d'].live_terms


def test_every_weight_of_the_wgan_critic_stays_in_the_box():
    config = config_of('wgan')
    game = gans.make(config, POINTS)
    state = toys.init(game)
    before = np.concatenate([np.ravel(x) for x in jax.tree.leaves(state.params['d'])])
    assert np.abs(before).max() > 0.01
    batch = {'point': toys.batch(30)['point']}
    after = jax.jit(steps.make_step(game))(state, batch)[0].params
    found = np.concatenate([np.ravel(x) for x in jax.tree.leaves(after['d'])])
    # Those that began outside stand on the edge now.
    assert np.abs(found).max() == pytest.approx(0.01, rel=1e-5)
    assert max(np.abs(x).max() for x in jax.tree.leaves(after['g'])) > 0.1


def test_a_wgan_without_clipping_is_refused():
    config = config_of('wgan')
    config.d.optimizer.clip_weights = 0.0
    with pytest.raises(errors.GaxError, match='clip_weights > 0'):
        gans.make(config, POINTS)
