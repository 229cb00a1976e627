"""Convolutions by values at points are exact, in values and derivatives, and lose few digits; the choice of
a plan is the one measured.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors
from gax.nets.layers import Conv, doubled, halved
from gax.nets.ops import winograd
from gax.nets.ops.conv import conv
from gax.nets.ops.winograd import Axis
from tests.helpers.cases import with_slow
from tests.nets.ops.test_conv import CASES, OPS, QUICK, assert_close, derivatives, make_inputs, run_both

# (length, size, stride, low, out)
AXES = {
    'same': Axis(7, 5, 1, 2, 7),
    'strided': Axis(14, 5, 2, 1, 7),
    'even kernel': Axis(8, 4, 2, 1, 4),
    'many tiles': Axis(16, 3, 1, 1, 16),
    'ragged tiles': Axis(11, 3, 1, 1, 11),
    'no padding': Axis(9, 3, 2, 0, 4),
    'left over': Axis(13, 4, 3, 0, 3),
    'cropped': Axis(9, 2, 1, -2, 6),
    'far outside': Axis(3, 2, 1, 3, 8),
}


def correlation(x, kernel, axis):
    """One axis of a convolution by its definition; x [length], kernel [size] -> [out]."""
    return np.array(
        [
            sum(
                kernel[tap] * x[at]
                for tap in range(axis.size)
                if 0 <= (at := o * axis.stride + tap - axis.low) < axis.length
            )
            for o in range(axis.out)
        ]
    )


@pytest.mark.parametrize('name', with_slow(AXES, 0, 3, 6))
def test_every_plan_is_the_correlation(name):
    """Of a product of two lines, in float64: along each axis what the definition gives."""
    axis, other = AXES[name], Axis(5, 3, 1, 1, 5)
    rng = np.random.RandomState(0)
    (x, k), (x2, k2) = [(rng.randn(a.length), rng.randn(a.size)) for a in (axis, other)]
    expected = np.outer(correlation(x, k, axis), correlation(x2, k2, other))
    others = winograd.plans(other)
    plans = [(plan, others[i % len(others)]) for i, plan in enumerate(winograd.plans(axis))]
    assert plans
    with jax.enable_x64(True):
        image, kernel = (jnp.asarray(np.outer(*pair))[:, :, None] for pair in ((x, x2), (k, k2)))

        def all_plans(image, kernel):
            return [winograd.conv(image[None], kernel[..., None], (axis, other), plan) for plan in plans]

        for y in jax.jit(all_plans, compiler_options=QUICK)(image, kernel):
            np.testing.assert_allclose(y[0, :, :, 0], expected, atol=1e-12)
    assert [len(winograd.matrices(*plan)[0]) for plan in plans] == [
        winograd.products(*plan) for plan in plans
    ]


@pytest.mark.slow
@pytest.mark.parametrize('case', [CASES[i] for i in (0, 1, 3, 4, 5, 9)], ids=str)
@pytest.mark.parametrize('name', OPS)
def test_derivatives_of_two_orders(name, case):
    with jax.enable_x64(True):
        x, kernel = make_inputs(case, jnp.float64)
        actual, expected = run_both(lambda way: derivatives(name, case, way), x, kernel, way='points')
    assert_close(actual, expected, 1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('axis', 'products'),
    [
        (Axis(7, 5, 1, 2, 7), 121),  # 40 pairs of conjugate points and one real
        pytest.param(Axis(32, 3, 1, 1, 32), 36, marks=pytest.mark.slow),
        (Axis(32, 4, 2, 1, 16), 25),
        pytest.param(Axis(14, 5, 2, 1, 7), 94, marks=pytest.mark.slow),  # 30 pairs and four
    ],
    ids=str,
)
def test_few_products_and_small_errors(axis, products):
    """The cheapest plan of a layer of DCGAN or SNGAN: its products, counted by hand, and its error in
    float32.
    """
    plan = winograd.cheapest(axis, axis, 64, 64, 128)
    assert plan is not None
    assert winograd.products(*plan) == products
    rng = np.random.RandomState(0)
    x, kernel = rng.randn(8, axis.length, axis.length, 64), rng.randn(axis.size, axis.size, 64, 64)
    high = (axis.out - 1) * axis.stride + axis.size - axis.low - axis.length
    strides, pads = (axis.stride,) * 2, [(axis.low, high)] * 2

    def error(y):
        return np.sqrt(np.mean((np.asarray(y, np.float64) - exact) ** 2) / np.mean(exact**2))

    with jax.enable_x64(True):
        exact = np.asarray(conv(jnp.asarray(x), jnp.asarray(kernel), strides, pads, lowering='lax'))
    x, kernel = jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32)
    plain = error(conv(x, kernel, strides, pads, lowering='patches'))
    assert 0 < plain < 1e-6
    assert 0 < error(winograd.conv(x, kernel, (axis, axis), plan)) < min(6 * plain, 2e-6)


def test_plain_where_nothing_is_saved():
    """Few channels, one tap, many taps on a large image."""
    assert winograd.cheapest(*[Axis(28, 5, 2, 1, 14)] * 2, 64, 1, 64) is None
    assert winograd.cheapest(*[Axis(32, 1, 1, 0, 32)] * 2, 64, 64, 64) is None
    assert winograd.cheapest(*[Axis(64, 9, 1, 4, 64)] * 2, 64, 64, 64) is None


@pytest.mark.slow
def test_half_precision_takes_the_plain_sum():
    x, kernel = make_inputs(CASES[0], jnp.bfloat16)
    plain, same = (conv(x, kernel, lowering=way) for way in ('patches', 'points'))
    np.testing.assert_array_equal(plain.astype(jnp.float32), same.astype(jnp.float32))
    exact, other = (
        conv(*(a.astype(jnp.float32) for a in (x, kernel)), lowering=w) for w in ('patches', 'points')
    )
    assert (exact != other).any()  # so that the comparison above means something


@pytest.mark.slow
@pytest.mark.parametrize('kernel', [*(pytest.param(k, marks=pytest.mark.slow) for k in (1, 5)), 3])
def test_resized_convolution(kernel):
    """Resized 'up' and 'down' it is what `doubled` and `halved` make of the same parameters, with the same
    gradients.
    """
    with jax.enable_x64(True):
        x = jnp.asarray(np.random.RandomState(0).randn(2, 8, 6, 3))
        plain = Conv(4, kernel, kernel_init=jax.nn.initializers.normal(1.0))
        params = jax.tree.map(lambda p: p.astype(x.dtype) + 0.5, plain.init(jax.random.key(1), x))

        def loss(apply):
            return lambda params, x: jnp.sum(jnp.sin(apply(params, x)))

        for resize, apart in (
            ('up', lambda p, x: plain.apply(p, doubled(x))),
            ('down', lambda p, x: halved(plain.apply(p, x))),
        ):
            layer = Conv(4, kernel, resize=resize)
            assert jax.tree.map(jnp.shape, layer.init(jax.random.key(1), x)) == jax.tree.map(
                jnp.shape, params
            )
            both = jax.jit(
                lambda p, x, layer=layer, apart=apart: [
                    jax.value_and_grad(loss(apply), (0, 1))(p, x) for apply in (layer.apply, apart)
                ],
                compiler_options=QUICK,
            )
            assert_close(*both(params, x), 1e-10)


@pytest.mark.slow
def test_resize_refuses_what_it_cannot_do():
    x = jnp.ones((1, 4, 6, 2))
    for fields in ({'stride': 2}, {'groups': 2}, {'transpose': True}, {'kernel': 4}):
        layer = Conv(**{'features': 2, 'kernel': 3, 'resize': 'up', **fields})
        with pytest.raises(ValueError, match='resize goes with an odd kernel'):
            layer.init(jax.random.key(0), x)
    with pytest.raises(errors.GaxError, match='images of 3x6 cannot be halved'):
        Conv(2, 3, resize='down').init(jax.random.key(0), x[:, :3])
