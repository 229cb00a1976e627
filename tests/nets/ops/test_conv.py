"""The CPU lowering of convolutions is exact against `jax.lax`, in values and in derivatives of two orders."""

import os
import subprocess
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gax.nets.ops.conv import conv, conv_transpose
from tests.helpers.cases import with_slow

# (height, width, channels in, channels out, kernel, strides, padding)
CASES = [
    (7, 7, 6, 4, (5, 5), (1, 1), 'SAME'),
    (14, 14, 3, 6, (5, 5), (2, 2), 'SAME'),
    (7, 7, 6, 1, (5, 5), (2, 2), 'SAME'),
    (8, 6, 3, 5, (4, 4), (2, 2), 'SAME'),
    (9, 7, 2, 3, (4, 4), (2, 2), ((1, 1), (1, 1))),
    (11, 9, 3, 2, (3, 5), (3, 2), 'SAME'),
    (10, 7, 2, 3, (2, 3), (3, 1), 'VALID'),
    (6, 5, 3, 4, (1, 1), (1, 1), 'SAME'),
    (7, 6, 3, 4, (1, 1), (2, 2), 'SAME'),
    (6, 7, 2, 2, (3, 2), (1, 2), ((2, 0), (0, 3))),
    (4, 4, 2, 3, (4, 4), (1, 1), 'VALID'),
    (1, 1, 3, 2, (4, 4), (2, 2), ((3, 3), (3, 3))),
    (6, 5, 8, 1, (3, 3), (1, 1), 'SAME'),
]
QUICK = {'xla_backend_optimization_level': 0}  # compile in a hurry
OPS = {'conv': conv, 'conv_transpose': conv_transpose}


def make_inputs(case, dtype, batch=2):
    h, w, cin, cout, size, *_ = case
    rng = np.random.RandomState(0)
    return (
        jnp.asarray(rng.randn(batch, h, w, cin), dtype),
        jnp.asarray(rng.randn(*size, cin, cout) / np.sqrt(cin * size[0] * size[1]), dtype),
    )


def derivatives(name, case, lowering):
    """(x, kernel) -> values, gradients of a non-linear loss, and gradients of a penalty on those
    gradients.
    """
    *_, strides, padding = case

    def loss(x, kernel):
        out = OPS[name](x, kernel, strides, padding, lowering=lowering)
        return jnp.sum(jnp.sin(out)), out

    def penalty(x, kernel):
        (dx, dk), out = jax.grad(loss, (0, 1), has_aux=True)(x, kernel)
        return jnp.sum(dx**2) + jnp.sum(jnp.cos(dk)), (out, dx, dk)

    return jax.grad(penalty, (0, 1), has_aux=True)


def run_both(function, *inputs, way='patches'):
    """function(lowering)(*inputs) for `way` and 'lax'."""
    both = jax.jit(
        lambda *inputs: [function(lowering)(*inputs) for lowering in (way, 'lax')],
        compiler_options=QUICK,
    )
    return both(*inputs)


def assert_close(actual, expected, tolerance):
    """Differences relative to the scale of the expected array."""
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert (a.shape, a.dtype) == (e.shape, e.dtype)
        a, e = np.asarray(a, np.float64), np.asarray(e, np.float64)
        assert np.abs(a - e).max(initial=0) <= tolerance * np.abs(e).max(initial=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    'case',
    # Those of CASES[::2] differ in stride, padding, form of the kernel and number of channels.
    [pytest.param(case, marks=[pytest.mark.slow] * (i % 2)) for i, case in enumerate(CASES)],
    ids=str,
)
@pytest.mark.parametrize('name', OPS)
def test_agrees_with_lax(name, case):
    """float64 to 1e-10; float32 to 1e-5 of the same float64 numbers."""
    with jax.enable_x64(True):
        x, kernel = make_inputs(case, jnp.float32)
        single = jax.jit(derivatives(name, case, 'patches'), compiler_options=QUICK)(x, kernel)
        x, kernel = x.astype(jnp.float64), kernel.astype(jnp.float64)
        double, expected = run_both(lambda lowering: derivatives(name, case, lowering), x, kernel)
    assert_close(double, expected, 1e-10)
    assert all(a.dtype == jnp.float32 for a in jax.tree.leaves(single))
    assert_close([np.asarray(a, np.float64) for a in jax.tree.leaves(single)], expected, 1e-5)


