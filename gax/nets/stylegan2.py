"""The networks of StyleGAN2.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, configuration F, and conditional
as in "Training Generative Adversarial Networks with Limited Data", 2020. At a resolution r the networks have
min(channel_base / r, channel_max) channels. The paper's are channel_base=32768 (16384 in most settings of the
2020 code up to 256 pixels), channel_max=512, eight mapping layers, G `skip`, D `resnet`.

Resolutions begin at 4, or where a side can no longer be halved: 28x28 images begin at 7x7 and 48x64 images at
6x8, with the channels of 4x4.
"""

from __future__ import annotations

from collections.abc import Mapping as Heads
from collections.abc import Sequence
from typing import Annotated, Any

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Count, Fraction, Size, one_of
from gax.core.types import Array
from gax.nets import fir
from gax.nets.equalized import Conv, Dense, leaky_relu
from gax.nets.layers import with_heads
from gax.nets.minibatch import MinibatchStd
from gax.nets.style import (
    AveragedMapping,
    Mapping,
    StyledColors,
    StyledConv,
    doublings,
    noise_of,
    widths,
)

TAKES = ('image',)

HALF = 0.5**0.5  # the gain of both summands of a residual block
ARCHITECTURES = ('skip', 'resnet', 'orig')
LABEL_LAYERS = 8  # of the discriminator's mapping of labels, whatever the generator's


def dtype_of(i: int, count: int, stages: int, usual: Any) -> Any:
    """bfloat16 for the `stages` largest of the sizes 0 to `count`, but for the smallest; else `usual`."""
    return jnp.bfloat16 if i > max(0, count - stages) else usual


class Synthesis(nn.Module):
    """w for each layer [B, count, W] -> images [B, H, W, C], not bounded.

    From a learned constant; one styled 3x3 at the smallest size, two at each further one. There are
    `count_of(shape)` styles; the layer that makes colours shares its w with the next size's first layer.

    Attributes:
      shape: (H, W, C).
      channel_base: See the file.
      channel_max: See the file.
      architecture: 'skip' sums colours of all sizes; 'resnet' has residual blocks and 'orig' plain ones, both
        with colours of the last size.
      bfloat16_stages: How many of the largest sizes compute in bfloat16; sums of colours are float32.
    """

    shape: Sequence[int]
    channel_base: int
    channel_max: int
    architecture: str
    bfloat16_stages: int

    @nn.compact
    def __call__(self, ws: Array, train: bool) -> Array:
        count = doublings(self.shape)
        sizes, layer = widths(count, self.channel_base, self.channel_max), 0
        image: Array = jnp.zeros((), jnp.float32)
        size = (self.shape[0] >> count, self.shape[1] >> count, sizes[0])
        x = jnp.broadcast_to(self.param('constant', nn.initializers.normal(1.0), size), (len(ws), *size))
        for i, features in enumerate(sizes):
            x = x.astype(dtype_of(i, count, self.bfloat16_stages, ws.dtype))
            noise, shortcut = noise_of(self, len(ws), self.shape, count - i), None
            if i:
                if self.architecture == 'resnet':
                    shortcut = Conv(features, 1, gain=HALF, use_bias=False, convolve=fir.convolved_up)(x)
                x = StyledConv(features, convolve=fir.convolved_up)(x, ws[:, layer], noise[..., :1])
                layer += 1
            gain = 1.0 if shortcut is None else HALF
            x = StyledConv(features, gain)(x, ws[:, layer], noise[..., 1:])
            x = x if shortcut is None else x + shortcut
            layer += 1
            if self.architecture == 'skip' or i == count:
                colors = StyledColors(self.shape[-1])(x, ws[:, layer]).astype(jnp.float32)
                image = fir.smooth_doubled(image) + colors if image.ndim else colors
        return image


def count_of(shape: Sequence[int]) -> int:
    """The number of styles of a synthesis network: 2 log2(r) - 2 for r = 4 * 2^n pixels."""
    return 2 * doublings(shape) + 2


