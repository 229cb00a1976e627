"""Looking ahead: gradients by hand on a linear critic, and what must stay as it is.

With D(x) = w x and the Wasserstein loss, a move of D takes w to w - n (f - r), f and r being the mean fake
and real; so after k moves G's loss is -(w - k n (f - r)) (f - r), and its gradient by f is -w + 2 k n (f -
r): 0 at w = 0 and f = r.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax import errors, gans
from gax.config import base
from gax.core import forward
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.gans.unrolled import against_reals, look_ahead
from gax.objectives import losses, penalties, terms
from tests.helpers import toys

POINTS = Spec('points', {'point': Field((2,), 'point')})
W = jnp.array([1.0, -2.0])
RATE = 0.25


def linear_game(turns, d_terms=None, stop=False):
    """The toy game with a linear critic, whose generator looks `turns` moves ahead."""
    game = toys.game(d_terms=d_terms, loss='wasserstein', latents=toys.given_latents)
    d, g = game.players['d'], game.players['g']
    loss = against_reals(losses.wasserstein())
    g = g._replace(
        forward=forward.score_both(forward.POINTS), terms={'adversarial': terms.adversarial(loss.g)}
    )

    def ahead(context):
        future = look_ahead(context, d, turns, RATE)
        params = jax.lax.stop_gradient(future.params) if stop else future.params
        return g.forward(future._replace(params=params))

    nets = {**game.nets, 'd': toys.net(lambda key: W, lambda w, x: x @ w)}
    return game._replace(
        nets=nets, players={'d': d, 'g': g._replace(forward=ahead, optimizer=optax.sgd(1.0))}
    )


def start(game):
    """The state and batch before a move of G, and the means of its fakes and of the reals."""
    state, batch = toys.init(game), toys.batch()
    fakes = batch['z'] @ state.params['g']['a'] + state.params['g']['b']
    return state, batch, jnp.mean(fakes, axis=0), jnp.mean(batch['point'], axis=0)


@pytest.mark.slow
@pytest.mark.parametrize('turns', [0, 1, 3])
def test_the_gradient_goes_through_the_moves(turns):
    game = linear_game(turns)
    state, batch, f, r = start(game)
    after, _ = steps.make_update(game, 'g')(state, batch)
    # b is added to every fake: its gradient is that by the mean fake.
    expected = -W + 2 * turns * RATE * (f - r)
    np.testing.assert_allclose(state.params['g']['b'] - after.params['g']['b'], expected, rtol=1e-5)


@pytest.mark.slow
def test_it_is_not_the_gradient_against_a_given_future():
    game = linear_game(1, stop=True)
    state, batch, f, r = start(game)
    after, _ = steps.make_update(game, 'g')(state, batch)
    expected = -W + RATE * (f - r)
    np.testing.assert_allclose(state.params['g']['b'] - after.params['g']['b'], expected, rtol=1e-5)


def test_simulated_moves_obey_all_of_ds_terms():
    """R1 of a linear critic is |w|^2 / 2: a move also shrinks w by the factor 1 - n gamma.

    A schedule counts as at this step.
    """
    for weight in (2.0, lambda step: 2.0 + step):
        game = linear_game(1, {'r1': penalties.r1(forward.POINTS, weight=weight)})
        state, batch, f, r = start(game)
        context = toys.view(game.nets, state.params, batch)._replace(
            fakes={'point': batch['z'] @ state.params['g']['a'] + state.params['g']['b']},
            model_state=state.model_state,
            term_state=state.term_state,
        )
        found = look_ahead(context, game.players['d'], 2, RATE)
        w = W
        for _ in range(2):
            w = w - RATE * ((f - r) + 2.0 * w)
        np.testing.assert_allclose(found.params['d'], w, rtol=1e-5)
        toys.same(found.model_state, context.model_state)
        toys.same(found.params['g'], context.params['g'])


def config_of(gan, turns=None):
    config = base(gan)
    config.batch_size, config.latent_dim = 6, 2
    config.g.net.widths = config.d.net.widths = (4,)
    for player in (config.d, config.g):
        player.optimizer.update({'learning_rate': 1e-2, 'b1': 0.5})
    config.d.net.dropout = 0.2  # dropout draws must be those of the usual GAN, too
    if turns is not None:
        config.unrolled.steps = turns
    return config


def run(config):
    game = gans.make(config, POINTS)
    return jax.jit(steps.make_step(game))(toys.init(game), {'point': toys.batch()['point']})[0]


@pytest.mark.slow
def test_no_step_ahead_is_the_usual_gan_and_d_never_looks_ahead():
    plain, none, two = (
        run(config) for config in (config_of('vanilla'), config_of('unrolled', 0), config_of('unrolled', 2))
    )
    toys.same(none, plain)
    toys.same(two.params['d'], plain.params['d'])
    assert toys.differ(two.params['g'], plain.params['g'])


def test_g_ascends_ds_whole_loss():
    real, fake = jnp.array([-1.5, 0.3, 2.0]), jnp.array([0.7, -0.2, 1.1])

    def slopes(g, d):
        return [jax.grad(lambda r, f: jnp.sum(side(r, f)), (0, 1))(real, fake) for side in (g, d)]  # noqa: B023

    for name in ('minimax', 'wasserstein'):
        loss = losses.make(name)
        mine, its = slopes(against_reals(loss).g, loss.d)
        for x, y in zip(mine, its, strict=True):
            np.testing.assert_allclose(x, -y, rtol=1e-6)
    # Where D is undecided, the halves cancel: nothing moves D's logits as a whole.
    for name, even in (('non_saturating', 0.0), ('least_squares', 0.5), ('hinge', 0.0)):
        side, same = against_reals(losses.make(name)).g, jnp.full((3,), even)
        whole = jax.grad(lambda x: jnp.sum(side(x, x)))(same)  # noqa: B023
        np.testing.assert_allclose(whole, 0.0, atol=1e-6)
    relativistic = losses.make('relativistic')
    assert against_reals(relativistic) is relativistic


def test_steps_are_not_negative():
    with pytest.raises(errors.GaxError, match=r'config.unrolled.steps must be 0 or more, and is -1'):
        gans.make(config_of('unrolled', -1), POINTS)
