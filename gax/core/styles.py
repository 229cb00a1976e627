"""Generators in two parts: a mapping from latents to styles, and a synthesis of examples from styles.

Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019. Styles are
ws [B, L, W], a vector w for each of L layers. A recipe that has such a generator says so in `Game.styles`;
then `sample.py` mixes, truncates and interpolates styles, whatever the GAN.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gax.core.types import Array, Batch, Context, Key, Styles, not_zero

MAPPING, SYNTHESIS = 'mapping', 'synthesis'


def two_nets(field: str = 'image', mapping: str = MAPPING, synthesis: str = SYNTHESIS) -> Styles:
    """The styles of a game with one net for each part.

    Args:
      field: The batch field that is made.
      mapping: A net from 'z' and the conditions to ws [B, L, W]. Its model_state has `w_average` in
        'statistics': [W], or [classes, W] for an average of each class, of one class without labels.
      synthesis: A net from ws to the field.
    """

    def to_styles(context: Context) -> tuple[Array, Context]:
        conditions = [context.latents[name] for name in context.conditions]
        return context.apply_and_update(mapping, context.latents['z'], *conditions)

    def to_fakes(context: Context, ws: Array) -> tuple[Batch, Context]:
        output, context = context.apply_and_update(synthesis, ws)
        return {field: output}, context

    def average(context: Context) -> Array:
        whole = context.model_state[mapping]['statistics']['w_average']
        if whole.ndim == 1:
            return whole
        return whole[context.latents['label']] if 'label' in context.conditions else whole[0]

    return Styles(to_styles, to_fakes, average)


def generate(styles: Styles, mixing: float = 0.0) -> Callable[[Context], tuple[Batch, Context]]:
    """The forward pass of such a generator, for `Game.generate`.

    Args:
      styles: The two parts.
      mixing: The probability, in training, with which an example's last layers have the styles of other
        latents, see `mixed`.
    """

    def forward(context: Context) -> tuple[Batch, Context]:
        ws, context = training_styles(styles, context, mixing)
        return styles.synthesis(context, ws)

    return forward


def training_styles(styles: Styles, context: Context, mixing: float = 0.0) -> tuple[Array, Context]:
    """The styles of the context's latents, in training mixed with those of other latents of the same
    conditions.

    The second latents leave the average of w as it is.
    """
    ws, context = styles.mapping(context)
    if not context.train or not not_zero(mixing):
        return ws, context
    z = context.latents['z']
    other = {**context.latents, 'z': jax.random.normal(context.rng('mixing/z'), z.shape, z.dtype)}
    second, _ = styles.mapping(context._replace(latents=other))
    return mixed(ws, second, cutoffs(context.rng('mixing'), ws.shape[0], ws.shape[1], mixing)), context


def cutoffs(key: Key, num: int, layers: int, probability: float) -> Array:
    """Where styles are mixed, int32 [num]: uniform in 1 to layers - 1 with this probability, else `layers`.

    Karras et al., 2019, section 3.1. Each example has its own, so that the draw does not depend on how the
    batch is divided among devices; in the code of StyleGAN2 with ADA a batch has one.
    """
    numbers = jax.random.uniform(key, (num, 2))
    cutoff = 1 + jnp.floor(numbers[:, 0] * (layers - 1)).astype(jnp.int32)
    return jnp.where(numbers[:, 1] < probability, jnp.minimum(cutoff, layers - 1), layers)


def mixed(ws: Array, other: Array, cutoff: Array) -> Array:
    """`ws` up to the layer `cutoff`, `other` from there on.

    Args:
      ws: Float [B, L, W].
      other: Float [B, L, W].
      cutoff: int [B]; L: `ws` alone.

    Returns:
      Float [B, L, W].
    """
    return jnp.where(jnp.arange(ws.shape[1])[None, :, None] < cutoff[:, None, None], ws, other)


def truncated(ws: Array, average: Array, psi: Array | float) -> Array:
    """average + psi (ws - average): closer to the average for psi below 1, which is less varied.

    Karras et al., 2019, section 2.1 and appendix B.

    Args:
      ws: Float [B, L, W].
      average: Float [W], or [B, W] for one of each example.
      psi: A number, or one for each example [B]. 1 leaves `ws`, 0 leaves the average alone.

    Returns:
      Float [B, L, W].
    """
    average = average.reshape(-1, 1, ws.shape[-1])
    return average + jnp.asarray(psi, ws.dtype).reshape(-1, 1, 1) * (ws - average)
