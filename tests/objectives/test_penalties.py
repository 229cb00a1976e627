"""Gradient penalties against closed forms: values, and the second-order gradients that training uses."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from gax import nets
from gax.core import forward
from gax.nets.layers import Conv
from gax.objectives import gradients, penalties, term_registry
from tests.helpers import toys

W = np.array([3.0, -4.0, 12.0], np.float32)  # |w| = 13
REAL = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
FAKE = REAL[::-1] * 2 + 1


def linear(params, x):
    return x @ params


def quadratic(params, x):
    """grad_x = a x, element-wise."""
    return 0.5 * jnp.sum(params * x**2, axis=-1)


def value(term, fn, params, real=REAL, fake=FAKE, seed=0):
    """The term's value as training computes it: net 'd' is `fn`, data are points."""
    context = toys.view({'d': toys.net(None, fn)}, {'d': params}, {'point': real}, {'point': fake}, seed)
    return term.fn(context, None, ())[0]


def make(name, **fields):
    return penalties.PENALTIES[name](forward.POINTS, **fields)


@pytest.mark.parametrize(
    ('name', 'expected', 'gradient'),
    [
        ('r1', 169 / 2, W),
        ('r2', 169 / 2, W),
        ('wgan_gp', 144, 2 * 12 * W / 13),
        ('dragan', 144, 2 * 12 * W / 13),
        ('zero_gp', 169, 2 * W),
    ],
)
def test_terms_on_a_linear_critic(name, expected, gradient):
    """Weight gamma: gamma / 2 |w|^2, gradient gamma w; (|w| - 1)^2 and 2 (|w| - 1) w / |w|; |w|^2 and 2 w."""
    found, slope = jax.value_and_grad(lambda w: value(make(name), linear, w))(jnp.asarray(W))
    assert float(found) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(slope, gradient, rtol=1e-5)


def test_differences_are_unbiased_for_a_linear_critic_at_any_distance():
    """E (w n)^2 = |w|^2 = 56.09, with a standard deviation of sqrt(2 / N) |w|^2."""
    w = jnp.array([1.3, -0.4, 7.0, 2.2, -0.2, 0.9])  # |w|^2 = 1.69 + .16 + 49 + 4.84 + .04 + .81 = 56.54
    x = jnp.zeros((100_000, 6))
    for distance in (0.01, 3.0):
        term = make('r1', method='difference', distance=distance)
        found = float(value(term, linear, w, real=x))
        assert found == pytest.approx(56.54 / 2, rel=0.02)


def test_differences_approach_the_gradient():
    """D(x) = sum a x^2 / 2, n of one number: ((a x n + a d n^2 / 2))^2 = (a x)^2 as d falls."""
    x, a = jnp.full((50_000, 1), 2.0), jnp.array([3.0])
    near = float(value(make('r2', method='difference', distance=0.02), quadratic, a, fake=x))
    assert near == pytest.approx(36 / 2, rel=0.03)
    far = float(value(make('r2', method='difference', distance=2.0), quadratic, a, fake=x))
    assert far == pytest.approx((36 + 9 * 4 * 3 / 4) / 2, rel=0.06)  # + a^2 d^2 E n^4 / 4


def test_a_share_of_the_batch():
    """grad = a x: rows 0 and 2 of 5 give the mean of 1 and 9, all five that of 1, 4, 9, 16, 25."""
    x = jnp.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
    for fraction, expected in ((0.4, 5.0), (1.0, 11.0), (0.01, 1.0)):
        found = float(value(make('r1', fraction=fraction), quadratic, jnp.ones(1), real=x))
        assert found == pytest.approx(expected / 2)


