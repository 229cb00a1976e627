"""The discriminator of SRGAN and ESRGAN: pairs of convolutions, each of which ends in a halving, as in VGG.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", 2017,
figure 4; the kernels of 4 at the halvings and the dense layer of 100 are ESRGAN's. For 128 pixels the papers
have widths (64, 128, 256, 512, 512) and batch-norm, which is off here by default: reals and fakes are scored
in batches of their own, and small batches make it noisy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from gax.core.bounds import Size, Sizes
from gax.core.types import Array
from gax.nets.layers import Conv, batch_norm, halved_shape, leaky_relu, with_heads

TAKES = ('image',)

SLOPE = 0.2


class Discriminator(nn.Module):
    """images [B, H, W, C] -> logits [B].

    For each width a 3x3 convolution and a 4x4 one of stride 2; then two dense layers.

    Attributes:
      widths: The channels at each size, the image's first.
      dense: The size of the dense layer before the logit.
      batch_norm: Whether all convolutions but the first have batch-norm, and then no bias.
      heads: See `layers.with_heads`; the features are the last map, flattened, [B, H' W' C'].

    Raises:
      GaxError: The sides cannot be halved so often.
    """

    widths: Sizes = (64, 128, 256, 512)
    dense: Size = 100
    batch_norm: bool = False
    heads: Mapping[str, int] | None = None

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Any:
        halved_shape(x.shape[1:], len(self.widths), 'd.net.widths')
        act = leaky_relu(SLOPE)
        for i, width in enumerate(self.widths):
            for kernel, stride in ((3, 1), (4, 2)):
                normed = self.batch_norm and (i, stride) != (0, 1)
                x = Conv(width, kernel, stride, use_bias=not normed)(x)
                x = act(batch_norm(train, momentum=0.9, epsilon=1e-5)(x) if normed else x)
        features = x.reshape(x.shape[0], -1)
        return with_heads(features, nn.Dense(1)(act(nn.Dense(self.dense)(features)))[:, 0], self.heads)
