"""The ``dcgan_mnist`` config in plain PyTorch: what the convolutions of gax are measured against.

Generator: dense 100 -> 7*7*256 and 5x5 transposed convolutions 128, 64, 1, all without bias, each
followed by batch-norm and LeakyReLU 0.3 but the last (tanh). Discriminator: 5x5 convolutions 64
and 128 of stride 2, LeakyReLU 0.3, dropout 0.3, dense 1. Adam 1e-4, betas 0.9 / 0.999, for both.
The networks take other sizes, for the files beside this one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch_step import Game, Options, Step, example_step, image_sampler

LATENT_DIM = 100
IMAGE_SHAPE = (1, 28, 28)
BETAS = (0.9, 0.999)
LEARNING_RATE = 1e-4
SLOPE = 0.3
DROPOUT = 0.3


class Fold(nn.Module):
    """(N, H*W*C) -> (N, C, H, W) in the memory order of the convolutions: never a copy."""

    def __init__(self, shape: tuple[int, int, int], channels_last: bool) -> None:
        super().__init__()
        self.shape, self.channels_last = shape, channels_last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        channels, height, width = self.shape
        if self.channels_last:
            return x.view(-1, height, width, channels).permute(0, 3, 1, 2)
        return x.view(-1, channels, height, width)


def make_generator(
    channels_last: bool = False,
    latent_dim: int = LATENT_DIM,
    shape: tuple[int, int, int] = IMAGE_SHAPE,
    widths: Sequence[int] = (256, 128, 64),
    strides: Sequence[int] = (1, 2, 2),
    kernel: int = 5,
    slope: float = SLOPE,
    momentum: float = 0.01,  # 0.99 where the running mean is what decays
) -> nn.Sequential:
    """Latents (N, latent_dim) -> images (N, *shape)."""
    factor, padding = math.prod(strides), (kernel - 1) // 2
    small = (widths[0], shape[1] // factor, shape[2] // factor)

    def grow(fan_in: int, width: int, stride: int) -> nn.Module:
        rest = stride - kernel + 2 * padding
        return nn.ConvTranspose2d(
            fan_in, width, kernel, stride, padding=padding, output_padding=rest, bias=False
        )

    layers: list[nn.Module] = [
        nn.Linear(latent_dim, math.prod(small), bias=False),
        nn.BatchNorm1d(math.prod(small), eps=1e-3, momentum=momentum),
        nn.LeakyReLU(slope, inplace=True),
        Fold(small, channels_last),
    ]
    for fan_in, width, stride in zip(widths, widths[1:], strides, strict=False):
        norm = nn.BatchNorm2d(width, eps=1e-3, momentum=momentum)
        layers += [grow(fan_in, width, stride), norm, nn.LeakyReLU(slope, inplace=True)]
    return nn.Sequential(*layers, grow(widths[-1], shape[0], strides[-1]), nn.Tanh())


def make_discriminator(
    shape: tuple[int, int, int] = IMAGE_SHAPE,
    widths: Sequence[int] = (64, 128),
    kernel: int = 5,
    slope: float = SLOPE,
    dropout: float = DROPOUT,
) -> nn.Sequential:
    """Images (N, *shape) -> logits (N, 1)."""
    layers: list[nn.Module] = []
    for fan_in, width in zip((shape[0], *widths), widths, strict=False):
        layers.append(nn.Conv2d(fan_in, width, kernel, stride=2, padding=(kernel - 1) // 2))
        layers.append(nn.LeakyReLU(slope, inplace=True))
        layers += [nn.Dropout(dropout)] if dropout else []
    pixels = shape[1] * shape[2] // 4 ** len(widths)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(pixels * widths[-1], 1))


def build(batch_size: int, options: Options) -> Step:
    """The training step: one update of each player on images held in memory."""
    d, g = (options.place(net) for net in (make_discriminator(), make_generator(options.channels_last)))
    optimizers = {'d': options.adam(d, LEARNING_RATE, BETAS), 'g': options.adam(g, LEARNING_RATE, BETAS)}
    sample = image_sampler(batch_size, IMAGE_SHAPE, options)
    return example_step(Game(g, d, optimizers, sample, batch_size, LATENT_DIM), options)
