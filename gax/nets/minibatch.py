"""Layers that measure how much the examples of a batch differ, for discriminators.

They couple the examples of a batch: with them a gradient penalty per example has no meaning.
"""

from __future__ import annotations

from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp

from gax import errors
from gax.core.bounds import Couples, one_of
from gax.core.types import Array


class MinibatchStd(nn.Module):
    """Appends the standard deviation of a group of examples as a channel: [B, ..., C] -> [B, ..., C + 1].

    The standard deviation over the group, sqrt(population variance + 1e-8), is computed for every element and
    averaged over all elements: one number for each group. Karras et al., "Progressive Growing of GANs", 2018,
    section 3, in the convention of StyleGAN2: groups of `group` examples, or the whole batch where that is
    smaller; example i belongs to group i mod (B / group).

    Attributes:
      group: The number of examples in a group.

    Raises:
      GaxError: `group` does not divide a larger batch.
    """

    group: int = 4

    @nn.compact
    def __call__(self, x: Array) -> Array:
        size = min(self.group, x.shape[0])
        if x.shape[0] % size:
            raise errors.GaxError(
                f"minibatch='std' compares examples in groups of {size}, "
                f'and cannot divide {x.shape[0]} into them: '
                f'make what d sees at a time (batch_size, less if packed) a multiple of {size}'
            )
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        grouped = wide.reshape(size, -1, *x.shape[1:])
        deviation = jnp.sqrt(jnp.var(grouped, axis=0) + 1e-8)
        statistic = jnp.mean(deviation, axis=tuple(range(1, x.ndim)))
        channel = jnp.tile(statistic, size).reshape(-1, *[1] * (x.ndim - 1)).astype(x.dtype)
        return jnp.concatenate([x, jnp.broadcast_to(channel, (*x.shape[:-1], 1))], axis=-1)


class MinibatchDiscrimination(nn.Module):
    """Appends to each example's features how close it is to the others: [B, A] -> [B, A + kernels].

    M_i = f_i T, T a tensor [A, kernels, dimensions]; o_i,b = sum over j != i of exp(-|M_i,b - M_j,b|_1).
    Salimans et al., "Improved Techniques for Training GANs", 2016, section 3.2, where the sum includes j = i:
    a constant 1. Their code leaves it out too; it also normalises T, and adds a bias to o. Sums grow with the
    batch: train and score with one batch size.

    Attributes:
      kernels: The number of appended features.
      dimensions: The length of the vectors M_i,b.
    """

    kernels: int = 50
    dimensions: int = 5

    @nn.compact
    def __call__(self, x: Array) -> Array:
        tensor = self.param(
            'kernel', nn.initializers.normal(0.05), (x.shape[-1], self.kernels, self.dimensions)
        )
        projected = jnp.einsum('ba,akd->bkd', x, tensor.astype(x.dtype))
        distance = jnp.sum(jnp.abs(projected[:, None] - projected[None]), axis=-1)  # [B, B, kernels]
        others = 1 - jnp.eye(x.shape[0], dtype=x.dtype)
        closeness = jnp.sum(jnp.exp(-distance) * others[:, :, None], axis=1)
        return jnp.concatenate([x, closeness], axis=-1)


KINDS = ('', 'std', 'discrimination')
# 'std' couples examples too, but is not refused: StyleGAN2 uses it with R1, and the gradient that the penalty
# takes through the other examples' statistics is small.
Minibatch = Annotated[str, one_of(KINDS), Couples('discrimination')]


def see_batch(kind: str, x: Array) -> Array:
    """Flattens the output of a last layer, with a layer that compares the examples of the batch.

    Call it within a compact module.

    Args:
      kind: 'std' appends a channel before the flattening, 'discrimination' appends features after it, and ''
        appends nothing.
      x: Float [B, ..., C].

    Returns:
      Float [B, F].

    Raises:
      GaxError: There is no such kind.
    """
    errors.lookup('d.net.minibatch', kind, dict.fromkeys(KINDS))
    if kind == 'std':
        x = MinibatchStd()(x)
    x = x.reshape(x.shape[0], -1)
    return MinibatchDiscrimination()(x) if kind == 'discrimination' else x
