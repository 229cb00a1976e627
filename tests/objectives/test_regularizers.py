"""Regularisers against closed forms on linear nets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import nets
from gax.core import forward
from gax.errors import GaxError
from gax.nets import dcgan
from gax.objectives import regularizers
from tests.helpers import toys

REAL, FAKE = jnp.array([1.0, 3.0, 5.0, 7.0]), jnp.array([-2.0, 0.0, 0.0, 4.0])  # means 4 and 0.5
A = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)


def at(step, **fields):
    context = toys.view({}, {}, {})
    return context._replace(step=jnp.asarray(step, jnp.int32), **fields)


def test_lecam_first_compares_with_the_means_of_the_step():
    """E (r - 0.5)^2 = (.25 + 6.25 + 20.25 + 42.25) / 4 and E (f - 4)^2 = (36 + 16 + 16 + 0) / 4."""
    term = regularizers.lecam()
    out = {'real': REAL, 'fake': FAKE}
    found, state = term.fn(at(0), out, term.init())
    assert float(found) == pytest.approx(17.25 + 17.0)
    toys.close(state, {'real': 4.0, 'fake': 0.5})
    # Decay 0.99: 4 and 0.5 move a hundredth of the way to 104 and 100.5.
    found, state = term.fn(at(1), {'real': REAL + 100, 'fake': FAKE + 100}, state)
    toys.close(state, {'real': 5.0, 'fake': 1.5})
    expected = np.mean((np.asarray(REAL) + 100 - 1.5) ** 2) + np.mean((np.asarray(FAKE) + 100 - 5.0) ** 2)
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_lecam_waits_for_its_start_and_stops_gradients_of_the_averages():
    term = regularizers.lecam(start=2)
    state = {'real': jnp.array(9.0), 'fake': jnp.array(9.0)}
    for step in (0, 1):
        found, state = term.fn(at(step), {'real': REAL, 'fake': FAKE}, state)
        assert float(found) == 0.0
        toys.close(state, {'real': 4.0, 'fake': 0.5})
    slope = jax.grad(lambda real: term.fn(at(2), {'real': real, 'fake': FAKE}, state)[0])(REAL)
    np.testing.assert_allclose(slope, 2 * (np.asarray(REAL) - 0.5) / 4, rtol=1e-6)


def test_centering():
    """(1 - 2)^2, 3^2, 5^2 and 11^2; of two discriminators the mean."""
    found, _ = regularizers.centering().fn(at(0), {'real': REAL, 'fake': FAKE}, ())
    assert float(found) == (1 + 9 + 25 + 121) / 4
    pair = {'real': (REAL, REAL), 'fake': (FAKE, -REAL)}
    assert float(regularizers.centering().fn(at(0), pair, ())[0]) == 39 / 2


def mirrored(seed=0):
    """D(x) = sum of w x with w odd from left to right: a flip turns its sign."""
    w = np.array([1.0, 2.0, -2.0, -1.0], np.float32)[None, :, None]
    net = toys.net(None, lambda scale, x: scale * jnp.sum(x * w, axis=(1, 2, 3)))
    x = np.tile(np.array([1.0, 0, 0, 0], np.float32)[None, None, :, None], (2000, 1, 1, 1))  # D = scale
    context = toys.view({'d': net}, {'d': jnp.array(3.0)}, {'image': x}, {'image': 10 * x}, seed)
    return context, {'real': jnp.full(2000, 3.0), 'fake': jnp.full(2000, 30.0)}


def test_consistency_under_flips():
    """Half of the images are flipped: E (D - D(T))^2 = (2 D)^2 / 2, D = 3 of reals and 30 of fakes."""
    context, out = mirrored()
    real = float(regularizers.cr(policy='flip').fn(context, out, ())[0])
    assert real == pytest.approx(18, rel=0.1)
    assert float(regularizers.cr(policy='').fn(context, out, ())[0]) == 0.0
    assert float(regularizers.cr(policy='translation').fn(context, out, ())[0]) > 0
    both = float(regularizers.bcr(policy='flip', fake_ratio=0.5).fn(context, out, ())[0])
    assert both - real == pytest.approx(0.5 * 1800, rel=0.1)
    other = mirrored(1)[0]
    assert float(regularizers.cr(policy='flip').fn(other, out, ())[0]) != real


@pytest.mark.parametrize('make', [regularizers.cr, regularizers.bcr])
def test_consistency_is_for_images(make):
    with pytest.raises(GaxError, match="transforms images, and the data are of kind 'point'"):
        make(forward.POINTS)
    with pytest.raises(GaxError, match="unknown image transform 'flop' \\(nearest: 'flip'\\)"):
        make(policy='flop')


def test_orthogonal_sums_squared_inner_products_of_filters():
    """Columns (1, 0) and (1, 1): one inner product of 1, counted twice; gradient 4 (w1 . w2) of the other
    column.
    """
    w = jnp.array([[1.0, 1.0], [0.0, 1.0]])
    assert float(regularizers.non_orthogonality(w)) == 2.0
    assert float(regularizers.non_orthogonality(w.reshape(1, 1, 2, 2) * 2)) == 2.0 * 16
    assert float(regularizers.non_orthogonality(jnp.eye(3)[:, :2] * 7)) == 0.0
    np.testing.assert_allclose(jax.grad(regularizers.non_orthogonality)(w), [[4, 4], [4, 0]], rtol=1e-6)
    params = {
        'd': {'Conv_0': {'kernel': w, 'bias': jnp.ones(2)}, 'Embed_0': {'embedding': w}},
        'g': {'kernel': 2 * w},
    }
    context = at(0, params=params)
    value = lambda term: float(term.fn(context, None, ())[0])  # noqa: E731
    assert value(regularizers.D_TERMS['orthogonal'](forward.IMAGES)) == 2.0
    assert value(regularizers.G_TERMS['orthogonal_g'](forward.IMAGES)) == 32.0
    assert value(regularizers.orthogonal_g(nets=('d', 'g'))) == 34.0


def test_path_lengths_of_a_linear_generator():
    """|J^T y| = |A y| for G(z) = z A; over y ~ N(0, I) its square is |A|_F^2 on average."""
    y = np.random.default_rng(1).normal(size=(20_000, 5)).astype(np.float32)
    lengths = regularizers.path_lengths(lambda z: z @ A, jnp.ones((20_000, 3)), jnp.asarray(y))
    np.testing.assert_allclose(lengths, np.linalg.norm(y @ A.T, axis=1), rtol=1e-4)
    assert float(jnp.mean(lengths**2)) == pytest.approx(np.sum(A**2), rel=0.02)


def path_view(shape=(), rows=4000, seed=0):
    """G(z) = z A (reshaped to `shape`, an image, where given); the batch's z must not be used."""
    made = lambda a, z: (z @ a).reshape(-1, *shape) if shape else z @ a  # noqa: E731
    context = toys.view({'g': toys.net(None, made)}, {'g': jnp.asarray(A)}, {}, seed=seed)
    return context._replace(latents={'z': jnp.full((rows, 3), jnp.nan)})


