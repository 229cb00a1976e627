"""Layers that several families share, as small Flax modules.

Parameters have the names and shapes of their `flax.linen` namesakes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gax import errors
from gax.core.bounds import Only, one_of
from gax.core.types import Array
from gax.nets.ops import conv as lowering

Initializer = jax.nn.initializers.Initializer


class Conv(nn.Module):
    """Convolution [B, H, W, C] -> [B, H', W', features], square kernel. See ops/conv.py.

    With `resize` the convolution is fused with a resize: it is one convolution of stride 2, whose k + 1 taps
    a side are sums of neighbouring taps. A 3x3 kernel takes 16 products for each small pixel, where the two
    operations take 36. Results are equal up to rounding.

    Attributes:
      features: The number of output channels.
      kernel: The side of the kernel, k.
      stride: The stride.
      use_bias: Whether a bias is added.
      kernel_init: The initializer. The fan-in of a grouped kernel [k, k, C / groups, features] is that of one
        group.
      transpose: Whether the convolution is transposed; it then has one group.
      groups: The number of groups of channels.
      resize: 'up' convolves `doubled(x)`; 'down' applies `halved` to the result; '' does neither.
      padding: 'SAME', 'VALID', or the pixels of zeros on each side. With `resize`, 'SAME'.

    Raises:
      ValueError: `resize` with an even kernel, a stride, groups, `transpose` or `padding`.
      GaxError: Odd sides cannot be halved.
    """

    features: int
    kernel: int
    stride: int = 1
    use_bias: bool = True
    kernel_init: Initializer = nn.initializers.glorot_uniform()
    transpose: bool = False
    groups: int = 1
    resize: Literal['', 'up', 'down'] = ''
    padding: Literal['SAME', 'VALID'] | int = 'SAME'

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (self.kernel, self.kernel, x.shape[-1] // self.groups, self.features)
        kernel = self.param('kernel', self.kernel_init, shape)
        stride = self.stride
        padding = [(self.padding,) * 2] * 2 if isinstance(self.padding, int) else self.padding
        if self.resize:
            others = (self.stride, self.groups, self.padding)
            if not self.kernel % 2 or self.transpose or others != (1, 1, 'SAME'):
                raise ValueError(
                    'resize goes with an odd kernel, and with no stride, groups, transpose or padding'
                )
            kernel, stride = neighbours(kernel), 2
        if self.resize == 'down':
            check_even(x)
            kernel = kernel / 4
        kernel, strides = kernel.astype(x.dtype), (stride, stride)
        if self.transpose or self.resize == 'up':
            x = lowering.conv_transpose(x, kernel, strides, padding)
        else:
            x = lowering.conv(x, kernel, strides, padding, groups=self.groups)
        if self.use_bias:
            bias = self.param('bias', nn.initializers.zeros, (self.features,)).astype(x.dtype)
            x = x + bias[None, None, None]
        return x


def neighbours(kernel: Array) -> Array:
    """Sums over squares of 2x2 taps, with zeros outside: [k, k, ...] -> [k + 1, k + 1, ...]."""
    rest = [(0, 0, 0)] * (kernel.ndim - 2)
    zero = jnp.zeros((), kernel.dtype)
    corners = itertools.product(((0, 1, 0), (1, 0, 0)), repeat=2)
    return sum((lax.pad(kernel, zero, [*corner, *rest]) for corner in corners), start=zero)


class Dropout(nn.Module):
    """Inverted dropout: elements are zeroed with probability `rate`, and the others scaled by 1 / (1 - rate).

    Random numbers are drawn from the stream 'dropout' in training. Two elements share one 32-bit draw, so
    that the probability is `rate` to within 2^-17; threefry is a good part of a small network's step on CPU
    (benchmarks/README.md).

    Attributes:
      rate: From 0 to below 1.
    """

    rate: float

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        if not train or self.rate == 0.0:
            return x
        return dropout(self.make_rng('dropout'), x, self.rate)


def dropout(key: Array, x: Array, rate: float) -> Array:
    """Inverted dropout, see `Dropout`.

    Args:
      key: A PRNG key.
      x: Float [..., C].
      rate: From 0 to below 1.

    Returns:
      An array of the shape and dtype of `x`.
    """
    channels = x.shape[-1]
    bits = jax.random.bits(key, (*x.shape[:-1], -(-channels // 2)), jnp.uint32)
    # The halves are concatenated along the channels, so that sharded examples stay on their devices.
    halves = jnp.concatenate([bits & 0xFFFF, bits >> 16], axis=-1)[..., :channels]
    keep = halves >= round(rate * 65536)
    return jnp.where(keep, x * (1.0 / (1.0 - rate)), jnp.zeros((), x.dtype))


def batch_norm(
    train: bool, momentum: float = 0.99, epsilon: float = 1e-3, name: str | None = None
) -> nn.BatchNorm:
    """Batch-norm with Keras' defaults: running = momentum * running + (1 - momentum) * batch.

    Under a sharded `jit` the statistics are those of the global batch.

    Args:
      train: Whether the batch's statistics are used, and update the running ones.
      momentum: The share of the old running averages.
      epsilon: Added to the variance.
      name: The module's name; None for Flax' choice.

    Returns:
      The module.
    """
    return nn.BatchNorm(use_running_average=not train, momentum=momentum, epsilon=epsilon, name=name)


class ConditionalBatchNorm(nn.Module):
    """Batch-norm of [B, ..., C] with a scale and an offset for each class.

    The tables [num_classes, C] start at ones and zeros. Dumoulin et al., "A Learned Representation For
    Artistic Style", 2017, eq. 5; in GANs: Miyato and Koyama, "cGANs with Projection Discriminator", 2018.
    Statistics are those of all classes together.

    Attributes:
      num_classes: The number of classes; 0 for a plain batch-norm without labels.
      momentum: The share of the old running averages.
      epsilon: Added to the variance.
    """

    num_classes: int = 0
    momentum: float = 0.9
    epsilon: float = 2e-5

    @nn.compact
    def __call__(self, x: Array, *label: Array, train: bool) -> Array:
        plain = not self.num_classes
        x = nn.BatchNorm(
            not train, momentum=self.momentum, epsilon=self.epsilon, use_scale=plain, use_bias=plain
        )(x)
        if plain:
            return x
        shape = (self.num_classes, x.shape[-1])
        rows = jax.nn.one_hot(label[0], self.num_classes, dtype=x.dtype)
        scale, bias = (
            (rows @ self.param(name, fill, shape).astype(x.dtype)).reshape(-1, *[1] * (x.ndim - 2), shape[1])
            for name, fill in (('scale', nn.initializers.ones), ('bias', nn.initializers.zeros))
        )
        return x * scale + bias


def halved(x: Array) -> Array:
    """Means over squares of 2x2 pixels: [B, H, W, C] -> [B, H / 2, W / 2, C].

    Raises:
      GaxError: A side is odd.
    """
    batch, height, width, channels = check_even(x)
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def check_even(x: Array) -> tuple[int, ...]:
    """The shape of images [B, H, W, C].

    Raises:
      GaxError: A side is odd.
    """
    height, width = x.shape[1:3]
    if height % 2 or width % 2:
        raise errors.GaxError(f'images of {height}x{width} cannot be halved: both sides must be even')
    return x.shape


def halved_shape(shape: Sequence[int], times: int, field: str = 'g.net.widths') -> tuple[int, int]:
    """Height and width of an image that is halved `times` times.

    Args:
      shape: (H, W, C).
      times: How many times.
      field: The config field that asks for it, for the error.

    Returns:
      (height, width).

    Raises:
      GaxError: A side cannot be halved so often.
    """
    height, width = shape[:2]
    if height % 2**times or width % 2**times:
        raise errors.GaxError(
            f'{field} halves {height}x{width} images {times} times: '
            f'both sides must be multiples of {2**times}; have fewer, or set data.image_size'
        )
    return height // 2**times, width // 2**times


def doubled(x: Array) -> Array:
    """Repeats every pixel in a square of 2x2 (nearest neighbours): [B, H, W, C] -> [B, 2 H, 2 W, C]."""
    batch, height, width, channels = x.shape
    x = jnp.broadcast_to(x[:, :, None, :, None], (batch, height, 2, width, 2, channels))
    return x.reshape(batch, 2 * height, 2 * width, channels)


def leaky_relu(slope: float) -> Callable[[Array], Array]:
    """x -> max(x, slope * x), for 0 <= slope <= 1."""
    return lambda x: jnp.maximum(x, slope * x)


ACTIVATIONS = ('leaky_relu', 'relu', 'tanh', 'silu', 'gelu')
Activation = Annotated[str, one_of(ACTIVATIONS)]
Slope = Annotated[float, Only('activation', 'leaky_relu')]


def activation(name: str, slope: float) -> Callable[[Array], Array]:
    """The activation function 'leaky_relu' (with `slope`), 'relu', 'tanh', 'silu' or 'gelu'.

    Raises:
      GaxError: There is no such activation.
    """
    table = {
        'leaky_relu': leaky_relu(slope),
        'relu': nn.relu,
        'tanh': jnp.tanh,
        'silu': nn.silu,
        'gelu': nn.gelu,
    }
    return errors.lookup('activation', name, table)


class Embed(nn.Module):
    """Class labels int [B] -> rows of a table, float [B, features], as a one-hot product.

    A product rather than a gather: its gradient is a product too, which is fast on every platform and sums in
    a fixed order (a gather's gradient is a scatter).

    Attributes:
      num_classes: The number of rows of the table.
      features: The number of its columns.
      embedding_init: The initializer of the table.
    """

    num_classes: int
    features: int
    embedding_init: Initializer = nn.initializers.normal(1.0)

    @nn.compact
    def __call__(self, label: Array) -> Array:
        table = self.param('embedding', self.embedding_init, (self.num_classes, self.features))
        return jax.nn.one_hot(label, self.num_classes, dtype=table.dtype) @ table


def with_heads(features: Array, logits: Array, heads: Mapping[str, int] | None) -> Any:
    """The output of a discriminator: its logits, or with heads a dict.

    Call it within a compact module: each head is a dense layer of that module.

    Args:
      features: Float [B, F].
      logits: Float [B].
      heads: {name: size} of further outputs; {} for the features alone; None for the logits alone.

    Returns:
      The logits [B], or {'logits': [B], 'features': [B, F], name: [B, size]}.
    """
    if heads is None:
        return logits
    outputs = {name: nn.Dense(size, name=f'head_{name}')(features) for name, size in heads.items()}
    return {'logits': logits, 'features': features, **outputs}