class Generator(nn.Module):
    """latents [B, Z] (and labels int [B]) -> images [B, H, W, C]: `AveragedMapping`, then `Synthesis`.

    Attributes:
      shape: (H, W, C).
      channel_base: See the file.
      channel_max: See the file.
      architecture: See `Synthesis`.
      w_dim: The size of w.
      mapping_layers: The dense layers of the mapping network.
      mapping_multiplier: Their learning rate relative to the other layers'.
      w_decay: The decay of the average of w.
      bfloat16_stages: See `Synthesis`.
      num_classes: The number of classes; 0 for no labels.
    """

    shape: Sequence[int]
    channel_base: Size = 32768
    channel_max: Size = 512
    architecture: Annotated[str, one_of(ARCHITECTURES)] = 'skip'
    w_dim: Size = 512
    mapping_layers: Size = 8
    mapping_multiplier: float = 0.01
    w_decay: Fraction = 0.995
    bfloat16_stages: Count = 0
    num_classes: int = 0

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Array:
        mapping, synthesis = self.parts()
        return synthesis(mapping(z, *label, train=train), train=train)

    @nn.nowrap
    def parts(self) -> tuple[AveragedMapping, Synthesis]:
        """The two networks, which a recipe may have as nets of their own."""
        mapping = AveragedMapping(
            count_of(self.shape),
            self.w_dim,
            self.mapping_layers,
            self.mapping_multiplier,
            self.w_decay,
            self.num_classes,
        )
        return mapping, Synthesis(
            self.shape, self.channel_base, self.channel_max, self.architecture, self.bfloat16_stages
        )


class Discriminator(nn.Module):
    """images [B, H, W, C] (and labels int [B]) -> logits [B].

    Two 3x3 at each size, the second of which halves it smoothly; at the smallest the deviation of a group of
    examples as a channel, a 3x3 and two dense layers. With labels the last layer has as many outputs as
    channels, and the logit is their inner product with a mapping of the label, over the root of their number.

    Attributes:
      channel_base: See the file.
      channel_max: See the file.
      architecture: 'resnet' has residual blocks, 'skip' reads the image at each size, 'orig' does neither.
      group: The examples whose deviation is a channel, see `MinibatchStd`; 0 for none.
      bfloat16_stages: As in `Synthesis`.
      num_classes: The number of classes; 0 for no labels.
      heads: See `layers.with_heads`, with the last hidden layer as features.
    """

    channel_base: Size = 32768
    channel_max: Size = 512
    architecture: Annotated[str, one_of(ARCHITECTURES)] = 'resnet'
    group: Count = 4
    bfloat16_stages: Count = 0
    num_classes: int = 0
    heads: Heads[str, int] | None = None

    @nn.compact
    def __call__(self, image: Array, *label: Array, train: bool) -> Any:
        count = doublings(image.shape[1:])
        sizes, x = widths(count, self.channel_base, self.channel_max)[::-1], jnp.zeros((), image.dtype)
        for i, features in enumerate(sizes):
            x = x.astype(dtype := dtype_of(count - i, count, self.bfloat16_stages, image.dtype))
            if not i or self.architecture == 'skip':
                colors = leaky_relu(Conv(features, 1)(image.astype(dtype)))
                x = x + colors if i else colors
            if i < count:
                x = self.block(x, features, sizes[i + 1])
                image = fir.smooth_halved(image) if self.architecture == 'skip' else image
        x = MinibatchStd(self.group)(x) if self.group else x
        x = leaky_relu(Conv(sizes[-1], 3)(x))
        x = leaky_relu(Dense(sizes[-1])(x.reshape(len(x), -1)))
        logits = Dense(sizes[-1] if self.num_classes else 1)(x)
        if self.num_classes:
            mapped = Mapping(sizes[-1], LABEL_LAYERS, num_classes=self.num_classes)(None, *label)
            logits = logits * mapped.astype(logits.dtype) * sizes[-1] ** -0.5
        return with_heads(x, jnp.sum(logits, axis=-1), self.heads)

    @nn.nowrap
    def block(self, x: Array, features: int, following: int) -> Array:
        """A block of [B, H, W, features] -> [B, H / 2, W / 2, following]."""
        y = leaky_relu(Conv(features, 3)(x))
        residual = self.architecture == 'resnet'
        y = leaky_relu(Conv(following, 3, convolve=fir.convolved_down)(y), HALF if residual else 1.0)
        if residual:
            y = y + Conv(following, 1, gain=HALF, use_bias=False, convolve=fir.convolved_down)(x)
        return y
