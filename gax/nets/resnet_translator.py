"""The residual translator of CycleGAN: halvings, residual blocks, doublings.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017, appendix
7.2, after Johnson et al., "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", 2016.

Images of any size from 2^(n + 1) pixels a side, n the number of halvings (a reflection of one pixel takes
two): their sides are padded to multiples of 2^n by reflection, and the result is cropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import flax.linen as nn
import jax.numpy as jnp

from gax.core.bounds import Count, Sizes, one_of
from gax.core.types import Array
from gax.nets.layers import Conv
from gax.nets.norms import Norm, normalised
from gax.nets.sizes import cropped, padded, reflected, refuse_small

TAKES = ('image',)

INIT = nn.initializers.normal(0.02)
Outputs = Literal['image', 'both']


class Translator(nn.Module):
    """images [B, H, W, C'] -> images [B, H, W, C] in [-1, 1].

    c7s1-64, d128, d256, `blocks` residual blocks, u128, u64, c7s1-C in the paper's notation: a 7x7
    convolution; a 3x3 one of stride 2 for each further width; the blocks; the way back; 7x7 and tanh.
    Convolutions that are normalised have no biases: instance norm would subtract them again. (The authors'
    PyTorch code keeps them.) The paper has 6 blocks for 128 pixels and 9 for 256.

    Attributes:
      shape: (H, W, C) of the result; H and W are not read.
      widths: The channels before and after each halving.
      blocks: The number of residual blocks.
      norm: The normalisation, see `normalised`.
      upsampling: 'transposed', a 3x3 transposed convolution of stride 2, as in the paper; 'nearest', a
        doubling and a convolution, which makes no checkerboards (Odena et al., "Deconvolution and
        Checkerboard Artifacts", 2016).
      outputs: 'image'; 'features', for which only the encoder runs: a tuple of the padded input, the features
        after each halving, after the first block and after the middle one, each [B, H', W', C'] (the layers
        of Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation", 2020, appendix C.1);
        'both', the pair of them.
    """

    shape: Sequence[int]
    widths: Sizes = (32, 64, 128)
    blocks: Count = 4
    norm: Norm = 'instance'
    upsampling: Annotated[str, one_of(('transposed', 'nearest'))] = 'transposed'
    outputs: Outputs = 'image'

    @nn.compact
    def __call__(self, image: Array, train: bool) -> Any:
        halvings = len(self.widths) - 1
        refuse_small(image, max(4, 2 ** (halvings + 1)), 'g.net.widths')
        x = padded(image, 2**halvings, 'g.net.widths')
        features = [x]
        x = self.convolved(reflected(x, 3), self.widths[0], train, kernel=7, padding='VALID')
        for width in self.widths[1:]:
            x = self.convolved(x, width, train, stride=2, padding=1)
            features.append(x)
        for i in range(self.blocks):
            y = self.convolved(reflected(x, 1), x.shape[-1], train, padding='VALID')
            x = x + self.convolved(reflected(y, 1), x.shape[-1], train, activated=False, padding='VALID')
            features += [x] * (i in (0, self.blocks // 2))
        up: dict[str, Any] = {'transpose': True, 'stride': 2}
        for width in self.widths[-2::-1]:
            x = self.convolved(
                x, width, train, **(up if self.upsampling == 'transposed' else {'resize': 'up'})
            )
        x = Conv(self.shape[-1], 7, kernel_init=INIT, padding='VALID')(reflected(x, 3))
        result = jnp.tanh(cropped(x, image))
        return (result, tuple(features)) if self.outputs == 'both' else result

    def convolved(
        self, x: Array, width: int, train: bool, activated: bool = True, kernel: int = 3, **fields: Any
    ) -> Array:
        """A convolution, the normalisation and, where `activated`, a ReLU."""
        x = Conv(width, kernel, use_bias=self.norm == 'none', kernel_init=INIT, **fields)(x)
        x = normalised(self.norm, x, train)
        return nn.relu(x) if activated else x
