"""The length of paths in the styles of a generator in two parts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gax.core import styles as core_styles
from gax.core.types import Array, Context, PyTree, Styles, Term


def lengths(synthesise: Callable[[Array], Array], ws: Array, y: Array) -> Array:
    """sqrt(the mean over layers of |J_l^T y|^2 + 1e-12), J_l the Jacobian with respect to the style of layer
    l.

    Args:
      synthesise: ws -> fakes. It makes each example from its styles alone.
      ws: Float [B, L, W].
      y: Float, of the shape of the fakes.

    Returns:
      Float [B].

    >>> ws, y = jnp.zeros((1, 2, 1)), jnp.ones((1, 1))
    >>> lengths(lambda ws: 6.0 * ws[:, 0] + 8.0 * ws[:, 1], ws, y).tolist()  # sqrt((36 + 64) / 2)
    [7.071067810058594]
    """
    _, pullback = jax.vjp(synthesise, ws)
    (gradient,) = pullback(y)
    return jnp.sqrt(jnp.mean(jnp.sum(jnp.square(gradient), axis=2), axis=1) + 1e-12)


def path_length(
    styles: Styles, field: str, mixing: float = 0.0, *, decay: float = 0.01, shrink: int = 2, **fields: Any
) -> Term:
    """E (|J^T y| - a)^2 with J with respect to the styles, see `lengths`; a is the moving average of |J^T y|.

    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, eq. 4, as in their code of
    2021 (stylegan2-ada-pytorch): y ~ N(0, I) / sqrt(H W), B / `shrink` new latents with the labels of the
    batch, styles mixed as in training, a <- a + decay (mean - a) before it is used, and gradients go through
    the new mean in a. `regularizers.path_length` is the term with respect to z, for any generator.

    Args:
      styles: The two parts of the generator.
      field: The batch field that it makes.
      mixing: See `styles.generate`.
      decay: The weight of the new mean in the moving average, from 0 to 1.
      shrink: B is divided by it.
      **fields: The other fields of `Term`; the weight is gamma (2 in the paper).

    Returns:
      The term.
    """

    def fn(context: Context, out: Any, state: PyTree) -> tuple[Array, PyTree]:
        latents = {name: x[::shrink] for name, x in context.latents.items()}
        latents['z'] = jax.random.normal(context.rng('z'), latents['z'].shape)
        context = context._replace(latents=latents)
        ws, _ = core_styles.training_styles(styles, context, mixing)

        def synthesise(ws: Array) -> Array:
            return styles.synthesis(context, ws)[0][field]

        shape = jax.eval_shape(synthesise, ws).shape
        y = jax.random.normal(context.rng('y'), shape) * math.prod(shape[1:-1]) ** -0.5
        each = lengths(synthesise, ws, y)
        mean = state['mean'] + decay * (jnp.mean(each) - state['mean'])
        return jnp.mean(jnp.square(each - mean)), {'mean': jax.lax.stop_gradient(mean)}

    return Term(fn, init=lambda: {'mean': jnp.zeros(())}, **fields)
