"""A GAN on a 2-D mixture in plain PyTorch: a model so small that only overhead is measured.

Data: a ring of eight Gaussians, radius 1, standard deviation 0.01, sampled anew at every step.
Generator 2-128-128-2 and discriminator 2-128-128-1 with ReLU. Adam 1e-3, betas 0.5 / 0.999.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch_step import Game, Options, Sampler, Step, example_step

LATENT_DIM = 2
WIDTH = 128
MODES = 8
RADIUS = 1.0
DEVIATION = 0.01
LEARNING_RATE = 1e-3
BETAS = (0.5, 0.999)


def ring_sampler(batch_size: int, device: str) -> Sampler:
    """Draws from the mixture."""
    angle = 2 * math.pi * torch.arange(MODES, device=device) / MODES
    centers = RADIUS * torch.stack([angle.cos(), angle.sin()], dim=1)

    def sample() -> torch.Tensor:
        mode = torch.randint(MODES, (batch_size,), device=device)
        return centers[mode] + DEVIATION * torch.randn(batch_size, 2, device=device)

    return sample


def make_mlp(fan_in: int, fan_out: int) -> nn.Sequential:
    """Two hidden layers of ReLU."""
    return nn.Sequential(
        nn.Linear(fan_in, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, fan_out),
    )


def make_generator() -> nn.Sequential:
    """Latents (N, 2) -> points (N, 2)."""
    return make_mlp(LATENT_DIM, 2)


def make_discriminator() -> nn.Sequential:
    """Points (N, 2) -> logits (N, 1)."""
    return make_mlp(2, 1)


def build(batch_size: int, options: Options) -> Step:
    """The training step; there is no convolution here for ``channels_last`` to change."""
    options = options._replace(channels_last=False)
    d, g = (options.place(net) for net in (make_discriminator(), make_generator()))
    optimizers = {'d': options.adam(d, LEARNING_RATE, BETAS), 'g': options.adam(g, LEARNING_RATE, BETAS)}
    sample = ring_sampler(batch_size, options.device)
    return example_step(Game(g, d, optimizers, sample, batch_size, LATENT_DIM), options)