@pytest.mark.parametrize(
    ('groups', 'case'),
    with_slow([(2, CASES[0]), (2, (6, 5, 4, 6, (3, 3), (2, 2), 'SAME')), (17, CASES[4])], 0, 2),
    ids=str,
)
def test_groups_agree_with_lax(groups, case):
    """Values and derivatives of two orders; 17 groups are beyond the limit of the unrolled form."""
    h, w, cin, cout, size, strides, padding = case
    cin, cout = (cin, cout) if groups == 2 else (groups * cin, groups * cout)
    rng = np.random.RandomState(0)

    def derivatives(lowering):
        def loss(x, kernel):
            return jnp.sum(jnp.sin(conv(x, kernel, strides, padding, groups, lowering=lowering)))

        def penalty(x, kernel):
            dx, dk = jax.grad(loss, (0, 1))(x, kernel)
            return jnp.sum(dx**2) + jnp.sum(jnp.cos(dk)), (dx, dk)

        return jax.grad(penalty, (0, 1), has_aux=True)

    with jax.enable_x64(True):
        x, kernel = rng.randn(2, h, w, cin), rng.randn(*size, cin // groups, cout)
        actual, expected = run_both(derivatives, jnp.asarray(x), jnp.asarray(kernel) / 5)
        assert_close(actual, expected, 1e-10)


def test_groups_by_hand():
    """A 1x1 kernel of two groups: the first half of the outputs sees the first half of the inputs."""
    x, kernel = jnp.array([[[[1.0, 10.0]]]]), jnp.array([[[[2.0, 3.0, 5.0, 7.0]]]])
    out = conv(x, kernel, groups=2, lowering='patches')
    np.testing.assert_array_equal(out[0, 0, 0], [2, 3, 50, 70])
    with pytest.raises(ValueError, match='3 groups do not divide 2 channels'):
        conv(x, kernel, groups=3)


@pytest.mark.parametrize('case', with_slow([(case,) for case in CASES[1:4]], 0), ids=str)
def test_transpose_agrees_with_flax(case):
    *_, cout, size, strides, padding = case
    x, kernel = make_inputs(case, jnp.float32)
    layer = nn.ConvTranspose(cout, size, strides, padding, use_bias=False)
    actual = conv_transpose(x, kernel, strides, padding, lowering='patches')
    assert_close(actual, layer.apply({'params': {'kernel': kernel}}, x), 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize('in_axes', [(0, 0), (None, 0)], ids=str)
@pytest.mark.parametrize('name', OPS)
def test_vmap(name, in_axes):
    """Many networks at once: a batch of kernels, with images of their own or shared."""
    case = CASES[3]
    with jax.enable_x64(True):  # gradients of gradients of random networks magnify rounding
        inputs = [
            jnp.stack([a, 2 * a, -a]) if axis == 0 else a
            for a, axis in zip(make_inputs(case, jnp.float64), in_axes, strict=True)
        ]
        actual, expected = run_both(
            lambda lowering: jax.vmap(derivatives(name, case, lowering), in_axes), *inputs
        )
        assert_close(actual, expected, 1e-10)


@pytest.mark.parametrize('name', OPS)
def test_bfloat16_in_scan_and_forward_mode(name):
    case = CASES[1]
    *_, strides, padding = case
    inputs = make_inputs(case, jnp.bfloat16)

    def function(lowering):
        def op(x, kernel):
            return OPS[name](x, kernel, strides, padding, lowering=lowering)

        return lambda *inputs: lax.scan(lambda c, _: (c, jax.jvp(op, inputs, inputs)), 0, None, length=2)[1]

    actual, _ = run_both(function, *inputs)
    _, expected = run_both(function, *(a.astype(jnp.float32) for a in inputs))
    assert all(a.dtype == jnp.bfloat16 for a in actual)
    assert_close([a.astype(jnp.float32) for a in actual], expected, 3e-2)


@pytest.mark.slow
@pytest.mark.parametrize('way', ['patches', 'points'])
def test_batch_stays_sharded(way):
    """Forward and gradients of a batch laid over devices: the one communication is the sum of kernel
    gradients.
    """
    code = """
import jax, jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from gax.nets.ops.conv import conv, conv_transpose
mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
x = jax.device_put(jnp.ones((8, 8, 6, 16)), NamedSharding(mesh, P('data')))
k = jax.device_put(jnp.ones((5, 5, 16, 24)), NamedSharding(mesh, P()))
def loss(x, k):
  return sum(jnp.sum(jnp.sin(op(x, k, (2, 2), lowering='patches'))) for op in (conv, conv_transpose))
step = jax.jit(jax.grad(loss, (0, 1))).lower(x, k).compile(dict(xla_backend_optimization_level=0))
text = step.as_text()
assert 'all-reduce' in text
for word in ('all-gather', 'all-to-all', 'collective-permute'):
  assert word not in text, word
assert step(x, k)[0].sharding.is_equivalent_to(x.sharding, 4)
"""
    code = code.replace("'patches'", repr(way))
    env = dict(os.environ, XLA_FLAGS='--xla_force_host_platform_device_count=4', JAX_PLATFORMS='cpu')
    subprocess.run([sys.executable, '-c', code], env=env, check=True, timeout=120)


def test_kernel_larger_than_image():
    with pytest.raises(ValueError, match='does not fit'):
        conv(jnp.ones((1, 3, 3, 1)), jnp.ones((5, 5, 1, 1)), padding='VALID', lowering='patches')
