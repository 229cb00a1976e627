"""Parts of networks that enlarge images."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from gax import errors
from gax.core.types import Array


def pixel_shuffle(x: Array, factor: int) -> Array:
    """Moves channels into pixels: [B, H, W, C factor^2] -> [B, factor H, factor W, C].

    Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    Neural Network", 2016, eq. 4. As in PyTorch, channel c factor^2 + i factor + j becomes channel c of the
    pixel (i, j) of a square.
    """
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height, width, channels // factor**2, factor, factor)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(batch, factor * height, factor * width, -1)


def stages(factor: int, primes: tuple[int, ...] = (2, 3)) -> list[int]:
    """The enlargements of a network one after the other: 4 -> [2, 2], 6 -> [2, 3], 1 -> [].

    Raises:
      GaxError: The factor has other prime factors.
    """
    rest, result = factor, []
    for prime in primes:
        while rest > 1 and rest % prime == 0:
            result.append(prime)
            rest //= prime
    if rest != 1:
        raise errors.GaxError(
            f'these networks enlarge images by products of {" and ".join(map(str, primes))}, not by {factor}'
        )
    return result


def base(x: Array, factor: int, channels: int) -> Array:
    """What a network's output is added to: images enlarged bilinearly, [B, factor H, factor W, channels].

    Where the numbers of channels differ, each channel of the result is the mean of the channels.
    """
    if x.shape[-1] != channels:
        x = jnp.broadcast_to(jnp.mean(x, axis=-1, keepdims=True), (*x.shape[:-1], channels))
    if factor == 1:
        return x
    shape = (x.shape[0], factor * x.shape[1], factor * x.shape[2], channels)
    return jax.image.resize(x, shape, 'bilinear')


def repeated(block: Callable[[], nn.Module], count: int, x: Array, train: bool) -> Array:
    """`count` blocks (x, train) -> x of one kind after one another, which are compiled once, as a loop.

    Call it within a compact module. The blocks have parameters of their own: each array has the number of the
    block as its first axis.

    Args:
      block: Makes the module of one block.
      count: How many; 0 for none.
      x: The input of the first.
      train: Whether the network is in training mode.

    Returns:
      The output of the last, of the shape of `x`.
    """
    if not count:
        return x
    loop = nn.scan(
        lambda module, x, _: (module(x, train), None),
        variable_axes={'params': 0, 'batch_stats': 0},
        split_rngs={'params': True},
        length=count,
    )
    return loop(block(), x, None)[0]