def test_path_length_measures_new_latents_against_its_average():
    term = regularizers.path_length(forward.POINTS, decay=0.25, shrink=2)
    found, state = term.fn(path_view(), None, {'mean': jnp.array(8.0)})
    y = np.random.default_rng(2).normal(size=(100_000, 5))
    lengths = np.linalg.norm(y @ A.T, axis=1)
    mean = 8 + 0.25 * (lengths.mean() - 8)
    assert float(state['mean']) == pytest.approx(mean, rel=0.01)
    assert float(found) == pytest.approx(np.mean((lengths - mean) ** 2), rel=0.05)
    toys.close(term.init(), {'mean': 0.0})
    # Images of H x W pixels: y, and so the lengths, are divided by sqrt(H W).
    image = regularizers.path_length(decay=1.0).fn(path_view((5, 1, 1)), None, term.init())[1]
    assert float(image['mean']) == pytest.approx(lengths.mean() / np.sqrt(5), rel=0.02)


@pytest.mark.slow
def test_path_length_gradient_of_a_convolutional_generator_against_finite_differences():
    """Second order through dense layers, batch-norm by its averages, and transposed convolutions."""
    with jax.enable_x64(True):
        z = jnp.zeros((4, 3))
        generator = nets.from_linen(dcgan.Generator((4, 4, 1), (3, 2), (1, 2), 3), z)
        params, state = jax.tree.map(
            lambda x: x.astype(jnp.float64), jax.jit(generator.init)(jax.random.key(0))
        )
        term = regularizers.path_length(decay=0.0)

        @jax.jit
        def value(params):
            context = toys.view({'g': generator}, {'g': params}, {}, model_state={'g': state})
            return term.fn(context._replace(latents={'z': z}), None, {'mean': jnp.array(0.01)})[0]

        draw = np.random.default_rng(0)
        along = jax.tree.map(lambda x: jnp.asarray(draw.normal(size=x.shape)), params)
        moved = lambda h: value(jax.tree.map(lambda p, t: p + h * t, params, along))  # noqa: E731
        exact = sum(jax.tree.leaves(jax.tree.map(jnp.vdot, jax.grad(value)(params), along)))
        assert abs(float(exact)) > 1e-4
        np.testing.assert_allclose(exact, (moved(1e-6) - moved(-1e-6)) / 2e-6, rtol=1e-5)


