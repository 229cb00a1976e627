"""Gradients of a scorer with respect to its inputs, and how far they are from what a penalty asks for.

A scorer is a function from a batch [B, ...] to logits whose leading axis is B, each logit a function of its
own example alone (no batch-norm): only then is the gradient of the summed logits the per-example gradient.
Every penalty is differentiable through that gradient.

In the examples D(x) = 3 x_1 + 4 x_2, whose gradient has norm 5 everywhere: `score` is that function.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gax.core import trees
from gax.core.types import Array, Key, PyTree

Score = Callable[[Array], PyTree]


def input_gradient(scorer: Score, x: Array) -> Array:
    """d sum(scorer(x)) / dx.

    Args:
        scorer: float [B, ...] -> logits [B, ...].
        x: float [B, ...].

    Returns:
        The shape of x, float32 or better.

    >>> input_gradient(score, jnp.zeros((2, 2))).tolist()
    [[3.0, 4.0], [3.0, 4.0]]
    """
    wide = jnp.promote_types(x.dtype, jnp.float32)
    return jax.grad(lambda inputs: trees.total(scorer(inputs), dtype=wide))(x).astype(wide)


def squared_norms(gradient: Array) -> Array:
    """|gradient|^2 per example: the sum over pixels and channels.

    Args:
        gradient: float [B, ...].

    Returns:
        float [B].

    >>> squared_norms(jnp.array([[3.0, 4.0], [0.0, 1.0]])).tolist()
    [25.0, 1.0]
    """
    return jnp.sum(jnp.square(gradient), axis=tuple(range(1, gradient.ndim)))


def zero_centered(scorer: Score, x: Array) -> Array:
    """E |grad_x D(x)|^2, the mean over the batch of the sum over pixels. With weight gamma / 2 and x real
    this is R1.

    Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018, eq. 9. Convention: no
    factor here; the terms below multiply by gamma / 2. (The authors' code has no half: its reg_param 10 is
    gamma 20.)

    Args:
        scorer: float [B, ...] -> logits [B, ...].
        x: float [B, ...].

    Returns:
        A scalar, >= 0.

    >>> print(zero_centered(score, jnp.ones((2, 2))))
    25.0
    """
    return jnp.mean(squared_norms(input_gradient(scorer, x)))


def gap(norms: Array, target: float, one_sided: bool = False) -> Array:
    """Mean squared distance of gradient norms [B] from `target`; with `one_sided` of those above it only.

    >>> print(gap(jnp.array([0.0, 3.0]), 1.0), gap(jnp.array([0.0, 3.0]), 1.0, one_sided=True))
    2.5 2.0
    """
    over = norms - target
    return jnp.mean(jnp.square(jnp.maximum(over, 0.0) if one_sided else over))


def norms(gradient: Array) -> Array:
    """sqrt(|gradient|^2 + 1e-12), [B] of [B, ...]: the root alone has a NaN gradient where the gradient
    is zero.

    >>> norms(jnp.array([[3.0, 4.0]])).tolist()
    [5.0]
    """
    return jnp.sqrt(squared_norms(gradient) + 1e-12)


def between(real: Array, fake: Array, key: Key) -> Array:
    """real + e (fake - real), with one e ~ U[0, 1) per example.

    >>> points = between(jnp.zeros((4, 2)), jnp.ones((4, 2)), jax.random.key(0))
    >>> bool(jnp.all((points >= 0) & (points < 1) & (points[:, :1] == points)))
    True
    """
    epsilon = jax.random.uniform(key, (real.shape[0],) + (1,) * (real.ndim - 1), real.dtype)
    return real + epsilon * (fake - real)


def one_centered(
    scorer: Score, real: Array, fake: Array, key: Key, target: float = 1.0, one_sided: bool = False
) -> Array:
    """E (|grad D(x')| - target)^2 with x' = real + e (fake - real), e ~ U[0, 1) per example.

    Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, eq. 3 (their lambda is the term's
    weight). With `one_sided` E max(0, |grad D(x')| - target)^2: Petzka et al., "On the Regularization of
    Wasserstein GANs", 2018.

    Args:
        scorer: float [B, ...] -> logits [B, ...].
        real, fake: float [B, ...], paired by position.
        key: of the places in between.
        target: the norm without a penalty.
        one_sided: whether only norms above it are penalised.

    Returns:
        A scalar, >= 0. In the example (5 - 1)^2.

    >>> print(one_centered(score, jnp.zeros((2, 2)), jnp.ones((2, 2)), jax.random.key(0)))
    16.0
    """
    return gap(norms(input_gradient(scorer, between(real, fake, key))), target, one_sided)


def around(real: Array, key: Key, noise: float = 0.5) -> Array:
    """x + a noise std u: u ~ U[0, 1) per pixel, a ~ U[0, 1) per example, std that of all pixels of the
    batch.

    >>> around(jnp.ones((2, 2)), jax.random.key(0)).tolist()  # the standard deviation is 0
    [[1.0, 1.0], [1.0, 1.0]]
    """
    far, along = jax.random.split(key)
    moved = real + noise * jnp.std(real) * jax.random.uniform(far, real.shape, real.dtype)
    return between(real, moved, along)


def near_reals(scorer: Score, real: Array, key: Key, target: float = 1.0, noise: float = 0.5) -> Array:
    """E (|grad D(x')| - target)^2 with x' = `around`(x).

    Kodali et al., "On Convergence and Stability of GANs" (DRAGAN), 2017, as their code perturbs
    (kodalinaveen3/DRAGAN on GitHub, get_perturbed_batch in DRAGAN.ipynb): only upwards, up to half a standard
    deviation, and somewhere on the way there. (The paper writes x + delta with delta ~ N(0, c I).)

    Args:
        scorer: float [B, ...] -> logits [B, ...].
        real: float [B, ...].
        key: of the noise.
        target: the norm without a penalty.
        noise: how far the places are, in standard deviations.

    Returns:
        A scalar, >= 0. In the example (5 - 2)^2.

    >>> print(near_reals(score, jnp.ones((2, 2)), jax.random.key(0), target=2.0))
    9.0
    """
    return gap(norms(input_gradient(scorer, around(real, key, noise))), target)
