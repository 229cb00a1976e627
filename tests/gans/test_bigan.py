"""Pairs, and who moves against whom. Toy nets: G(z) = g z, E(x) = e x, D(x, z) = u.x + v.z."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax.config import base, choose
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.gans import bigan
from tests.helpers import toys

SPEC = Spec('toy', {'point': Field((2,), 'point')})
U, V = np.array([1.0, -2.0]), np.array([0.5, 3.0])
RATE = 0.1


def game(encode, **fields):
    config = base('bigan')
    config.latent_dim = 2
    for name in 'gde':
        choose(config, f'{name}.net', 'mlp')
    config.update(fields)
    made = bigan.make(config, SPEC)
    nets = {
        'g': toys.net(lambda key: {'g': jnp.array(2.0)}, lambda p, z: p['g'] * z),
        'e': toys.net(lambda key: {'e': jnp.array(0.5)}, encode),
        'd': toys.net(
            lambda key: {'u': jnp.asarray(U, jnp.float32), 'v': jnp.asarray(V, jnp.float32)},
            lambda p, x, z: x @ p['u'] + z @ p['v'],
        ),
    }
    players = {name: p._replace(optimizer=optax.sgd(RATE)) for name, p in made.players.items()}
    return made._replace(nets=nets, players=players, latents=toys.given_latents)


def mean_code(p, x):
    return {'mean': p['e'] * x}


def moved(player, **fields):
    made, batch = game(mean_code, **fields), toys.batch()
    state = toys.init(made)
    after, metrics = steps.make_update(made, player)(state, batch)
    return jax.device_get((after.params, {name: s / n for name, (s, n) in metrics.items()})), batch


def logits(batch):
    x, z = np.asarray(batch['point'], np.float64), np.asarray(batch['z'], np.float64)
    return x, z, x @ U + 0.5 * x @ V, 2 * z @ U + z @ V


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_generator_and_the_encoder_exchange_the_roles():
    """They minimise softplus(D(x, E(x))) + softplus(-D(G(z), z)), each by its own half."""
    (params, metrics), batch = moved('ge')
    x, z, real, fake = logits(batch)
    expected = np.mean(np.logaddexp(0, real) + np.logaddexp(0, -fake))
    assert metrics['ge/adversarial'] == pytest.approx(expected, rel=1e-5)
    assert params['e']['e'] == pytest.approx(0.5 - RATE * np.mean(sigmoid(real) * (x @ V)), rel=1e-5)
    assert params['g']['g'] == pytest.approx(2.0 + RATE * np.mean(sigmoid(-fake) * (z @ U)), rel=1e-5)
    np.testing.assert_array_equal(params['d']['u'], U)


def test_the_discriminator_judges_pairs():
    (params, metrics), batch = moved('d')
    x, z, real, fake = logits(batch)
    expected = np.mean(np.logaddexp(0, -real) + np.logaddexp(0, fake))
    assert metrics['d/adversarial'] == pytest.approx(expected, rel=1e-5)
    down = np.mean(-sigmoid(-real)[:, None] * 0.5 * x + sigmoid(fake)[:, None] * z, axis=0)
    np.testing.assert_allclose(params['d']['v'], V - RATE * down, rtol=1e-5)
    assert (params['e']['e'], params['g']['g']) == (0.5, 2.0)


def test_wasserstein_pairs():
    (_, metrics), batch = moved('ge', loss='wasserstein')
    _, _, real, fake = logits(batch)
    assert metrics['ge/adversarial'] == pytest.approx(np.mean(real - fake), rel=1e-5)


def test_reconstruction_is_watched():
    (_, metrics), _ = moved('ge')  # G(E(x)) = 2 * 0.5 * x
    assert metrics['ge/reconstruction'] == pytest.approx(0.0, abs=1e-12)


def test_penalties_see_pairs():
    """The gradient by x of u.x + v.z is u: R1 is |u|^2 / 2, and WGAN-GP (|u| - 1)^2."""
    (_, metrics), _ = moved('d', terms={'r1': {'weight': 1.0}, 'wgan_gp': {'weight': 1.0}})
    assert metrics['d/r1'] == pytest.approx(2.5, rel=1e-5)
    assert metrics['d/wgan_gp'] == pytest.approx((5**0.5 - 1) ** 2, rel=1e-5)


def test_ali_draws_its_code():
    def encode(p, x):
        return {'mean': p['e'] * x, 'log_variance': jnp.full(x.shape, jnp.log(9.0))}

    made = game(encode)
    batch = {'point': jnp.ones((4000, 2)), 'z': jnp.zeros((4000, 2))}
    state = toys.init(made)
    context = toys.view(made.nets, state.params, batch)._replace(latents={'z': batch['z']})
    code = made.generate(context)[0]['code']
    assert float(jnp.mean(code)) == pytest.approx(0.5, abs=0.15)
    assert float(jnp.std(code)) == pytest.approx(3.0, rel=0.05)


def test_only_the_stochastic_encoder_has_a_variance():
    for stochastic in (False, True):
        config = base('bigan')
        for name in 'gde':
            choose(config, f'{name}.net', 'mlp')
        config.e.stochastic = stochastic
        params = jax.eval_shape(bigan.make(config, SPEC).nets['e'].init, jax.random.key(0))[0]
        assert ('log_variance' in params) == stochastic


def judged(kind, **d):
    """-> (logits of four pairs, logits of the first pair when the others' codes are other ones, params,
    state).
    """
    config = base('bigan')
    config.latent_dim = 2
    choose(config, 'g.net', 'mlp')
    choose(config, 'e.net', 'mlp')
    config.g.net.widths = config.e.net.widths = (4,)
    choose(config, 'd.net', kind, widths=(4,))
    config.d.head.minibatch = d.pop('minibatch', '')
    config.d.update(d)
    net = bigan.make(config, Spec('toy', {'image': Field((8, 8, 1))})).nets['d']
    params, state = net.init(jax.random.key(0))
    x, z = jax.random.normal(jax.random.key(1), (4, 8, 8, 1)), jnp.ones((4, 2))
    ask = lambda z: net.apply(params, state, x, z, train=True, key=jax.random.key(2))[0]  # noqa: E731
    return ask(z), ask(z.at[1:].set(jax.random.normal(jax.random.key(3), (3, 2)))), params, state


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['mlp', 'dcgan'])
def test_the_discriminator_heeds_every_field_of_its_section(kind):
    logits, moved, _, state = judged(kind)
    assert (logits.shape, state) == ((4,), {})
    assert logits[0] == moved[0]
    for several in ({'members': 2}, {'scales': 2}):
        logits, moved, params, _ = judged(kind, **several)
        assert ([scores.shape for scores in logits], set(params)) == ([(4,)] * 2, {'member_0', 'member_1'})
        for before, after in zip(logits, moved, strict=True):
            assert jnp.all(before[1:] != after[1:])  # each of them reads the code
    sizes = [sum(x.size for x in jax.tree.leaves(member)) for member in params.values()]
    assert sizes[0] > sizes[1]  # of scales, the second has less to see
    assert judged(kind, spectral_norm=True)[3]['u']
    for minibatch in ('std', 'discrimination'):
        logits, moved, *_ = judged(kind, minibatch=minibatch)
        assert logits[0] != moved[0]  # the others' codes are seen
