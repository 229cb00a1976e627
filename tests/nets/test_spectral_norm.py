"""Spectral normalisation: singular values by the power method, its gradient, and when its vectors move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.config import base
from gax.core.forward import POINTS
from gax.core.spec import Field, Spec
from gax.core.types import Net
from gax.nets import registry
from gax.nets.spectral_norm import largest_singular_value, linear, spectral_norm
from gax.objectives import penalties
from tests.helpers import toys
from tests.helpers.toys import close, same

KEY = jax.random.key(0)


def spread(kernel, u, passes):
    for _ in range(passes):
        sigma, u = largest_singular_value(kernel, u)
    return sigma, u


def test_diagonal():
    """|W u| / |u| of diag(3, 1) from u = (1, 1) / sqrt 2: one step of the power method on W^T W has u ~ (9,
    1).
    """
    kernel, u = jnp.diag(jnp.array([3.0, 1.0])), jnp.ones(2) / np.sqrt(2)
    sigma, after = largest_singular_value(kernel, u)
    np.testing.assert_allclose(after, np.array([9, 1]) / np.sqrt(82), rtol=1e-6)
    # v = (3, 1) / sqrt 10 and W^T v = (9, 1) / sqrt 10.
    np.testing.assert_allclose(sigma, np.sqrt(82 / 10), rtol=1e-6)
    np.testing.assert_allclose(spread(kernel, u, 10)[0], 3.0, rtol=1e-6)
    assert largest_singular_value(kernel, u, 10)[0] == spread(kernel, u, 10)[0]


def test_a_kernel_is_read_as_a_matrix_of_its_last_axis():
    kernel = jax.random.normal(KEY, (3, 2, 4, 5))
    sigma, _ = spread(kernel, jnp.ones(5), 200)
    np.testing.assert_allclose(sigma, np.linalg.norm(np.asarray(kernel).reshape(24, 5), 2), rtol=1e-5)


def test_gradient_is_that_of_the_singular_value():
    """Where u has converged, d sigma / dW = v u^T; against central differences of the exact singular
    value.
    """
    with jax.enable_x64(True):
        kernel = jax.random.normal(KEY, (3, 4), jnp.float64)
        _, u = spread(kernel, jnp.ones(4), 500)
        gradient = jax.grad(lambda k: largest_singular_value(k, u)[0])(kernel)
        step, numeric = 1e-6, np.zeros((3, 4))
        for place in np.ndindex(3, 4):
            for sign in (1, -1):
                moved = np.array(kernel)
                moved[place] += sign * step
                numeric[place] += sign * np.linalg.norm(moved, 2) / (2 * step)
    np.testing.assert_allclose(gradient, numeric, atol=1e-8)


def scorer():
    """D(x) = x w + b, with a rank-2 scale that is no linear map."""

    def init(key):
        return {'w': jnp.array([[3.0, 0], [0, 1]]), 'b': jnp.ones(2), 'norm': {'scale': jnp.ones((1, 2))}}, {}

    def apply(params, state, x, train, key):
        return (x @ params['w'] * params['norm']['scale'] + params['b']).sum(-1), state

    return Net(init, apply)


def test_only_linear_maps_are_divided():
    net = spectral_norm(scorer(), iterations=30)
    params, state = net.init(KEY)
    same(params, scorer().init(KEY)[0])
    assert list(state['u']) == ['w']
    out, _ = net.apply(params, state, jnp.array([[6.0, 3.0]]), train=True, key=KEY)
    close(out, np.float32([6 / 1 + 3 / 3 + 2]))
    assert not linear('BatchNorm_0/scale', jnp.ones((3, 3)))


def test_the_vectors_move_once_a_training_pass():
    net = spectral_norm(scorer())
    params, state = net.init(KEY)
    x = jnp.ones((1, 2))
    out, after = net.apply(params, state, x, train=True, key=KEY)
    _, expected = largest_singular_value(params['w'], state['u']['w'])
    same(after['u']['w'], expected)
    still, unmoved = net.apply(params, state, x, train=False, key=None)
    same(unmoved, state)
    same(still, out)


def test_penalties_see_the_divided_net_and_move_nothing():
    """R1 of D(x) = sum(x W / sigma): half the squared norm of the row sums of W / sigma, (1, 1/3) here."""
    net = spectral_norm(scorer(), iterations=30)
    params, state = net.init(KEY)
    context = toys.view({'d': net}, {'d': params}, {'point': jnp.ones((4, 2))}, model_state={'d': state})
    value, _ = penalties.r1(POINTS).fn(context, {}, ())
    np.testing.assert_allclose(value, 0.5 * (1 + 1 / 9), rtol=1e-5)

    def by_weight(scale):
        scaled = {**params, 'w': scale * params['w']}
        return penalties.r1(POINTS).fn(context._replace(params={'d': scaled}), {}, ())[0]

    assert abs(jax.grad(by_weight)(1.0)) < 1e-5  # dividing by sigma leaves no trace of the scale


def test_families_take_it_for_each_net():
    config = base('vanilla')
    config.g.update({'net': {'widths': (4,)}, 'spectral_norm': True})
    config.d.update({'net': {'widths': (4,), 'dropout': 0.0}, 'spectral_norm': True})
    nets, _ = registry.pair(config, Spec('x', {'point': Field((2,), 'point')}))
    for name in 'gd':
        params, state = jax.eval_shape(nets[name].init, KEY)
        assert (
            set(state['u']) == {'Dense_0/kernel', 'Dense_1/kernel'} == {f'{layer}/kernel' for layer in params}
        )


@pytest.mark.slow
def test_lipschitz():
    """A perceptron of divided kernels and leaky ReLUs moves no further than its input."""
    config = base('vanilla')
    config.d.update({'net': {'widths': (16, 16), 'dropout': 0.0}, 'spectral_norm': True})
    d = registry.pair(config, Spec('x', {'point': Field((3,), 'point')}))[0]['d']
    params, state = d.init(KEY)
    params = jax.tree.map(lambda p: 7.0 * p, params)
    left, right = jax.random.normal(KEY, (2, 64, 3))
    for _ in range(100):
        _, state = d.apply(params, state, left, train=True, key=KEY)
    gap = [d.apply(params, state, x, train=False, key=None)[0] for x in (left, right)]
    ratio = jnp.abs(gap[0] - gap[1]) / jnp.linalg.norm(left - right, axis=1)
    assert 0 < ratio.max() <= 1.0 + 1e-5
