"""PatchGAN: a discriminator that judges patches. Its logits are a map, each of one receptive field.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017, sections 3.2.2 and
6.1.2. A condition is joined with the image as further channels by the recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Bound, Fraction, Size
from gax.core.types import Array
from gax.nets.layers import Conv, leaky_relu, with_heads
from gax.nets.norms import Norm, normalised
from gax.nets.sizes import refuse_small

TAKES = ('image',)

HALVINGS = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}  # receptive field -> convolutions of stride 2
INIT = nn.initializers.normal(0.02)
Field = Annotated[int, Bound('1, 16, 34, 70, 142 or 286', lambda x: x in HALVINGS)]


class Discriminator(nn.Module):
    """images [B, H, W, C] -> logits [B, H', W'].

    n 4x4 convolutions of stride 2, two more of stride 1, with a pixel of zeros on each side: a side becomes
    side / 2^n, rounded down, less 2. A receptive field of 70 pixels is n = 3, of 34 is n = 2, of 16 is n = 1,
    of 286 is n = 5. That of a single pixel is three 1x1 convolutions. Channels double up to eight times
    `width`. No normalisation at the first and the last convolution; normalised ones have no biases.

    Attributes:
      receptive_field: The side of the patch that a logit depends on: 1, 16, 34, 70, 142 or 286 pixels.
      width: The channels of the first convolution.
      norm: The normalisation, see `normalised`.
      slope: The slope of the leaky ReLU.
      heads: See `layers.with_heads`; the features are means over the map before the logits.
    """

    receptive_field: Field = 70
    width: Size = 64
    norm: Norm = 'instance'
    slope: Fraction = 0.2
    heads: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, image: Array, train: bool) -> Any:
        halvings, act = HALVINGS[self.receptive_field], leaky_relu(self.slope)
        kernel, padding = (4, 1) if halvings else (1, 0)
        refuse_small(image, 3 * 2**halvings if halvings else 1, 'd.net.receptive_field')

        def conv(width: int, stride: int = 1, bias: bool = True) -> Conv:
            return Conv(width, kernel, stride, bias, INIT, padding=padding)

        x = act(conv(self.width, 2 if halvings else 1)(image))
        for i in range(1, max(2, halvings + 1)):
            stride = 2 if i < halvings else 1
            x = conv(self.width * min(2**i, 8), stride, self.norm == 'none')(x)
            x = act(normalised(self.norm, x, train))
        logits = conv(1)(x)[..., 0]
        return with_heads(jnp.mean(x, axis=(1, 2)), logits, self.heads)
