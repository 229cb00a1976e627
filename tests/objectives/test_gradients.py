"""Gradients of a scorer and their distances from a target, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.objectives import gradients

W = np.array([3.0, -4.0, 12.0], np.float32)  # |w| = 13
REAL = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
FAKE = REAL[::-1] * 2 + 1


def test_functions_on_a_linear_critic():
    scorer = lambda x: x @ W  # noqa: E731
    assert float(gradients.zero_centered(scorer, REAL)) == pytest.approx(169, rel=1e-6)
    gp = gradients.one_centered(scorer, REAL, FAKE, jax.random.key(0))
    assert float(gp) == pytest.approx(144, rel=1e-6)
    gp = gradients.one_centered(scorer, REAL, FAKE, jax.random.key(0), target=10.0)
    assert float(gp) == pytest.approx(9, rel=1e-5)


def test_gradient_is_float32_for_half_precision_inputs():
    x = jnp.asarray(REAL, jnp.bfloat16)
    gradient = gradients.input_gradient(lambda x: x @ jnp.asarray(W, jnp.bfloat16), x)
    assert gradient.dtype == jnp.float32
    np.testing.assert_array_equal(gradient, np.broadcast_to(W, REAL.shape))


def test_squared_norms_sum_over_everything_but_the_batch():
    np.testing.assert_array_equal(gradients.squared_norms(jnp.full((2, 3, 4, 5), 2.0)), [240, 240])
