"""The controller of BEGAN against a sequence worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import began_mnist
from gax import errors, gans
from gax.core import step as steps
from gax.core.spec import Field, Spec
from gax.gans import began
from tests.helpers import toys

POINTS = Spec('points', {'point': Field((2,), 'point')})
# gamma 1/2, lambda_k 1/4. L(x), L(G(z)) -> k after the move, and D's loss with the k of before.
SEQUENCE = [
    (2.0, 0.6, 0.1, 2.0),  # k = 0: the fakes do not count; 0 + (1 - 0.6) / 4
    (4.0, 1.0, 0.35, 3.9),  # 0.1 + (2 - 1) / 4; 4 - 0.1
    (8.0, 1.0, 1.0, 7.65),  # 0.35 + 3 / 4 = 1.1, clipped
    (1.0, 6.5, 0.0, -5.5),  # 1 + (0.5 - 6.5) / 4 = -0.5, clipped
]


def test_k_follows_the_balance():
    term = began.balance(0.5, 0.25)
    k = term.init()
    for real, fake, after, loss in SEQUENCE:
        # The logits are minus L, and their mean counts.
        out = {'real': -jnp.array([real - 0.5, real + 0.5]), 'fake': -jnp.array([fake, fake])}
        value, k = term.fn(None, out, k)
        np.testing.assert_allclose([value, k], [loss, after], rtol=1e-5, atol=1e-6)


def test_no_gradient_goes_through_the_controller():
    out = {'real': -jnp.array([2.0]), 'fake': -jnp.array([1.0])}
    term = began.balance(0.5, 0.25)
    slopes = jax.grad(lambda o: sum(term.fn(None, o, jnp.array(0.5))))(out)
    toys.close(slopes, {'real': np.array([-1.0]), 'fake': np.array([0.5])})


def test_a_step_moves_k_and_says_how_far_it_has_converged():
    config = began_mnist.get_test_config()
    game = gans.make(config, POINTS)
    state = toys.init(game)
    step = jax.jit(steps.make_step(game))
    for _ in range(3):
        before = float(state.term_state['d']['adversarial'])
        state, metrics = step(state, toys.batch(8))
        found = {name: float(total / count) for name, (total, count) in metrics.items()}
        real, fake = found['d/energy_real'], found['d/energy_fake']
        wanted = np.clip(before + config.lambda_k * (config.gamma * real - fake), 0.0, 1.0)
        np.testing.assert_allclose(state.term_state['d']['adversarial'], wanted, atol=1e-7)
        np.testing.assert_allclose(found['d/convergence'], real + abs(config.gamma * real - fake), rtol=1e-5)
        np.testing.assert_allclose(found['d/loss'], real - before * fake, rtol=1e-5)
        np.testing.assert_allclose(found['d/k'], before)


def test_k_grows_while_fakes_fit_better_than_asked():
    """Energies 1 and 0.3, gamma 1/2: each move adds lambda_k (0.5 - 0.3), and D minds the fakes more."""
    term, k, seen = began.balance(0.5, 0.1), jnp.zeros(()), []
    for _ in range(3):
        _, k = term.fn(None, {'real': -jnp.ones(4), 'fake': -jnp.full(4, 0.3)}, k)
        seen.append(float(k))
    np.testing.assert_allclose(seen, [0.02, 0.04, 0.06], rtol=1e-5)


def test_other_losses_are_refused():
    for field, value in (('loss', 'hinge'), ('label_smoothing', 0.1)):
        config = began_mnist.get_test_config()
        config[field] = value
        with pytest.raises(errors.GaxError, match='began'):
            gans.make(config, POINTS)
