"""Self-attention over the pixels of feature maps.

Zhang et al., "Self-Attention Generative Adversarial Networks", 2019, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from gax import errors
from gax.core.types import Array
from gax.nets.layers import Conv, Initializer, check_even


class SelfAttention(nn.Module):
    """x + gamma * out(softmax(query(x) key(x)^T) value(x)): [B, H, W, C] -> [B, H, W, C].

    As in the authors' code: query and key have C / 8 channels, value C / 2; key and value are the largest of
    each 2x2 pixels, so that H W queries meet H W / 4 keys; scores are not divided by the root of their
    dimension; the four 1x1 convolutions have no bias; gamma is one number, 0 at first. That is 5 C^2 / 4 + 1
    parameters where 8 divides C. The softmax is in float32.

    Attributes:
      kernel_init: The initializer of the convolutions.

    Raises:
      GaxError: A side is odd.
    """

    kernel_init: Initializer = nn.initializers.glorot_uniform()

    @nn.compact
    def __call__(self, x: Array) -> Array:
        batch, height, width, channels = check_even(x)
        thin, half = max(1, channels // 8), max(1, channels // 2)

        def projected(features: int, name: str, y: Array) -> Array:
            return Conv(features, 1, use_bias=False, kernel_init=self.kernel_init, name=name)(y)

        query = projected(thin, 'query', x).reshape(batch, height * width, thin)
        key = largest_of_four(projected(thin, 'key', x)).reshape(batch, -1, thin)
        value = largest_of_four(projected(half, 'value', x)).reshape(batch, -1, half)
        scores = jnp.einsum('bqc,bkc->bqk', query, key)
        weights = jax.nn.softmax(scores.astype(jnp.promote_types(x.dtype, jnp.float32)), axis=-1)
        seen_at = jnp.einsum('bqk,bkc->bqc', weights.astype(x.dtype), value)
        gamma = self.param('gamma', nn.initializers.zeros, ()).astype(x.dtype)
        return x + gamma * projected(channels, 'out', seen_at.reshape(batch, height, width, half))


def largest_of_four(x: Array) -> Array:
    """The largest value of each 2x2 pixels: [B, H, W, C] -> [B, H / 2, W / 2, C].

    Raises:
      GaxError: A side is odd.
    """
    batch, height, width, channels = check_even(x)
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).max((2, 4))


def after_blocks(attention: Sequence[int], blocks: int, field: str) -> Sequence[int]:
    """The numbers of the blocks after which self-attention comes, checked.

    Args:
      attention: The numbers that a config asks for, counted from 1; () for no self-attention.
      blocks: How many blocks there are.
      field: The field of the config, for the message.

    Returns:
      `attention`.

    Raises:
      GaxError: There is no such block.
    """
    for number in attention:
        if number > blocks:
            raise errors.GaxError(
                f'config.{field}={tuple(attention)}: self-attention comes after blocks 1 to {blocks} here, '
                f'and {number} is none; () is without self-attention'
            )
    return attention