def test_feature_matching_compares_means_of_features():
    """Means (2, 1) and (5, -3): 3^2 + 4^2 and 3 + 4."""
    real = {'features': jnp.array([[1.0, 0.0], [3.0, 2.0]])}
    fake = {'features': jnp.array([[5.0, -3.0], [5.0, -3.0], [5.0, -3.0]])}
    for distance, expected in (('l2', 25), ('l1', 7)):
        term = regularizers.feature_matching(distance=distance)
        assert float(term.fn(None, {'real_out': real, 'fake_out': fake}, ())[0]) == pytest.approx(expected)
    # A generator's pass has not scored the reals: they are peeked at.
    net = toys.net(None, lambda p, x: {'features': p * x[:, 0, 0]})
    context = toys.view({'d': net}, {'d': jnp.array(2.0)}, {'image': jnp.ones((4, 1, 1, 2))})
    assert float(regularizers.feature_matching().fn(context, {'fake_out': fake}, ())[0]) == pytest.approx(
        9 + 25
    )


def test_feature_matching_says_what_it_needs():
    with pytest.raises(GaxError, match='feature_matching needs a discriminator that returns its features'):
        regularizers.feature_matching().fn(None, {'real_out': REAL, 'fake_out': FAKE}, ())
    with pytest.raises(GaxError, match="unknown distance 'l3'"):
        regularizers.feature_matching(distance='l3')


def test_orthogonal_regularisation_names_the_nets_of_a_game_that_has_no_such_one():
    context = at(0, params={'a_to_b': {}, 'd': {}})
    with pytest.raises(
        GaxError, match=r"unknown net of the orthogonal regularisation 'g'.* valid: a_to_b, d"
    ):
        regularizers.orthogonal(('g',)).fn(context, {}, ())


def test_orthogonal_regularisation_of_biggan_by_its_true_gradient():
    """W = [[1, 1], [0, 1]], a filter a row: rows' inner product 1, twice; 4 (W W^T off its diagonal) W.

    BigGAN-PyTorch's own gradient is half of it.
    """
    rows = jnp.array([[1.0, 1.0], [0.0, 1.0]])
    value, gradient = jax.value_and_grad(lambda w: regularizers.non_orthogonality(w.T))(rows)
    assert value == 2
    np.testing.assert_array_equal(gradient, [[0, 4], [4, 4]])
