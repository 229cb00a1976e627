"""The ``dcgan_mnist`` config in plain PyTorch: what the convolutions of gax are measured against.

Generator: dense 100 -> 7*7*256 and 5x5 transposed convolutions 128, 64, 1, all without bias, each
followed by batch-norm and LeakyReLU 0.3 but the last (tanh). Discriminator: 5x5 convolutions 64
and 128 of stride 2, LeakyReLU 0.3, dropout 0.3, dense 1. Adam 1e-4, betas 0.9 / 0.999, for both.
"""

from __future__ import annotations

import torch
from torch import nn
from torch_step import Step, image_sampler, make_step

LATENT_DIM = 100
IMAGE_SHAPE = (1, 28, 28)
BETAS = (0.9, 0.999)
LEARNING_RATE = {'d': 1e-4, 'g': 1e-4}
SLOPE = 0.3
DROPOUT = 0.3
NORM = {'eps': 1e-3, 'momentum': 0.01}  # momentum 0.99 where the running mean is what decays


class Fold(nn.Module):
    """(N, 7*7*256) -> (N, 256, 7, 7) in the memory order of the convolutions: never a copy."""

    def __init__(self, channels_last: bool) -> None:
        super().__init__()
        self.channels_last = channels_last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.channels_last:
            return x.view(-1, 7, 7, 256).permute(0, 3, 1, 2)
        return x.view(-1, 256, 7, 7)


def make_generator(channels_last: bool = False) -> nn.Sequential:
    """Latents (N, 100) -> images (N, 1, 28, 28); sizes 7, 7, 14, 28."""
    return nn.Sequential(
        nn.Linear(LATENT_DIM, 7 * 7 * 256, bias=False),
        nn.BatchNorm1d(7 * 7 * 256, **NORM),
        nn.LeakyReLU(SLOPE, inplace=True),
        Fold(channels_last),
        nn.ConvTranspose2d(256, 128, 5, stride=1, padding=2, bias=False),
        nn.BatchNorm2d(128, **NORM),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.ConvTranspose2d(128, 64, 5, stride=2, padding=2, output_padding=1, bias=False),
        nn.BatchNorm2d(64, **NORM),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.ConvTranspose2d(64, IMAGE_SHAPE[0], 5, stride=2, padding=2, output_padding=1, bias=False),
        nn.Tanh(),
    )


def make_discriminator() -> nn.Sequential:
    """Images (N, 1, 28, 28) -> logits (N, 1)."""
    return nn.Sequential(
        nn.Conv2d(IMAGE_SHAPE[0], 64, 5, stride=2, padding=2),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.Dropout(DROPOUT),
        nn.Conv2d(64, 128, 5, stride=2, padding=2),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.Dropout(DROPOUT),
        nn.Flatten(),
        nn.Linear(7 * 7 * 128, 1),
    )


def build(batch_size: int, compiled: bool, channels_last: bool, tuned: bool = False) -> Step:
    """The training step: one update of each player on images held in memory."""
    nets: dict[str, nn.Module] = {
        'd': make_discriminator(),
        'g': make_generator(channels_last),
    }
    if channels_last:
        nets = {name: net.to(memory_format=torch.channels_last) for name, net in nets.items()}
    optimizers: dict[str, torch.optim.Optimizer] = {
        name: torch.optim.Adam(net.parameters(), lr=LEARNING_RATE[name], betas=BETAS, fused=tuned or None)
        for name, net in nets.items()
    }
    return make_step(
        nets['g'],
        nets['d'],
        optimizers,
        image_sampler(batch_size, IMAGE_SHAPE, channels_last),
        batch_size=batch_size,
        latent_dim=LATENT_DIM,
        compiled=compiled,
        tuned=tuned,
    )
