"""The CPU lowering of convolutions is exact against `jax.lax`, in values and in derivatives of two orders."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.nets.conv import conv, conv_transpose

# (height, width, channels in, channels out, kernel, strides, padding)
CASES = [
    (7, 7, 6, 4, (5, 5), (1, 1), 'SAME'),
    (14, 14, 3, 6, (5, 5), (2, 2), 'SAME'),
    (7, 7, 6, 1, (5, 5), (2, 2), 'SAME'),
    (8, 6, 3, 5, (4, 4), (2, 2), 'SAME'),
    (9, 7, 2, 3, (4, 4), (2, 2), ((1, 1), (1, 1))),
    (5, 8, 4, 4, (3, 3), (1, 1), 'VALID'),
    (11, 9, 3, 2, (3, 5), (3, 2), 'SAME'),
    (10, 7, 2, 3, (2, 3), (3, 1), 'VALID'),
    (6, 5, 3, 4, (1, 1), (1, 1), 'SAME'),
    (7, 6, 3, 4, (1, 1), (2, 2), 'SAME'),
    (6, 7, 2, 2, (3, 2), (1, 2), ((2, 0), (0, 3))),
    (4, 4, 2, 3, (4, 4), (1, 1), 'VALID'),
    (1, 1, 3, 2, (4, 4), (2, 2), ((3, 3), (3, 3))),
]
OPS = {'conv': conv, 'conv_transpose': conv_transpose}


def make_inputs(case, dtype, batch=2):
    h, w, cin, cout, size, *_ = case
    rng = np.random.RandomState(0)
    return (
        jnp.asarray(rng.randn(batch, h, w, cin), dtype),
        jnp.asarray(rng.randn(*size, cin, cout) / np.sqrt(cin * size[0] * size[1]), dtype),
    )


def derivatives(op, case, lowering):
    """-> values, gradients and second-order gradients (of a gradient penalty) of a non-linear loss."""
    *_, strides, padding = case

    def apply(x, kernel):
        return op(x, kernel, strides, padding, lowering=lowering)

    def loss(x, kernel):
        return jnp.sum(jnp.sin(apply(x, kernel)))

    def penalty(x, kernel):
        dx, dk = jax.grad(loss, (0, 1))(x, kernel)
        return jnp.sum(dx**2) + jnp.sum(jnp.cos(dk))

    return jax.jit(
        lambda *inputs: (apply(*inputs), jax.grad(loss, (0, 1))(*inputs), jax.grad(penalty, (0, 1))(*inputs))
    )


def assert_close(actual, expected, tolerance):
    """Differences relative to the scale of the expected array."""
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert a.shape == e.shape and a.dtype == e.dtype
        a, e = np.asarray(a, np.float64), np.asarray(e, np.float64)
        assert np.abs(a - e).max(initial=0) <= tolerance * np.abs(e).max(initial=1)


@pytest.mark.parametrize('case', CASES, ids=str)
@pytest.mark.parametrize('name', OPS)
def test_agrees_with_lax(name, case):
    for dtype, tolerance in ((jnp.float32, 1e-5), (jnp.float64, 1e-10)):
        with jax.enable_x64(dtype == jnp.float64):
            inputs = make_inputs(case, dtype)
            actual, expected = (
                derivatives(OPS[name], case, lowering)(*inputs) for lowering in ('patches', 'lax')
            )
            assert_close(actual, expected, tolerance)


@pytest.mark.parametrize('case', CASES[:6], ids=str)
def test_transpose_agrees_with_flax(case):
    *_, cout, size, strides, padding = case
    x, kernel = make_inputs(case, jnp.float32)
    layer = nn.ConvTranspose(cout, size, strides, padding, use_bias=False)
    assert_close(
        conv_transpose(x, kernel, strides, padding), layer.apply({'params': {'kernel': kernel}}, x), 1e-5
    )


@pytest.mark.parametrize('name', OPS)
def test_vmapped_kernels(name):
    """Many networks at once: a batch of kernels, with its own or a shared image."""
    case = CASES[1]
    x, kernel = make_inputs(case, jnp.float32)
    kernels, images = jnp.stack([kernel, 2 * kernel, -kernel]), jnp.stack([x, x + 1, x - 1])
    for in_axes, inputs in (((0, 0), (images, kernels)), ((None, 0), (x, kernels))):
        actual, expected = (
            jax.vmap(derivatives(OPS[name], case, lowering), in_axes)(*inputs)
            for lowering in ('patches', 'lax')
        )
        assert_close(actual, expected, 1e-5)


@pytest.mark.parametrize('name', OPS)
def test_bfloat16_and_scan(name):
    case = CASES[1]
    x, kernel = make_inputs(case, jnp.bfloat16)
    op = OPS[name]

    def body(carry, _):
        return carry, op(x, kernel, case[5], case[6], lowering='patches')

    out = jax.jit(lambda: jax.lax.scan(body, 0, None, length=2)[1])()
    assert out.dtype == jnp.bfloat16
    expected = op(x.astype(jnp.float32), kernel.astype(jnp.float32), case[5], case[6], lowering='lax')
    assert_close(out[1].astype(jnp.float32), expected, 2e-2)
