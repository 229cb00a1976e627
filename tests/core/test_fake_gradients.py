"""The gradient that reaches the fakes, divided by a moving average of its size."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.core import fake_gradients, wrappers
from gax.core import step as steps
from tests.helpers import toys

DECAY = 0.75


def played(scale, grad=jax.value_and_grad):
    """-> the updates of G's bias in two steps, with D's logits times `scale`, and the moving averages."""
    terms = {'size': fake_gradients.average()}
    grad = fake_gradients.normalized('g', 'size', DECAY, grad)
    game = toys.game(g_terms=terms, g={'grad': grad}, rate=1.0, latents=toys.given_latents)
    state = toys.init(game)
    d = {**state.params['d'], 'w': scale * state.params['d']['w']}
    state = replace(state, params={**state.params, 'd': d})
    update = jax.jit(steps.make_update(game, 'g'))
    batch = {'point': jnp.ones((4, 2)), 'z': jax.random.normal(jax.random.key(0), (4, 2))}
    moved, sizes = [], []
    for _ in range(2):
        after, metrics = update(state, batch)
        moved.append(np.asarray(after.params['g']['b'] - state.params['g']['b']))
        sizes.append(float(after.term_state['g']['size']['rms']))
        assert float(metrics['g/size'][0]) == sizes[-1]
        state = after
    return moved, sizes


def test_against_the_plain_gradient():
    """Of 4 fakes of 2 numbers: divided by 8 rms, then by 8 (0.75 old + 0.25 new)."""
    moved, sizes = played(1.0)
    state = toys.init(toys.game())
    batch = {'point': jnp.ones((4, 2)), 'z': jax.random.normal(jax.random.key(0), (4, 2))}

    def slopes(state):
        """d mean softplus(-D(x)) / dx of each fake, by hand."""
        g, d = state.params['g'], state.params['d']
        x = batch['z'] @ g['a'] + g['b'][None]
        loss = lambda x: jnp.mean(jax.nn.softplus(-jnp.tanh(x @ d['v']) @ d['w']))  # noqa: E731
        return np.asarray(jax.grad(loss)(x))

    first = slopes(state)
    np.testing.assert_allclose(sizes[0], np.sqrt(np.mean(first**2)), rtol=1e-5)
    np.testing.assert_allclose(moved[0], -first.sum(0) / (8 * sizes[0]), rtol=1e-4)
    assert np.isclose(sizes[1] / sizes[0], 1.0, atol=0.25)
    assert sizes[1] != sizes[0]


def test_a_loss_of_another_scale_gives_the_same_updates():
    """Near 0 softplus is linear, so that D's scale is that of the gradient."""
    (one, _), (two, _) = played(1e-3), played(2e-3)
    np.testing.assert_allclose(one[0], two[0], rtol=1e-3)


@pytest.mark.slow
def test_microbatches_give_the_same():
    whole, parts = played(1.0), played(1.0, wrappers.accumulate(2))
    np.testing.assert_allclose(whole[0], parts[0], rtol=1e-4)
    np.testing.assert_allclose(whole[1], parts[1], rtol=1e-5)
