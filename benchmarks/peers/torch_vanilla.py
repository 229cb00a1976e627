"""The ``vanilla_mnist`` config in plain PyTorch: a model bound by matrix products.

Generator: dense 128-256-512-1024-784, LeakyReLU 0.01, batch-norm after every hidden layer but the
first, tanh. Discriminator: dense 1024-512-256-1, LeakyReLU 0.01, dropout 0.3. RMSprop.
"""

from __future__ import annotations

import torch
from torch import nn
from torch_step import Game, Options, Step, example_step, image_sampler

LATENT_DIM = 100
PIXELS = 28 * 28
LEARNING_RATE = {'d': 4e-4, 'g': 2e-4}
DECAY = 0.9
SLOPE = 0.01
DROPOUT = 0.3
NORM = {'eps': 1e-5, 'momentum': 0.2}  # momentum 0.8 where the running mean is what decays


def make_generator() -> nn.Sequential:
    """Latents (N, 100) -> flat images (N, 784)."""
    layers: list[nn.Module] = [nn.Linear(LATENT_DIM, 128), nn.LeakyReLU(SLOPE)]
    for fan_in, width in ((128, 256), (256, 512), (512, 1024)):
        layers += [nn.Linear(fan_in, width), nn.BatchNorm1d(width, **NORM), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers, nn.Linear(1024, PIXELS), nn.Tanh())


def make_discriminator() -> nn.Sequential:
    """Flat images (N, 784) -> logits (N, 1)."""
    layers: list[nn.Module] = []
    for fan_in, width in ((PIXELS, 1024), (1024, 512), (512, 256)):
        layers += [nn.Linear(fan_in, width), nn.LeakyReLU(SLOPE), nn.Dropout(DROPOUT)]
    return nn.Sequential(*layers, nn.Linear(256, 1))


def build(batch_size: int, options: Options) -> Step:
    """The training step; there is no convolution here for ``channels_last`` to change."""
    options = options._replace(channels_last=False)
    nets = {'d': options.place(make_discriminator()), 'g': options.place(make_generator())}
    optimizers: dict[str, torch.optim.Optimizer] = {
        name: torch.optim.RMSprop(net.parameters(), lr=LEARNING_RATE[name], alpha=DECAY)
        for name, net in nets.items()
    }
    sample = image_sampler(batch_size, (PIXELS,), options)
    return example_step(Game(nets['g'], nets['d'], optimizers, sample, batch_size, LATENT_DIM), options)
