"""DCGAN of Radford et al., 2016, at 64x64 in colour, in plain PyTorch: `dcgan64` of ../models.py.

Kernels 4x4 of stride 2: G dense -> 4x4x512, transposed convolutions 256, 128, 64, 3; D convolutions 64, 128,
256, 512, dense 1, without batch-norm. LeakyReLU 0.2, Adam 2e-4, betas 0.5 / 0.999.
"""

from __future__ import annotations

import torch_dcgan
from torch import nn
from torch_step import Game, Options, Step, example_step, image_sampler

LATENT_DIM = 100
IMAGE_SHAPE = (3, 64, 64)
WIDTHS = (512, 256, 128, 64)
BETAS = (0.5, 0.999)
LEARNING_RATE = 2e-4


def make_generator(channels_last: bool = False) -> nn.Sequential:
    """Latents (N, 100) -> images (N, 3, 64, 64)."""
    sizes = (LATENT_DIM, IMAGE_SHAPE, WIDTHS, (2,) * 4, 4)
    return torch_dcgan.make_generator(channels_last, *sizes, slope=0.2, momentum=0.1)


def make_discriminator() -> nn.Sequential:
    """Images (N, 3, 64, 64) -> logits (N, 1)."""
    return torch_dcgan.make_discriminator(IMAGE_SHAPE, WIDTHS[::-1], kernel=4, slope=0.2, dropout=0.0)


def build(batch_size: int, options: Options) -> Step:
    d, g = (options.place(net) for net in (make_discriminator(), make_generator(options.channels_last)))
    optimizers = {'d': options.adam(d, LEARNING_RATE, BETAS), 'g': options.adam(g, LEARNING_RATE, BETAS)}
    sample = image_sampler(batch_size, IMAGE_SHAPE, options)
    return example_step(Game(g, d, optimizers, sample, batch_size, LATENT_DIM), options)
