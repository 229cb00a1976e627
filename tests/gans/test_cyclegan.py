"""CycleGAN and CUT: whose images go where, their objectives, pools, directions, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import cut_emoji, cyclegan_emoji
from gax import data, gans
from gax.config import choose
from gax.core import rng, sample
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.errors import GaxError
from gax.training import experiment
from tests.helpers import toys

SHAPE = (4, 4, 1)
SPEC = Spec('domains', {'b': Field(SHAPE), 'a': Field(SHAPE)}, size=8)


def config(module=cyclegan_emoji, **changes):
    made = module.get_test_config()
    made.g.net.widths, made.d.net.receptive_field, made.batch_size = (4, 4), 1, 2
    choose(made, 'g.net', 'unet', widths=(3,), dropout=0.0) if module is cyclegan_emoji else None
    for name, value in changes.items():
        made[name] = value
    return made


def batch(seed=0):
    draw = np.random.default_rng(seed)
    return {name: jnp.asarray(draw.uniform(-1, 1, (2, *SHAPE)), jnp.float32) for name in SPEC.fields}


def shifting(game):
    """The game with translators that add 1 (to b) and take 10 off (to a), discriminators that take means."""
    plus, minus = toys.net(lambda key: {}, lambda p, x: x + 1), toys.net(lambda key: {}, lambda p, x: x - 10)
    mean = toys.net(lambda key: {}, lambda p, x: jnp.mean(x, axis=(1, 2, 3)))
    return game._replace(nets={**game.nets, 'g_ab': plus, 'g_ba': minus, 'd_a': mean, 'd_b': mean})


def test_whose_images_go_where():
    game = shifting(gans.make(config(pool_size=0), SPEC))
    real = batch()
    context = toys.view(game.nets, {name: {} for name in game.nets}, real)
    context = context._replace(latents=real, conditions=game.conditions)
    fakes, context = game.generate(context)
    expected = {
        'b': real['a'] + 1,
        'a': real['b'] - 10,
        'cycle_a': real['a'] + 1 - 10,
        'cycle_b': real['b'] - 10 + 1,
        'identity_b': real['b'] + 1,
        'identity_a': real['a'] - 10,
    }
    assert fakes.keys() == expected.keys()
    for name, x in expected.items():
        np.testing.assert_allclose(fakes[name], x, atol=1e-6, err_msg=name)
    out, context = game.players['g'].forward(context._replace(fakes=fakes))
    for side in 'ab':
        np.testing.assert_allclose(out[side]['fake'], fakes[side].mean((1, 2, 3)), atol=1e-6)
    values = {name: term.fn(context, out, term.init())[0] for name, term in game.players['g'].terms.items()}
    assert float(values['cycle']) == pytest.approx(9 + 9, rel=1e-5)
    assert float(values['identity']) == pytest.approx(1 + 10, rel=1e-5)
    least_squares = sum(0.5 * np.mean((np.asarray(fakes[s]).mean((1, 2, 3)) - 1) ** 2) for s in 'ab')
    assert float(values['adversarial']) == pytest.approx(least_squares, rel=1e-5)


def test_weights_and_moves():
    game = gans.make(config(adversarial_weight=2.0, cycle_weight=10.0), SPEC)
    assert list(game.players) == ['g', 'd']
    assert set(game.players['g'].nets) == {'g_ab', 'g_ba'}
    assert set(game.players['d'].nets) == {'d_a', 'd_b'}
    weights = {f'{p}/{n}': t.weight for p, r in game.players.items() for n, t in r.terms.items()}
    assert weights == {'g/adversarial': 2.0, 'g/cycle': 10.0, 'g/identity': 5.0, 'd/adversarial': 0.5}
    assert 'identity' not in gans.make(config(identity_weight=0.0), SPEC).players['g'].terms


def test_the_discriminators_see_the_pool_and_the_translators_do_not():
    """Pools of two, full of sevens: half of what D_b gets is 7."""
    game = shifting(gans.make(config(pool_size=2), SPEC))
    sevens = {'images': jnp.full((2, *SHAPE), 7.0), 'count': jnp.asarray(2)}
    state = {
        name: sevens if name.startswith('pool') else {'calls': jnp.zeros((), jnp.int32)} for name in game.nets
    }
    seen = []
    for seed in range(20):
        context = toys.view(
            game.nets, {name: {} for name in game.nets}, batch(), seed=seed, model_state=state
        )
        context = context._replace(latents=batch(), conditions=game.conditions)
        fakes, context = game.generate(context)
        out, after = game.players['d'].forward(context._replace(fakes=fakes))
        seen.append(float(out['b']['fake'][0]) == 7.0)
        assert (
            float(jnp.min(after.model_state['pool_b']['images'])) == 7.0
            or seen[-1]
            or out['b']['fake'][1] == 7
        )
        g_out, _ = game.players['g'].forward(context._replace(fakes=fakes))
        np.testing.assert_allclose(g_out['b']['fake'], fakes['b'].mean((1, 2, 3)), atol=1e-6)
    assert 3 <= sum(seen) <= 17


def test_pools_are_not_averaged_over_replicas():
    made = cyclegan_emoji.get_test_config()
    made.accumulate = 2
    with pytest.raises(GaxError, match='pool_b'):
        experiment.build(made)


def test_synthesis_translates_what_it_is_given():
    game = shifting(gans.make(config(), SPEC))
    state = steps.init(game, rng.root(0))
    x = batch()['a']
    only = sample.synthesize(game, state, {'a': x}, jax.random.key(0), averaged=False)
    assert list(only) == ['b']
    np.testing.assert_allclose(only['b'], x + 1, atol=1e-6)
    both = sample.sample(game, state, jax.random.key(0), 2, batch(), averaged=False)
    assert set(both) == {'a', 'b'}


def test_the_direction_says_what_is_evaluated():
    made = cyclegan_emoji.get_test_config()
    assert data.load(made).spec.target == 'b'
    choose(made, 'data', direction='ba')
    assert data.load(made).spec.target == 'a'
    with_cut = cut_emoji.get_test_config()
    for direction, source in (('ab', 'a'), ('ba', 'b')):
        choose(with_cut, 'data', direction=direction)
        assert experiment.build(with_cut).game.conditions == (source,)


@pytest.mark.slow
def test_terms_of_each_discriminator_go_with_it():
    """R1, LeCam (with a state) and ADA (whose state the augmentation reads) of two discriminators."""
    made = config(module=cyclegan_emoji)
    choose(made, 'terms.r1', weight=0.1)
    choose(made, 'terms.lecam', weight=0.1)
    choose(made, 'ada', kimg=1.0)
    made.augment = 'color'
    game = gans.make(made, SPEC)
    state = jax.eval_shape(lambda: steps.init(game, rng.root(0)))
    after, metrics = jax.eval_shape(steps.make_step(game), state, jax.eval_shape(batch))
    assert {'d/r1', 'd/lecam', 'd/ada'} <= set(metrics)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert set(state.term_state['d']['lecam']) == {'a', 'b'}


def test_the_step_of_cut_and_its_identity_term():
    spec = Spec('domains', {'b': Field((8, 8, 1)), 'a': Field((8, 8, 1))}, size=8)
    made = config(cut_emoji)
    made.nce.identity = True
    game = gans.make(made, spec)
    assert game.players['g'].nets == ('g', 'f')
    real = {name: jax.ShapeDtypeStruct((2, 8, 8, 1), jnp.float32) for name in 'ab'}
    state = jax.eval_shape(lambda: steps.init(game, rng.root(0)))
    assert 'g/nce' in jax.eval_shape(steps.make_step(game), state, real)[1]
    assert 'f' not in gans.make(without_nce(), spec).players['g'].nets


def without_nce():
    made = config(cut_emoji)
    made.nce.weight = 0.0
    return made


@pytest.mark.parametrize('module', [cyclegan_emoji, cut_emoji])
def test_data_that_are_no_two_domains_are_refused(module):
    with pytest.raises(GaxError, match=r'needs two domains, and x has .*domains:PATH'):
        gans.make(config(module), Spec('x', {'image': Field(SHAPE)}))
    unequal = Spec('x', {'b': Field((8, 8, 3)), 'a': Field((8, 8, 1))})
    with pytest.raises(GaxError, match=r'translates images of one shape, .*channels'):
        gans.make(config(module), unequal)
