"""Algorithm 1 by hand. Toy nets: G(z) = g z, E(x) = N(e x, ~0), D's features 3 x, its logit u.x."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax.config import base, choose
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.gans import vaegan
from tests.helpers import toys

U = np.array([1.0, -2.0])
G, E, RATE, GAMMA = 1.5, 0.5, 0.01, 0.2
TINY = -40.0  # log-variance: no noise to speak of


def game(**fields):
    config = base('vaegan')
    config.latent_dim, config.gamma, config.loss = 2, GAMMA, 'wasserstein'
    for name in 'gde':
        choose(config, f'{name}.net', 'mlp')
    config.update(fields)
    made = vaegan.make(config, Spec('toy', {'point': Field((2,), 'point')}))
    nets = {
        'g': toys.net(lambda key: {'g': jnp.array(G)}, lambda p, z: p['g'] * z),
        'e': toys.net(
            lambda key: {'e': jnp.array(E)},
            lambda p, x: {'mean': p['e'] * x, 'log_variance': jnp.full(x.shape, TINY)},
        ),
        'd': toys.net(
            lambda key: {'u': jnp.asarray(U, jnp.float32)},
            lambda p, x: {'logits': x @ p['u'], 'features': 3.0 * x},
        ),
    }
    players = {name: p._replace(optimizer=optax.sgd(RATE)) for name, p in made.players.items()}
    return made._replace(nets=nets, players=players, latents=toys.given_latents)


@pytest.fixture(scope='module')
def stepped():
    """One step: (params after it, its metrics, x, z)."""
    made, batch = game(), toys.batch()
    state, metrics = jax.jit(steps.make_step(made))(toys.init(made), batch)
    found = {name: float(s / n) for name, (s, n) in metrics.items()}
    return jax.device_get(state.params), found, *(np.asarray(batch[k], np.float64) for k in ('point', 'z'))


def test_terms(stepped):
    _, found, x, z = stepped
    gap = x - G * E * x
    assert found['e/similarity'] == pytest.approx(0.5 * 9 * np.mean(np.sum(gap**2, -1)), rel=1e-5)
    assert found['g/similarity'] == pytest.approx(found['e/similarity'], rel=1e-6)
    prior = 0.5 * np.mean(np.sum((E * x) ** 2, -1)) + 0.5 * 2 * (-1 - TINY)
    assert found['e/prior'] == pytest.approx(prior, rel=1e-5)
    assert found['e/reconstruction'] == pytest.approx(np.mean(gap**2), rel=1e-5)
    assert found['d/adversarial'] == pytest.approx(np.mean(G * z @ U - x @ U), rel=1e-4)
    assert found['d/again'] == pytest.approx(np.mean(G * E * x @ U - x @ U), rel=1e-4)


def test_moves(stepped):
    """E descends prior and similarity, G gamma similarity and the adversarial loss, D the latter:
    Wasserstein here.
    """
    params, _, x, z = stepped
    gap = x - G * E * x
    down = np.mean(np.sum(E * x * x, -1)) - 9 * np.mean(np.sum(gap * G * x, -1))
    assert params['e']['e'] == pytest.approx(E - RATE * down, rel=1e-5)
    u = U - RATE * (np.mean(G * z, 0) + np.mean(G * E * x, 0) - 2 * np.mean(x, 0))
    np.testing.assert_allclose(params['d']['u'], u, rtol=1e-5)
    # G answers D as it has become, and E as it was: one pass is shared.
    down = -np.mean(z @ u) - np.mean(E * x @ u) - GAMMA * 9 * np.mean(np.sum(gap * E * x, -1))
    assert params['g']['g'] == pytest.approx(G - RATE * down, rel=1e-5)


def test_samples_take_no_encoder():
    made = game()
    state = toys.init(made)
    context = toys.view(made.nets, state.params, {}, train=False)._replace(latents={'z': jnp.ones((3, 2))})
    fakes, _ = made.synthesize(context)
    assert list(fakes) == ['point']
    np.testing.assert_array_equal(fakes['point'], np.full((3, 2), G, np.float32))


def real_d(shape=(2,), **d):
    config = base('vaegan')
    for name in 'gde':
        choose(config, f'{name}.net', 'mlp')
    config.d.head.minibatch = d.pop('minibatch', '')
    config.d.update(d)
    field = 'image' if len(shape) == 3 else 'point'
    return vaegan.make(config, Spec('toy', {field: Field(shape, field)})).nets['d']


@pytest.mark.slow
def test_the_discriminator_heeds_every_field_of_its_section():
    assert real_d().init(jax.random.key(0))[1] == {}
    assert real_d(spectral_norm=True).init(jax.random.key(0))[1]['u']
    net = real_d(minibatch='discrimination')
    params, state = net.init(jax.random.key(0))
    x, key = jax.random.normal(jax.random.key(1), (4, 2)), jax.random.key(2)
    one, other = (net.apply(params, state, x, train=False, key=key)[0] for x in (x, x.at[1:].add(0.3)))
    assert one['logits'][0] != other['logits'][0]
    np.testing.assert_array_equal(
        one['features'][0], other['features'][0]
    )  # likeness stays between two examples


@pytest.mark.slow
@pytest.mark.parametrize('field', ['members', 'scales'])
def test_likeness_is_the_mean_over_several_discriminators(field):
    net = real_d((8, 8, 1), **{field: 2})
    out = jax.eval_shape(
        lambda key: net.apply(*net.init(key), jnp.zeros((2, 8, 8, 1)), train=True, key=key)[0],
        jax.random.key(0),
    )
    assert [len(out[name]) for name in ('logits', 'features')] == [2, 2]
    features = {
        'real_out': (jnp.ones((2, 3)), jnp.zeros((2, 5))),
        'again_out': (jnp.zeros((2, 3)), 2 * jnp.ones((2, 5))),
    }
    likeness = vaegan.similarity(None, {side: {'features': value} for side, value in features.items()})
    assert float(likeness) == pytest.approx(0.5 * (3 + 20) / 2)
