"""The networks of FastGAN, for few images and few hours.

Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis", 2021.
Channels are `width` times 16, 8, 4, 2, 2, 1, 1/2, 1/4, 1/8 in G at 4, 8, ..., 1024 pixels, and
times 1/4, 1/2, 1, 2, 4, 8 in D from 256 to 8. Every layer is divided by its largest singular value (PLAYER;
spectral_norm.py), and batch-norm follows it. G makes an image and a smaller one, of half its sides and at
most 128 pixels, and D judges both. Decoders rebuild what D was shown from its features.

The authors' networks are for squares of 256, 512 and 1024 pixels. Here sides are halved while they stay even
and at least 3 (G) or 6 (D); so G begins at 4x4 for any power of two, and at 3x4 for 48x64. Where an image is
halved less often than in theirs, excitation skips fewer levels, and D has the last of its blocks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gax import errors
from gax.core.bounds import Size
from gax.core.types import Array
from gax.nets.equalized import unit
from gax.nets.fastgan_blocks import (
    DownBlock,
    First,
    NoisyBatchNorm,
    SkipExcitation,
    Stem,
    UpBlock,
    channels,
    conv,
    shrunk,
)
from gax.nets.layers import Embed, leaky_relu, with_heads

TAKES = ('image',)
PLAYER = {role: {'spectral_norm': True} for role in ('Generator', 'Discriminator', 'Decoder')}

G_CHANNELS = (16, 8, 4, 2, 2, 1, 0.5, 0.25, 0.125)  # over `width`, from the smallest feature map
D_CHANNELS = (0.25, 0.5, 1, 2, 4, 8)  # over `width`, from the largest
SMALL = 5  # doublings of the smaller image at most: 128 pixels
SOURCES = 4  # the first feature maps of G excite later ones
G_SKIP, D_SKIP = 4, 3  # levels between the two at most


def halvings(shape: Sequence[int], least: int) -> int:
    """How often both sides of an image can be halved while they stay at least `least`.

    Raises:
      GaxError: Not once.
    """
    height, width = shape[:2]
    times = 0
    while not (height % 2 or width % 2) and min(height, width) // 2 >= least:
        height, width, times = height // 2, width // 2, times + 1
    if not times:
        raise errors.GaxError(
            f'fastgan halves images, and {shape[0]}x{shape[1]} cannot be halved to at least {least}: '
            'have even sides, best multiples of a power of 2 (data.image_size)'
        )
    return times


def reduction(shape: Sequence[int]) -> int:
    """How often the image is halved to the smaller one that G makes as well."""
    times = halvings(shape, 3)
    return times - min(times - 1, SMALL)


class Generator(nn.Module):
    """latents [B, Z] (and labels int [B]) -> images [B, H, W, C] in [-1, 1].

    A block for each doubling: nearest doubling, 3x3 to 2 C channels, batch-norm, GLU. Every other block, the
    first among them, has a second 3x3, and noise before both batch-norms. The latents are divided by their
    root mean square (Karras et al., "Progressive Growing of GANs", 2018); so is the embedding of a label,
    which is concatenated to them. The authors' code has tanh at 1024 pixels only.

    Attributes:
      shape: (H, W, C).
      width: ngf; 64 in the paper.
      num_classes: The number of classes; 0 for no labels.
      outputs: 'both' for (images, smaller images), '' for the images alone.
    """

    shape: Sequence[int]
    width: Size = 64
    num_classes: int = 0
    outputs: str = ''

    @nn.compact
    def __call__(self, z: Array, *label: Array, train: bool) -> Any:
        times = halvings(self.shape, 3)
        z = unit(z)
        if self.num_classes:
            z = jnp.concatenate([z, unit(Embed(self.num_classes, z.shape[-1])(*label))], axis=-1)
        sizes = [channels(self.width, relative) for relative in (*G_CHANNELS, *G_CHANNELS[-1:] * times)]
        maps = [First(sizes[0], self.shape[0] // 2**times, self.shape[1] // 2**times)(z, train)]
        skip = max(1, min(G_SKIP, times - 1))
        for level in range(1, times + 1):
            x = UpBlock(sizes[level], thorough=level % 2 == 1)(maps[-1], train)
            source = level - skip
            maps.append(SkipExcitation()(maps[source], x) if 0 <= source < SOURCES else x)
        image = jnp.tanh(conv(self.shape[-1], 3, name='to_image')(maps[-1]))
        small = jnp.tanh(conv(self.shape[-1], 1, name='to_small')(maps[times - reduction(self.shape)]))
        return (image, small) if self.outputs == 'both' else image


class Discriminator(nn.Module):
    """images [B, H, W, C], or a pair of them and smaller ones (and labels int [B]) -> two maps of logits
    [B, h, w].

    Where it is given no smaller images, it makes them by means over squares. The stem halves images of more
    than 256 pixels; blocks halve down to about 8x8; a 4x4 convolution makes the logits. A second, plain
    branch judges the smaller image. With classes the inner product of the label's embedding and a branch's
    mean features is added to all its logits (Miyato and Koyama, "cGANs with Projection Discriminator", 2018;
    the paper has no classes). Batch-norm lets examples interact: a gradient penalty is then not an
    example's own.

    Attributes:
      width: ndf; 64 in the paper.
      num_classes: The number of classes; 0 for no labels.
      heads: See `layers.with_heads`, with the means over pixels of the last feature map as features.
      outputs: 'both' for a dict of 'logits', 'features', 'maps' (the last of each branch, and the one before
        the first branch's last) and 'image', as it was given.
    """

    width: Size = 64
    num_classes: int = 0
    heads: Mapping[str, int] | None = None
    outputs: str = ''

    @nn.compact
    def __call__(self, x: Any, *label: Array, train: bool) -> Any:
        image, small = x if isinstance(x, tuple) else (x, shrunk(x, reduction(x.shape[1:])))
        times = halvings(image.shape[1:], 6 if min(image.shape[1:3]) >= 12 else 3)
        blocks = min(times, len(D_CHANNELS) - 1)
        sizes = [channels(self.width, relative) for relative in D_CHANNELS[-1 - blocks :]]
        maps = [Stem(sizes[0], times - blocks)(image, train)]
        skip = max(1, min(D_SKIP, blocks - 1))
        for level in range(1, blocks + 1):
            y = DownBlock(sizes[level])(maps[-1], train)
            maps.append(SkipExcitation()(maps[level - skip], y) if level >= skip else y)
        y = small
        for level in range(max(1, blocks - 1)):
            y = conv(sizes[level + (blocks > 1)], 4, stride=2, padding=1)(y)
            y = leaky_relu(0.2)(NoisyBatchNorm()(y, train) if level else y)
        last = leaky_relu(0.2)(NoisyBatchNorm()(conv(2 * sizes[-1], 1)(maps[-1]), train))
        logits: Any = tuple(self.score(branch, *label) for branch in (last, y))
        features = jnp.mean(maps[-1], axis=(1, 2))
        if self.outputs == 'both':
            others = {'features': features, 'maps': (maps[-1], y, maps[-2]), 'image': image}
            return {'logits': logits, **others}
        return with_heads(features, logits, self.heads)

    def score(self, x: Array, *label: Array) -> Array:
        """Logits [B, h, w] of a feature map: a 4x4 convolution, and the label's share."""
        logits = conv(1, min(4, *x.shape[1:3]), padding='VALID')(x)[..., 0]
        if self.num_classes:
            row = Embed(self.num_classes, x.shape[-1])(*label)
            logits += jnp.sum(row * jnp.mean(x, axis=(1, 2)), axis=-1)[:, None, None]
        return logits


class Decoder(nn.Module):
    """Three feature maps of D -> three images [B, h, w, C] in [-1, 1] of the size of the smaller image.

    Each goes through blocks as G's plain ones, with `width` times 4, 2, 2, 1 channels, and a 3x3 convolution.

    Attributes:
      shape: (H, W, C) of the image.
      width: The channels at the end; 32 in the paper's code.
    """

    shape: Sequence[int]
    width: Size = 32

    @nn.compact
    def __call__(self, *maps: Array, train: bool) -> tuple[Array, ...]:
        side = self.shape[0] // 2 ** reduction(self.shape)
        images = []
        for x in maps:
            for level in range(round(math.log2(side / x.shape[1]))):
                x = UpBlock(channels(self.width, (4, 2, 2, 1)[min(level, 3)]))(x, train)
            images.append(jnp.tanh(conv(self.shape[-1], 3)(x)))
        return tuple(images)
