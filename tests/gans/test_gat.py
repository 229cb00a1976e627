"""GAT: noise on levels, what D sees, rates by width."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import gans
from gax.config import base, choose
from gax.core import wrappers
from gax.core.spec import Field, Spec
from gax.errors import GaxError
from gax.gans import gat
from gax.sampling import truncation
from tests.helpers import toys

SPEC = Spec('images', {'image': Field((4, 4, 3))}, size=8)
KEY = jax.random.key(0)


def config(**changes):
    made = base('gat')
    made.batch_size, made.latent_dim = 2, 3
    for player in (made.g, made.d):
        player.net.update({'width': 8, 'depth': 2, 'attention_heads': 1})
    made.g.net.levels, made.d.net.embedding = 2, 4
    for name, value in changes.items():
        made[name] = value
    return made


def test_shares_of_noise():
    np.testing.assert_allclose(gat.noise_levels(4), [0.885, 0.76, 0.51, 0.01], atol=1e-12)
    assert gat.noise_levels(1) == [0.01]


def test_noise_has_its_variance_at_every_level_and_is_nested():
    """Of images of 0: standard deviation t_k; a level is the next one, scaled, and independent noise."""
    shares = gat.noise_levels(4)
    x = [jnp.zeros((1, 200, 200, 1))] * 4
    noise = np.asarray(gat.noised(KEY, x, shares)).reshape(-1, 4)
    np.testing.assert_allclose(noise.std(axis=0), shares, rtol=0.02)
    for k in range(3):
        scaled = noise[:, k + 1] * (1 - shares[k]) / (1 - shares[k + 1])
        rest = noise[:, k] - scaled
        assert abs(np.corrcoef(rest, scaled)[0, 1]) < 0.02
    ones = [jnp.ones((1, 2, 2, 1))] * 4
    signal = gat.noised(KEY, ones, shares) - gat.noised(KEY, [0 * one for one in ones], shares)
    np.testing.assert_allclose(signal[0, 0, 0], 1 - np.array(shares), rtol=1e-5)


def test_the_rate_is_in_inverse_proportion_to_the_width():
    assert gat.learning_rate(768) == 2e-4
    assert base('gat').g.optimizer.learning_rate == pytest.approx(4e-4)


def seen_by_d(made, reals, fakes):
    """What D's forward pass gives to D: of the reals, then of the fakes."""
    game = gans.make(made, SPEC)
    shown = []

    def spy(params, state, x, train, key):
        shown.append(np.asarray(x))
        return jnp.zeros(len(x)), state

    nets = {**game.nets, 'd': game.nets['d']._replace(apply=spy)}
    empty = {'d': {}, 'g': {}}
    context = toys.view(nets, empty, {'image': reals}, {'image': fakes}, model_state=empty)
    game.players['d'].forward(context)
    return shown


@pytest.mark.slow
def test_what_d_sees_without_noise():
    """A real at every level, fakes one upon another; augmented with the same draws at all levels."""
    made = config(augment='')
    made.noise.update({'least': 1.0, 'offset': 0.0})
    reals, fakes = jax.random.normal(KEY, (2, 4, 4, 3)), jax.random.normal(KEY, (2, 4, 4, 6))
    real, fake = seen_by_d(made, reals, fakes)
    np.testing.assert_allclose(real, np.concatenate([reals, reals], axis=-1), atol=1e-6)
    np.testing.assert_allclose(fake, fakes, atol=1e-6)
    made.augment = 'color,translation,cutout,flip'
    real, fake = seen_by_d(made, reals, jnp.concatenate([reals, reals], axis=-1))
    for x in (real, fake):
        np.testing.assert_allclose(x[..., :3], x[..., 3:], atol=1e-6)
        assert np.abs(x[..., :3] - reals).max() > 0.1


def context_of(game, key, labels=None):
    params, state = {}, {}
    for name in game.generator:
        params[name], state[name] = game.nets[name].init(key)
    latents = {'z': jnp.asarray([[1.0, 2.0, -1.0], [0.5, -1.0, 2.0]])}
    latents |= {} if labels is None else {'label': labels}
    context = toys.view(game.nets, params, {}, {}, model_state=state)
    return context._replace(latents=latents, train=False, conditions=game.conditions)


@pytest.mark.slow
def test_samples_are_the_last_image_alone():
    game = gans.make(config(), SPEC)

    def run(key):
        context = context_of(game, key)
        return game.generate(context)[0]['image'], game.synthesize(context)[0]['image']

    levels, last = jax.jit(run)(KEY)
    assert levels.shape == (2, 4, 4, 6)
    np.testing.assert_array_equal(last, levels[..., 3:])


@pytest.mark.slow
def test_truncation_draws_w_towards_the_mean_of_its_class():
    """At psi 0 the fakes are those of the class's mean, at psi 1 they are as they were."""
    game = gans.make(config(conditional=True), SPEC._replace(num_classes=3))
    means, labels = jax.random.normal(KEY, (3, 8)), jnp.array([2, 0])

    def run(key):
        context = context_of(game, key, labels)
        kept = {
            'mapping': {'statistics': {'w_average': means}},
            'synthesis': context.model_state['synthesis'],
        }
        context = context._replace(model_state=kept)
        fakes = [truncation.in_w(game, psi).synthesize(context)[0]['image'] for psi in (0.0, 1.0)]
        middle = jnp.broadcast_to(means[labels][:, None], (2, 2, 8))
        return fakes, game.styles.synthesis(context, middle)[0]['image'], game.synthesize(context)[0]['image']

    (none, whole), of_means, plain = jax.jit(run)(KEY)
    np.testing.assert_allclose(none, of_means, atol=1e-5)
    np.testing.assert_allclose(whole, plain, atol=1e-5)
    assert np.abs(none - plain).max() > 1e-2


def test_terms_and_rematerialisation_of_g_are_of_both_of_its_nets():
    made = config(remat='g,d')
    choose(made, 'terms.orthogonal_g', weight=1.0)
    game = gans.make(made, SPEC)
    assert game.players['g'].nets == ('mapping', 'synthesis')
    params = {name: {'kernel': jnp.ones((1, 2))} for name in ('mapping', 'synthesis', 'd')}
    value = game.players['g'].terms['orthogonal_g'].fn(toys.view({}, params, {}), None, ())[0]
    assert float(value) == 4.0  # two products of 1, in each of the two nets
    assert wrappers.named('config.remat', made.remat, game) == ['mapping', 'synthesis', 'd']


def test_other_settings_are_refused():
    with pytest.raises(GaxError, match='conditional=True needs labels, and images has none'):
        gans.make(config(conditional=True), SPEC)
    made = config()
    choose(made, 'g.net', 'sngan', widths=(4, 4))
    with pytest.raises(
        GaxError, match=r'an image of each level of G, and config\.g\.net\.kind=sngan has one'
    ):
        gans.make(made, SPEC)


def test_labels():
    game = gans.make(config(conditional=True), SPEC._replace(num_classes=3))
    assert game.conditions == ('label',)
    params = jax.eval_shape(game.nets['d'].init, KEY)[0]
    assert params['Embed_0']['embedding'].shape == (3, 4)
