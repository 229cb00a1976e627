"""Recipes that are the usual two players with a loss, a penalty or a projection: what makes each of them
itself.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors, gans
from gax.config import base
from gax.core import step as steps
from gax.core import updates
from gax.core.spec import Field, Spec
from tests.helpers import toys

POINTS = Spec('points', {'point': Field((2,), 'point')})
IMAGES = Spec('images', {'image': Field((8, 8, 1))}, num_classes=3)
SPECS = dict.fromkeys(('sngan', 'r3gan', 'projection'), IMAGES)


def config_of(gan):
    config = base(gan)
    config.batch_size, config.latent_dim = 6, 2
    config.g.net.widths = config.d.net.widths = (4,)
    if gan in ('sngan', 'r3gan'):
        config.g.net.widths = config.d.net.widths = (4, 4)
    if gan == 'sngan':
        config.d.net.downs = 1
    if gan == 'projection':
        config.g.net.strides = (2,)
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
        ('sngan', 'hinge', {}, 5),
        ('r3gan', 'relativistic', {'r1': 0.05, 'r2': 0.05}, 1),
        ('projection', 'hinge', {}, 5),
    ],
)
def test_what_the_papers_say(gan, loss, penalties, moves):
    """Loss, penalty weights and moves of D per step; the generator's pass is shared with D's last move."""
    config = config_of(gan)
    game = gans.make(config, SPECS.get(gan, POINTS))
    terms = {name: term.weight for name, term in game.players['d'].live_terms.items()}
    assert config.loss == loss
    assert terms == {'adversarial': 1.0, **penalties}
    assert [move.player for move in updates.moves(game)] == ['d'] * moves + ['g']
    assert updates.batches_per_step(game) == moves


@pytest.mark.parametrize(
    ('gan', 'd_kind', 'normed', 'dim', 'rate', 'betas'),
    [
        ('sngan', 'sngan', True, 128, 2e-4, (0.0, 0.9)),
        ('projection', 'dcgan', True, 128, 2e-4, (0.0, 0.9)),
        ('r3gan', 'r3gan', False, 64, 2e-4, (0.0, 0.99)),
        ('wgan_gp', 'mlp', False, 100, 1e-4, (0.0, 0.9)),
        ('r1gan', 'mlp', False, 100, 1e-4, (0.0, 0.99)),
    ],
)
def test_settings_of_the_papers(gan, d_kind, normed, dim, rate, betas):
    config = base(gan)
    assert (config.d.net.kind, config.d.spectral_norm, config.latent_dim) == (d_kind, normed, dim)
    assert config.d.net.get('dropout', 0.0) == 0.0
    for player in (config.d, config.g):
        assert (player.optimizer.name, player.optimizer.learning_rate) == ('adam', rate)
        assert (player.optimizer.b1, player.optimizer.b2) == betas


def answers(gan, **fields):
    """-> (fakes of latents alike but for their labels 0, 1, 2; D's logits of one image with those labels;
    the game).
    """
    config = config_of(gan)
    config.update(fields)
    game = gans.make(config, IMAGES)
    state = toys.init(game)
    image = jnp.broadcast_to(jax.random.normal(jax.random.key(1), (1, 8, 8, 1)), (3, 8, 8, 1))
    batch = {'image': image, 'label': jnp.arange(3)}
    context = toys.view(game.nets, state.params, batch, train=False, model_state=state.model_state)
    latents = game.sample_latents(jax.random.key(0), 3, batch)
    context = context._replace(
        conditions=game.conditions, latents={**latents, 'z': jnp.ones_like(latents['z'])}
    )
    fakes, context = game.generate(context)
    return fakes['image'], game.players['d'].forward(context._replace(fakes=fakes))[0]['real'], game


@pytest.mark.slow
@pytest.mark.parametrize(('gan', 'fields'), [('projection', {}), ('r3gan', {'conditional': True})])
def test_conditional_paths(gan, fields):
    """Both networks hear the label; D by the row of an embedding that it multiplies its features by."""
    fakes, logits, game = answers(gan, **fields)
    assert game.conditions == ('label',)
    assert len({float(x) for x in logits}) == 3
    if gan == 'r3gan':
        assert toys.differ(fakes[0], fakes[1])
    params, _ = game.nets['d'].init(jax.random.key(0))
    tables = [x for path, x in jax.tree_util.tree_leaves_with_path(params) if 'embedding' in str(path[-1])]
    assert [x.shape[0] for x in tables] == [3]


@pytest.mark.slow
def test_class_norm_of_the_projection_gan_is_scale_and_offset_by_class():
    """They begin alike for every class; where one class's offsets differ, so do its images, and no
    other's.
    """
    config = config_of('projection')
    net = gans.make(config, IMAGES).nets['g']
    params, state = net.init(jax.random.key(0))
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    assert any('ConditionalBatchNorm' in name for name in names)

    def ask(p):
        return net.apply(p, state, jnp.ones((3, 2)), jnp.arange(3), train=False, key=jax.random.key(0))[0]

    moved = jax.tree_util.tree_map_with_path(
        lambda path, x: x.at[1].add(0.5) if x.ndim == 2 and x.shape[0] == 3 else x, params
    )
    before, after = ask(params), ask(moved)
    toys.close(before[0], before[1])
    toys.close(after[::2], before[::2])
    assert toys.differ(after[1], before[1])


@pytest.mark.slow
@pytest.mark.parametrize('gan', ['sngan', 'r3gan'])
def test_unconditional_paths(gan):
    _, logits, game = answers(gan)
    assert len({float(x) for x in logits}) == 1
    assert set(game.sample_latents(jax.random.key(0), 3, {'label': jnp.arange(3)})) == {'z'}


def test_labels_that_are_missing_are_refused():
    for gan, fields in (('projection', {}), ('r3gan', {'conditional': True})):
        config = config_of(gan)
        config.update(fields)
        with pytest.raises(errors.GaxError, match='needs labels, and points has none'):
            gans.make(config, POINTS)


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
