"""Sampling: which parameters, which latents, which classes."""

import jax
import jax.numpy as jnp
import numpy as np

from gax.core import sample
from tests.helpers import toys
from tests.helpers.toys import close, differ, same


def trained(**fields):
    """A game with an average that differs from its parameters."""
    game = toys.game(**fields)
    state = toys.init(game)
    moved = jax.tree.map(lambda x: x + 1.0, state.params['g'])
    return game, state.replace(params={**state.params, 'g': moved})


def make_fakes(params, z):
    return z @ params['a'] + params['b']


def test_averaged_parameters_where_there_are_some():
    game, state = trained(ema={'g': 0.9})
    z = toys.batch()['z']
    for averaged, params in ((True, state.ema['g']['params']), (False, state.params['g'])):
        fakes = sample.synthesize(game, state, {'z': z}, jax.random.key(0), averaged)
        close(fakes, {'point': make_fakes(params, z)})
    game, state = trained()
    close(
        sample.synthesize(game, state, {'z': z}, jax.random.key(0)),
        {'point': make_fakes(state.params['g'], z)},
    )


def test_networks_leave_the_others():
    game, state = trained(ema={'g': 0.9})
    params, model_state = sample.networks(game, state)
    same(params, {'d': state.params['d'], 'g': state.ema['g']['params']})
    same(model_state, state.model_state)
    same(sample.networks(game, state, averaged=False)[0], state.params)


def test_inference_mode():
    game = toys.game()
    noisy = toys.net(lambda key: jnp.zeros(2), lambda p, z: z + p, noise=1.0)
    game = game._replace(nets={**game.nets, 'g': noisy})
    state, z = toys.init(game), toys.batch()['z']
    close(sample.synthesize(game, state, {'z': z}, jax.random.key(0))['point'], z)


def test_samples_are_a_function_of_the_key():
    game, state = trained(ema={'g': 0.9})
    first, second, other = (sample.sample(game, state, jax.random.key(s), 5) for s in (0, 0, 1))
    same(first, second)
    assert differ(first, other)
    assert first['point'].shape == (5, 2)


def test_labels_reach_the_generator():
    class_means = toys.net(
        lambda key: jnp.array([[10.0, 0], [20.0, 0], [30.0, 0]]), lambda p, z, label: p[label] + 0 * z
    )
    game = toys.game(conditions=('label',))
    game = game._replace(nets={**game.nets, 'g': class_means})
    fakes = sample.sample(game, toys.init(game), jax.random.key(0), 5, {'label': sample.labels_in_turn(5, 3)})
    np.testing.assert_array_equal(fakes['point'][:, 0], [10, 20, 30, 10, 20])


def test_labels_in_turn():
    found = sample.labels_in_turn(7, 3)
    assert np.asarray(found).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert found.dtype == jnp.int32
    assert sample.labels_in_turn(7, 0) is None
