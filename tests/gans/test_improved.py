"""What each of the improved techniques changes in the game."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import improved_mnist
from gax import errors, gans
from gax.config import choices
from gax.core import step as steps
from gax.core.spec import Field, Spec
from tests.helpers import toys

POINTS = Spec('points', {'point': Field((2,), 'point')})


def config(**changes):
    made = improved_mnist.get_test_config()
    made.d.net.dropout = 0.0
    choices.set_all(made, changes)
    return made


def move(game, state, player):
    """-> (the state after one move of `player`, its metrics)."""
    state, metrics = jax.jit(steps.make_update(game, player))(state, toys.batch(8))
    return state, {name: float(total) for name, (total, _) in metrics.items()}


def with_logits_of(state, factor):
    """The state with D's logits multiplied by `factor`; its features stay."""
    d = dict(state.params['d'])
    last = max(name for name in d if name.startswith('Dense'))
    d[last] = jax.tree.map(lambda x: x * factor, d[last])
    return state.replace(params={**state.params, 'd': d})


@pytest.mark.slow
def test_feature_matching_alone_does_not_look_at_the_logits():
    """With adversarial_weight=0 G minimises the gap between mean features, whatever D makes of them after
    that.
    """
    for weight, cares in ((0.0, False), (1.0, True)):
        game = gans.make(config(adversarial_weight=weight), POINTS)
        state = toys.init(game)
        (one, said), (other, _) = (move(game, with_logits_of(state, k), 'g') for k in (1.0, 3.0))
        assert toys.differ(one.params['g'], other.params['g']) == cares
        assert ('g/adversarial' in said) == cares
        assert toys.differ(one.params['g'], state.params['g'])


@pytest.mark.slow
def test_the_gap_is_that_of_the_last_hidden_layer():
    game = gans.make(config(adversarial_weight=0.0, **{'terms.feature_matching.weight': 2.0}), POINTS)
    state = toys.init(game)

    def hidden(params, x):
        for i in range(2):
            x = x @ params[f'Dense_{i}']['kernel'] + params[f'Dense_{i}']['bias']
            x = jnp.maximum(x, 0.2 * x)
        return x

    real, fake = toys.batch(8)['point'], toys.batch(8, seed=1)['point'] * 2.0
    context = toys.view(
        game.nets, state.params, {'point': real}, {'point': fake}, model_state=state.model_state
    )
    g = game.players['g']
    value, _ = g.terms['feature_matching'].fn(context, g.forward(context)[0], ())
    gap = hidden(state.params['d'], real).mean(axis=0) - hidden(state.params['d'], fake).mean(axis=0)
    np.testing.assert_allclose(value, np.sum(gap**2), rtol=1e-4)
    _, said = move(game, state, 'g')
    np.testing.assert_allclose(said['g/loss'], 2 * said['g/feature_matching'], rtol=1e-6)


def test_smoothed_labels_keep_d_from_certainty():
    """With target 0.9 for reals, D's loss of a logit l is softplus(-l) + 0.1 l: smallest at log 9, not at
    infinity.
    """
    game = gans.make(config(), POINTS)
    loss = game.players['d'].terms['adversarial'].fn
    logits = jnp.log(9.0) + jnp.array([-0.5, 0.0, 0.5])
    low, best, high = (float(loss(None, {'real': x[None], 'fake': jnp.zeros(1)}, ())[0]) for x in logits)
    assert best < min(low, high)


@pytest.mark.slow
def test_d_compares_the_examples_of_a_batch():
    """A fake among its copies is judged otherwise than among different ones."""
    game = gans.make(config(), POINTS)
    state, x = toys.init(game), toys.batch(8)['point']
    copies = jnp.repeat(x[:1], 8, axis=0)

    def judge(x):
        d, key = game.nets['d'], jax.random.key(0)
        return d.apply(state.params['d'], state.model_state['d'], x, train=False, key=key)[0]['logits'][0]

    assert abs(judge(x) - judge(copies)) > 1e-3


@pytest.mark.slow
def test_history_pulls():
    game, free = (gans.make(config(**{'d.optimizer.historical': h}), POINTS) for h in (10.0, 0.0))
    state, other = toys.init(game), toys.init(free)
    for _ in range(2):
        state, other = move(game, state, 'd')[0], move(free, other, 'd')[0]
    assert toys.differ(state.params['d'], other.params['d'])


def test_a_generator_without_an_objective_is_refused():
    with pytest.raises(errors.GaxError, match='adversarial_weight'):
        gans.make(config(adversarial_weight=0.0, **{'terms.feature_matching.weight': 0.0}), POINTS)
