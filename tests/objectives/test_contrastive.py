"""PatchNCE against its definition, place by place."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.objectives.contrastive import at_places, patch_nce, places

KEY = jax.random.key(0)


def unit(key, *shape):
    x = jax.random.normal(key, shape)
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True)


def test_against_the_definition():
    q, k = unit(KEY, 2, 5, 3), unit(jax.random.key(1), 2, 5, 3)
    found = patch_nce(q, k, 0.2)
    host_q, host_k = np.asarray(q, np.float64), np.asarray(k, np.float64)
    for b in range(2):
        for n in range(5):
            scores = np.exp(host_k[b] @ host_q[b, n] / 0.2)
            assert found[b, n] == pytest.approx(-np.log(scores[n] / scores.sum()), rel=1e-4)


def test_equal_vectors_cannot_be_told_apart():
    same = jnp.ones((1, 7, 1))
    np.testing.assert_allclose(patch_nce(same, same), np.log(7), rtol=1e-6)


def test_no_gradient_goes_through_the_keys():
    q, k = unit(KEY, 1, 4, 3), unit(jax.random.key(1), 1, 4, 3)
    gradients = jax.grad(lambda q, k: jnp.sum(patch_nce(q, k)), (0, 1))(q, k)
    assert float(jnp.abs(gradients[0]).max()) > 0.1
    assert not np.any(gradients[1])


@pytest.mark.slow
def test_places():
    x = jnp.arange(24.0).reshape(1, 3, 4, 2)
    where = places(KEY, x, 5)
    assert len(set(np.asarray(where).tolist())) == 5
    assert places(KEY, x, 100).shape == (12,)
    np.testing.assert_array_equal(at_places(x, jnp.array([0, 5]))[0], [[0, 1], [10, 11]])
