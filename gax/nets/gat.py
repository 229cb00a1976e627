"""The transformers of GAT, a GAN on patches of pixels or of latents.

Hyun et al., "Scalable GANs with Transformers", 2026 (arXiv 2509.24935). The sizes of the paper, with patches
of 2: S 384 channels, 12 blocks, 6 heads; B 768, 12, 12; L 1024, 24, 16; XL 1152, 28, 16. Their images are the
latents [32, 32, 4] of an autoencoder; here they are whatever the data bring, also latents of your own. Sides
must be multiples of `patch`. G begins from fixed positions alone, each of its blocks is scaled by w, and it
makes an image at each of `levels` depths. D reads all of them, one upon another (see gans/gat.py).

Left out: the alignment of D's tokens with DINOv2, which needs its weights and can be turned off in theirs.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax import errors
from gax.core.bounds import Fraction, Size
from gax.core.types import Array
from gax.nets.gat_blocks import GAIN, NORMAL, Block, Mapping, StyledBlock, norm
from gax.nets.layers import Embed, with_heads
from gax.nets.transformer import SlowDense, glorot, grid, image_of, patches, positions

TAKES = ('image',)


class Synthesis(nn.Module):
    """w for each block [B, depth, width] -> images [B, H, W, C], not bounded.

    After every depth / levels blocks a dense layer of the tokens, scaled by the w of the last block, makes an
    image; the images of the levels are the sums of the first 1, 2, ... of these.

    Attributes:
      shape: (H, W, C).
      patch: See `Generator`.
      width: See `Generator`.
      depth: See `Generator`.
      attention_heads: See `Generator`.
      levels: See `Generator`.
      outputs: See `Generator`.
    """

    shape: Sequence[int]
    patch: int
    width: int
    depth: int
    attention_heads: int
    levels: int
    outputs: str = ''

    @nn.compact
    def __call__(self, ws: Array, train: bool) -> Array:
        rows, columns = grid(self.shape, self.patch)
        x = jnp.asarray(positions(rows, columns, self.width), ws.dtype)[None]
        x = jnp.broadcast_to(x, (len(ws), *x.shape[1:]))
        images = []
        for i in range(self.depth):
            w = ws[:, i]
            x = StyledBlock(self.attention_heads, rows, columns)(x, w)
            if (i + 1) * self.levels // self.depth > i * self.levels // self.depth:
                scale = nn.Dense(self.width, kernel_init=glorot(GAIN))(nn.silu(w))[:, None]
                tokens = nn.Dense(self.patch**2 * self.shape[-1], kernel_init=glorot())(norm(x) * (1 + scale))
                images.append(image_of(tokens, self.shape, self.patch))
        sums = list(accumulate(images, jnp.add))
        return jnp.concatenate(sums, axis=-1) if self.outputs == 'both' else sums[-1]


class Generator(nn.Module):
    """latents [B, Z] (and labels int [B]) -> images [B, H, W, C]: `Mapping`, then `Synthesis`.

    Attributes:
      shape: (H, W, C).
      patch: The side of a patch in pixels.
      width: The channels of a token, and the size of w.
      depth: The number of blocks.
      attention_heads: The number of heads.
      levels: The number of images, at most `depth`.
      w_decay: The decay of the running mean of w.
      num_classes: The number of classes; 0 for no labels.
      outputs: 'both' for the images of all levels [B, H, W, levels C], the last one last; '' for that alone.
    """

    shape: Sequence[int]
    patch: Size = 2
    width: Size = 384
    depth: Size = 12
    attention_heads: Size = 6
    levels: Size = 4
    w_decay: Fraction = 0.995
    num_classes: int = 0
    outputs: str = ''

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Array:
        mapping, synthesis = self.parts()
        return synthesis(mapping(z, *label, train=train), train=train)

    @nn.nowrap
    def parts(self) -> tuple[Mapping, Synthesis]:
        """The two networks, which a recipe may have as nets of their own.

        Raises:
          GaxError: There are fewer blocks than levels.
        """
        if self.levels > self.depth:
            raise errors.GaxError(
                f'g.net.levels={self.levels} images need as many blocks, and g.net.depth={self.depth}'
            )
        return Mapping(self.depth, self.width, self.w_decay, self.num_classes), Synthesis(
            self.shape, self.patch, self.width, self.depth, self.attention_heads, self.levels, self.outputs
        )


class Discriminator(nn.Module):
    """images [B, H, W, C] (and labels int [B]) -> logits [B].

    The logit is the inner product of a dense layer of an added token and two slow dense layers of the label's
    embedding. Without labels there is one class.

    Attributes:
      patch: The side of a patch in pixels.
      width: The channels of a token.
      depth: The number of blocks.
      attention_heads: The number of heads.
      embedding: The size of the label's embedding and of the product's factors.
      num_classes: The number of classes; 0 for no labels.
      heads: See `layers.with_heads`, with the added token as features.
    """

    patch: Size = 2
    width: Size = 384
    depth: Size = 12
    attention_heads: Size = 6
    embedding: Size = 2048
    num_classes: int = 0
    heads: Table[str, int] | None = None

    @nn.compact
    def __call__(self, x: Array, *label: Array, train: bool) -> Any:
        rows, columns = grid(x.shape[1:], self.patch)
        x = nn.Dense(self.width, kernel_init=glorot())(patches(x, self.patch))
        x = x + jnp.asarray(positions(rows, columns, self.width), x.dtype)[None]
        token = self.param('token', NORMAL, (1, 1, self.width)).astype(x.dtype)
        x = jnp.concatenate([jnp.broadcast_to(token, (len(x), 1, self.width)), x], axis=1)
        for _ in range(self.depth):
            x = Block(self.attention_heads, rows, columns)(x)
        features = nn.RMSNorm(epsilon=1e-6)(x[:, 0])
        index = label[0] if label else jnp.zeros(len(x), int)
        row = Embed(max(1, self.num_classes), self.embedding, NORMAL)(index)
        row = SlowDense(self.embedding)(nn.silu(SlowDense(self.embedding)(row)))
        factors = nn.Dense(self.embedding, kernel_init=glorot())(features)
        return with_heads(features, jnp.sum(factors * row.astype(factors.dtype), axis=-1), self.heads)
