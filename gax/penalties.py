"""Gradient penalties on callables.

A critic is a function from a batch [B, ...] to logits whose leading axis is B, each logit a function of its own
example alone (no batch-norm): only then is the gradient of the summed logits the per-example gradient. Every
penalty is differentiable through that gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gax.forward import IMAGES, Critic, fakes_of
from gax.terms import stateless
from gax.types import Array, Batch, Key, Term, View

Score = Callable[[Array], Array]


def input_gradient(critic: Score, x: Array) -> Array:
    """d sum(critic(x)) / dx, shape of x, in float32 or better."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    return jax.grad(lambda inputs: jnp.sum(critic(inputs), dtype=wide))(x).astype(wide)


def squared_norms(gradient: Array) -> Array:
    """|gradient|^2 per example, shape [B]: the sum over pixels and channels."""
    return jnp.sum(jnp.square(gradient), axis=tuple(range(1, gradient.ndim)))


def zero_centered(critic: Score, x: Array) -> Array:
    """E |grad_x D(x)|^2, the mean over the batch of the sum over pixels. With weight gamma / 2 and x real this is R1.

    Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018, eq. 9. Convention: no factor
    here; the terms below multiply by gamma / 2.
    """
    return jnp.mean(squared_norms(input_gradient(critic, x)))


def one_centered(critic: Score, real: Array, fake: Array, key: Key, target: float = 1.0) -> Array:
    """E (|grad D(x')| - target)^2 with x' = real + e (fake - real), e ~ U[0, 1) per example.

    Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, eq. 3 (their lambda is the term's weight). The
    norm is sqrt(sum + 1e-12): the square root alone has a NaN gradient where the gradient is zero.
    """
    epsilon = jax.random.uniform(key, (real.shape[0],) + (1,) * (real.ndim - 1), real.dtype)
    norms = jnp.sqrt(squared_norms(input_gradient(critic, real + epsilon * (fake - real))) + 1e-12)
    return jnp.mean(jnp.square(norms - target))


def _score(view: View, critic: Critic, batch: Batch) -> Score:
    """The critic as a function of its field alone, the batch's other inputs (labels) held."""
    return lambda x: critic.score(view, {**batch, critic.field: x})


def r1(critic: Critic = IMAGES, **fields: Any) -> Term:
    """R1: (1/2) E |grad D(x)|^2 on reals; the term's weight is gamma."""

    def fn(view: View, out: Any) -> Array:
        return 0.5 * zero_centered(_score(view, critic, view.batch), view.batch[critic.field])

    return stateless(fn, **fields)


def r2(critic: Critic = IMAGES, **fields: Any) -> Term:
    """R2: (1/2) E |grad D(G(z))|^2 on fakes; the term's weight is gamma."""

    def fn(view: View, out: Any) -> Array:
        fakes = fakes_of(view)
        return 0.5 * zero_centered(_score(view, critic, fakes), fakes[critic.field])

    return stateless(fn, **fields)


def wgan_gp(critic: Critic = IMAGES, **fields: Any) -> Term:
    """Two-sided WGAN-GP; the term's weight is lambda (10 in the paper). Labels, if any, are those of the reals."""

    def fn(view: View, out: Any) -> Array:
        real, fake = view.batch[critic.field], view.fakes[critic.field]
        return one_centered(_score(view, critic, view.batch), real, fake, view.rng('epsilon'))

    return stateless(fn, **fields)


PENALTIES: dict[str, Callable[..., Term]] = {'r1': r1, 'r2': r2, 'wgan_gp': wgan_gp}


def from_config(config: Any, critic: Critic = IMAGES) -> dict[str, Term]:
    """The penalties named in `config.terms`, each with its `weight` and `every`; `critic` is whom they hold."""
    return {
        name: PENALTIES[name](critic, weight=field.weight, every=field.every)
        for name, field in config.items()
        if name in PENALTIES
    }