def test_differences_of_several_logits_and_labels_are_those_of_their_sum():
    label = jnp.arange(4.0)
    net = toys.net(None, lambda w, x, y: (x[:, :1] * w * y[:, None], x[:, None, 1:] * w))
    batch = {'point': jnp.zeros((4, 2)), 'label': label}
    context = toys.view({'d': net}, {'d': jnp.array(2.0)}, batch, {'point': jnp.zeros((4, 2))})
    term = penalties.r1(forward.scorer_of('point', 'label'), method='difference', fraction=0.5)
    n = np.asarray(jax.random.normal(context.rng('direction'), (2, 2)))
    expected = np.mean((2 * n[:, 0] * [0.0, 2.0] + 2 * n[:, 1]) ** 2) / 2
    assert float(term.fn(context, None, ())[0]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(('name', 'x'), [('r1', REAL), ('r2', FAKE)])
def test_r1_looks_at_reals_and_r2_at_fakes(name, x):
    a = jnp.array([1.0, -2.0, 0.5])
    found, slope = jax.value_and_grad(lambda a: value(make(name), quadratic, a))(a)
    assert float(found) == pytest.approx(0.5 * np.mean(np.sum((np.asarray(a) * x) ** 2, -1)), rel=1e-5)
    np.testing.assert_allclose(slope, np.asarray(a) * np.mean(x**2, 0), rtol=1e-5)


def test_wgan_gp_draws_one_point_of_the_segment_per_example():
    """Real 0, fake 10, D = x^2 / 2: E (10 e - 1)^2 = 100 / 3 - 10 + 1 over many e ~ U[0, 1)."""
    zeros = np.zeros((40_000, 1), np.float32)
    found = [float(value(make('wgan_gp'), quadratic, jnp.ones(1), zeros, zeros + 10, s)) for s in (0, 1)]
    np.testing.assert_allclose(found, 100 / 3 - 9, rtol=0.03)
    assert found[0] != found[1]
    few = jnp.zeros((4, 1)), jnp.full((4, 1), 10.0)
    seen = []
    gradients.one_centered(lambda x: seen.append(x) or jnp.sum(x, -1), *few, jax.random.key(0))
    assert jax.eval_shape(lambda x: x, seen[0]).shape == (4, 1)


@pytest.mark.parametrize(('target', 'two_sided', 'one_sided'), [(10.0, 9, 9), (15.0, 4, 0)])
def test_one_sided_leaves_gradients_below_the_target(target, two_sided, one_sided):
    """|w| = 13."""
    both = value(make('wgan_gp', target=target), linear, W)
    above = value(make('wgan_gp', target=target, one_sided=True), linear, W)
    assert (float(both), float(above)) == pytest.approx((two_sided, one_sided), abs=1e-4)
    assert float(value(make('dragan', target=target), linear, W)) == pytest.approx(two_sided, abs=1e-4)


def test_zero_gp_between_reals_and_fakes():
    """Real 0, fake 10, D = x^2 / 2: E (10 e)^2 = 100 / 3."""
    zeros = np.zeros((40_000, 1), np.float32)
    found = value(make('zero_gp'), quadratic, jnp.ones(1), zeros, zeros + 10)
    assert float(found) == pytest.approx(100 / 3, rel=0.03)


def test_dragan_moves_reals_up_by_at_most_half_a_deviation():
    """x' - x = a u std / 2, with one a ~ U[0, 1) an example and one u ~ U[0, 1) a pixel: means 1/4 and, of
    a, 1/2.
    """
    real = np.random.default_rng(0).normal(size=(4000, 50)).astype(np.float32) * 3
    moved = np.asarray(gradients.around(jnp.asarray(real), jax.random.key(0))) - real
    assert moved.min() >= -1e-6
    assert 1.3 < moved.max() <= 1.5 * np.std(real) / 3 + 1e-6
    assert moved.mean() == pytest.approx(0.25 * 0.5 * np.std(real), rel=0.02)
    # Within an example all moves share a: the largest of 50 u is about 1, so that it is a std / 2.
    assert np.std(moved.max(1)) == pytest.approx(np.sqrt(1 / 12) * 0.5 * np.std(real), rel=0.05)


@pytest.mark.parametrize('name', penalties.PENALTIES)
def test_a_critic_without_slope_has_finite_gradients(name):
    """The square root of WGAN-GP has no derivative at 0 by itself."""
    found, slope = jax.value_and_grad(lambda w: value(make(name), linear, w))(jnp.zeros(3))
    assert float(found) == pytest.approx(1.0 if name in ('wgan_gp', 'dragan') else 0.0, abs=1e-5)
    assert np.all(np.isfinite(slope))


class Critic(nn.Module):
    """Convolutions with a smooth activation, and a label that scales the features."""

    @nn.compact
    def __call__(self, x, label, train):
        for stride in (1, 2):
            x = jnp.tanh(Conv(3, 3, stride)(x))
        return nn.Dense(1)(x.reshape(len(x), -1))[:, 0] * (1.0 + label)


@pytest.mark.slow
@pytest.mark.parametrize(
    'name',
    [pytest.param(n, marks=[pytest.mark.slow] * (n not in ('r1', 'wgan_gp'))) for n in penalties.PENALTIES],
)
def test_conv_critic_against_finite_differences(name):
    with jax.enable_x64(True):
        draw = np.random.default_rng(0)
        real, fake = (jnp.asarray(draw.normal(size=(2, 6, 5, 2))) for _ in range(2))
        label = jnp.array([0, 1])
        scorer = nets.from_linen(Critic(), real, label)
        params = jax.tree.map(lambda x: x.astype(jnp.float64), scorer.init(jax.random.key(0))[0])
        term = penalties.PENALTIES[name](forward.scorer_of('image', 'label'))

        @jax.jit
        def penalty(params):
            batch = {'image': real, 'label': label}
            context = toys.view({'d': scorer}, {'d': params}, batch, {'image': fake}, model_state={'d': {}})
            context = context._replace(latents={'label': label}, conditions=('label',))
            return term.fn(context, None, ())[0]

        along = jax.tree.map(lambda x: jnp.asarray(draw.normal(size=x.shape)), params)
        shifted = lambda h: penalty(jax.tree.map(lambda p, t: p + h * t, params, along))  # noqa: E731
        numeric = (shifted(1e-5) - shifted(-1e-5)) / 2e-5
        slope = jax.grad(penalty)(params)
        exact = sum(
            jnp.vdot(g, t) for g, t in zip(jax.tree.leaves(slope), jax.tree.leaves(along), strict=True)
        )
        assert abs(float(exact)) > 1e-2
        np.testing.assert_allclose(exact, numeric, rtol=1e-7)


def section(**terms):
    return ConfigDict({name: term_registry.section(name, **t) for name, t in terms.items()})


def test_from_config_gives_each_player_its_own():
    config = section(r1={'weight': 10.0, 'every': 16}, orthogonal_g={'weight': 1e-4}, lecam={'weight': 0.3})
    d, g = (
        term_registry.from_config(config, forward.POINTS),
        term_registry.for_generator(config, forward.POINTS),
    )
    assert (list(d), list(g)) == (['r1', 'lecam'], ['orthogonal_g'])
    assert (d['r1'].weight, d['r1'].every, d['lecam'].every) == (10.0, 16, 1)
    assert float(value(d['r1'], linear, jnp.asarray(W))) == pytest.approx(169 / 2, rel=1e-6)


def test_numbers_of_a_term_are_fields_and_reach_it():
    assert term_registry.section('wgan_gp') == {'weight': 1.0, 'every': 1, 'target': 1.0, 'one_sided': False}
    config = section(wgan_gp={'weight': 1.0, 'target': 15.0, 'one_sided': True})
    term = term_registry.from_config(config, forward.POINTS)['wgan_gp']
    assert float(value(term, linear, jnp.asarray(W))) == 0.0


def test_a_weight_that_is_traced_or_scheduled_is_never_left_out():
    for weight in (jnp.zeros(()), lambda step: 0.0):
        assert list(term_registry.from_config({'r1': {'weight': weight, 'every': 1}}, forward.POINTS)) == [
            'r1'
        ]
    assert term_registry.from_config(section(), forward.POINTS) == {}
