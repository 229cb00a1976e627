"""pix2pix: its objective on nets that can be computed by hand, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import pix2pix_openmoji
from gax import gans
from gax.config import base, choose
from gax.core import rng
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.errors import GaxError
from tests.helpers import toys

SPEC = Spec('pairs', {'image': Field((4, 4, 1)), 'condition': Field((4, 4, 1))}, size=8)


def config(**changes):
    made = base('pix2pix')
    made.g.net.widths, made.g.net.dropout = (3,), 0.0
    made.d.net.receptive_field, made.d.net.width, made.batch_size = 1, 2, 2
    for name, value in changes.items():
        made[name] = value
    return made


def losses_of(made, batch):
    """The metrics of one step, and the fakes of the first networks."""
    game = gans.make(made, SPEC)
    state = steps.init(game, rng.root(0))
    after, metrics = jax.jit(steps.make_step(game))(state, batch)
    return (
        game,
        state,
        after,
        {name: float(total / count) for name, (total, count) in metrics.items() if count},
    )


@pytest.fixture(scope='module')
def batch():
    draw = np.random.default_rng(0)
    return {name: jnp.asarray(draw.uniform(-1, 1, (2, 4, 4, 1)), jnp.float32) for name in SPEC.fields}


def test_the_objective(batch):
    """g: adversarial + 100 L1, d: half the sum of both cross-entropies, each from its parts."""
    game, state, after, found = losses_of(config(), batch)
    assert found['g/loss'] == pytest.approx(found['g/adversarial'] + 100 * found['g/l1'], rel=1e-5)
    assert found['d/loss'] == pytest.approx(0.5 * found['d/adversarial'], rel=1e-5)
    fake = game.nets['g'].apply(state.params['g'], {}, batch['condition'], train=False, key=None)[0]
    assert found['g/l1'] == pytest.approx(float(np.abs(fake - batch['image']).mean()), rel=1e-5)
    logits = [
        np.asarray(
            game.nets['d'].apply(state.params['d'], {}, jnp.concatenate(pair, -1), train=False, key=None)[0]
        )
        for pair in ((batch['image'], batch['condition']), (fake, batch['condition']))
    ]
    entropy = np.mean(np.log1p(np.exp(-logits[0])) + np.log1p(np.exp(logits[1])))
    assert found['d/adversarial'] == pytest.approx(entropy, rel=1e-5)
    assert toys.differ(after.params['d'], state.params['d'])


def test_l1_alone_has_no_second_player(batch):
    game, state, after, found = losses_of(config(adversarial_weight=0.0), batch)
    assert list(game.players) == ['g']
    assert found['g/loss'] == pytest.approx(100 * found['g/l1'], rel=1e-6)
    toys.same(after.params['d'], state.params['d'])
    assert toys.differ(after.params['g'], state.params['g'])


def test_what_the_discriminator_sees():
    """With the condition its first kernel has the channels of both images; without, those of one."""
    for conditional, channels in ((True, 2), (False, 1)):
        game = gans.make(config(conditional=conditional, l1_weight=0.0), SPEC)
        params = jax.eval_shape(game.nets['d'].init, jax.random.key(0))[0]
        assert params['Conv_0']['kernel'].shape == (1, 1, channels, 2)
        assert list(game.players['g'].live_terms) == ['adversarial']


def test_noise_is_planes_beside_the_condition():
    made = config(noise='z', latent_dim=3)
    game = gans.make(made, SPEC)
    assert game.latents(jax.random.key(0), 2, {})['z'].shape == (2, 3)
    params = jax.eval_shape(game.nets['g'].init, jax.random.key(0))[0]
    assert params['Conv_0']['kernel'].shape == (4, 4, 1 + 3, 3)
    assert gans.make(config(), SPEC).latents(jax.random.key(0), 2, {}) == {}


def test_the_condition_is_augmented_as_the_image_is():
    """Where both are the same picture, D sees the same picture twice."""
    game = gans.make(config(augment='translation,cutout'), SPEC)
    picture = jax.random.normal(jax.random.key(2), (2, 4, 4, 1))
    seen = []

    def spy(params, state, x, train, key):
        seen.append(np.asarray(x))
        return jnp.zeros(x.shape[:3]), state

    nets = {**game.nets, 'd': game.nets['d']._replace(apply=spy)}
    same = {'image': picture, 'condition': picture}
    context = toys.view(nets, {'d': {}, 'g': {}}, same, same, model_state={'d': {}, 'g': {}})
    context = context._replace(latents=same, conditions=game.conditions)
    game.players['d'].forward(context)
    for x in seen:
        np.testing.assert_array_equal(x[..., 0], x[..., 1])
        assert not np.array_equal(x[..., :1], picture)


@pytest.mark.parametrize(
    ('fields', 'words'),
    [
        ({}, 'pix2pix needs pairs, and x has no condition: have --config.data.name=pairs:PATH'),
        (
            {'condition': Field((2, 2, 1))},
            'takes conditions of the size of the image, 4x4, and those of x are 2x2',
        ),
    ],
)
def test_data_that_do_not_fit_are_refused(fields, words):
    with pytest.raises(GaxError, match=words):
        gans.make(config(), Spec('x', {'image': Field((4, 4, 1)), **fields}))


def test_nothing_to_train_and_unknown_noise_are_refused():
    with pytest.raises(GaxError, match='both 0: nothing trains g'):
        gans.make(config(l1_weight=0.0, adversarial_weight=0.0), SPEC)
    with pytest.raises(GaxError, match=r"unknown config\.noise 'y'"):
        gans.make(config(noise='y'), SPEC)


@pytest.mark.slow
def test_a_degradation_makes_any_images_pairs():
    from gax.training import experiment

    made = pix2pix_openmoji.get_test_config()
    choose(made, 'data', 'embedded:emoji', condition='gray', image_size=16)
    made.noise = ''
    built = experiment.build(made)
    assert built.source.spec.fields['condition'].shape == (16, 16, 1)
    assert 'g/l1' in experiment.shapes(built).meter.totals
