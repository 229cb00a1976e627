"""The terms of all phases by hand. Toy nets are numbers, e(x) = E x and so on; d's logit of a step is u.h."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax import errors
from gax.config import base
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.gans import timegan
from tests.helpers import toys

NUMBERS = {'e': 0.5, 'r': 1.7, 's': 0.8, 'g': 1.3}
U = np.array([1.0, -2.0])
SPEC = Spec('toy', {'series': Field((3, 2), 'series')})


def config(**fields):
    made = base('timegan')
    made.latent_dim, made.hidden, made.steps = 2, 2, 6
    made.autoencoder.steps, made.supervised.steps = 2, 2
    made.g.updates = made.e.updates = 1
    made.update(fields)
    return made


def scaling_by(number):
    return toys.net(lambda key: jnp.array(number), lambda p, x: p * x)


def game(rate=0.0, **fields):
    made = timegan.make(config(**fields), SPEC)
    nets = {name: scaling_by(number) for name, number in NUMBERS.items()}
    nets['d'] = toys.net(lambda key: jnp.asarray(U, jnp.float32), lambda p, h: h @ p)
    players = {
        name: p._replace(optimizer=optax.sgd(rate)) if name != 'd' else p for name, p in made.players.items()
    }
    return made._replace(nets=nets, players=players, latents=toys.given_latents)


def batch(draws):
    x, z = np.random.default_rng(0).uniform(size=(2, 4 * draws, 3, 2)).astype(np.float32)
    return {'series': x, 'z': z}


def stepped(made, phase):
    state, metrics = jax.jit(steps.make_step(made, phase=phase))(toys.init(made), batch(3))
    return state, {name: float(s / n) for name, (s, n) in metrics.items()}


def softplus(x):
    return np.log1p(np.exp(x))


def supervised(x):
    h = NUMBERS['e'] * x.astype(np.float64)
    return np.mean((h[:, 1:] - NUMBERS['s'] * h[:, :-1]) ** 2)


def reconstruction(x):
    return np.sqrt(np.mean((x * (1 - NUMBERS['e'] * NUMBERS['r'])) ** 2))


def test_the_first_two_phases():
    """A step reads as many batches as in the phase that needs most, and here uses the first of three."""
    x = batch(3)['series'][::3]
    _, found = stepped(game(), 'autoencoder')
    assert found['autoencoder/loss'] == pytest.approx(10 * reconstruction(x), rel=1e-5)
    _, found = stepped(game(), 'supervised')
    assert found['supervisor/loss'] == pytest.approx(supervised(x), rel=1e-5)


def test_the_joint_phase():
    """g, e and d each have a batch of their own: rows 0, 3, ...; 1, 4, ...; 2, 5, ..."""
    _, found = stepped(game(), 'joint')
    x, z = (batch(3)[name].astype(np.float64) for name in ('series', 'z'))
    early = NUMBERS['g'] * z
    latent = NUMBERS['s'] * early
    fake = NUMBERS['r'] * latent

    def spread(x):
        return np.sqrt(x.var(0) + 1e-6)

    mine = slice(0, None, 3)
    moments = np.abs(fake[mine].mean(0) - x[mine].mean(0)).mean()
    moments += np.abs(spread(fake[mine]) - spread(x[mine])).mean()
    terms = {
        'adversarial': softplus(-latent[mine] @ U).mean(),
        'early': softplus(-early[mine] @ U).mean(),
        'supervised': np.sqrt(supervised(x[mine])),
        'moments': moments,
    }
    for name, value in terms.items():
        assert found[f'g/{name}'] == pytest.approx(value, rel=1e-4), name
    weights = {'adversarial': 1, 'early': 1, 'supervised': 100, 'moments': 100}
    total = sum(weight * terms[name] for name, weight in weights.items())
    assert found['g/loss'] == pytest.approx(total, rel=1e-4)
    mine = slice(1, None, 3)
    total = 10 * reconstruction(x[mine]) + 0.1 * supervised(x[mine])
    assert found['e/loss'] == pytest.approx(total, rel=1e-5)
    mine = slice(2, None, 3)
    total = softplus(-NUMBERS['e'] * x[mine] @ U).mean() + softplus(latent[mine] @ U).mean()
    assert found['d/adversarial'] == pytest.approx(total, rel=1e-5)
    assert found['d/early'] == pytest.approx(softplus(early[mine] @ U).mean(), rel=1e-5)
    assert found['d/loss'] == pytest.approx(total + found['d/early'], rel=1e-5)


@pytest.mark.slow
def test_d_rests_where_its_loss_is_small():
    """Its optimizer too: with Adam's momentum it would go on."""
    for least, moves in ((100.0, False), (0.15, True)):
        made = game(d={**config().d.to_dict(), 'least_loss': least})
        before = toys.init(made)
        after, found = stepped(made, 'joint')
        assert (found['d/loss'] > least) == moves
        assert toys.differ(after.params['d'], before.params['d']) == moves
        assert toys.differ(after.opt_state['d'], before.opt_state['d']) == moves


def test_samples_are_the_series_alone():
    made = timegan.make(config(), SPEC)
    assert [phase.start for phase in made.phases] == [0, 2, 4]
    latents = made.latents(jax.random.key(0), 50, {})['z']
    assert latents.shape == (50, 3, 2)
    assert 0 <= latents.min() < 0.02 < 0.98 < latents.max() < 1
    context = toys.view(game().nets, toys.init(game()).params, {}, train=False)._replace(
        latents={'z': latents}
    )
    assert set(made.synthesize(context)[0]) == {'series'}


def test_phases_without_steps_are_one_line():
    for fields in ({'steps': 4}, {'supervised': {'steps': 0}}):
        with pytest.raises(
            errors.GaxError, match=r'^config\.autoencoder\.steps=2 and config\.supervised\.steps='
        ):
            timegan.make(config(**fields), SPEC)
    with pytest.raises(
        errors.GaxError, match=r'^timegan is of series, and toy has points: choose data such as'
    ):
        timegan.make(config(), Spec('toy', {'point': Field((2,), 'point')}))
    with pytest.raises(errors.GaxError, match=r"^timegan has config\.loss='non_saturating', not 'hinge'"):
        timegan.make(config(loss='hinge'), SPEC)
