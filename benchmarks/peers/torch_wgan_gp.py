"""The ``wgan_gp_mnist`` config in plain PyTorch: five moves of D with a gradient penalty, one of G.

Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, algorithm 1: lambda 10, Adam 1e-4, betas 0 /
0.9. G: dense 64 -> 7*7*64, 4x4 transposed convolutions 32, 1; D: 4x4 convolutions 32, 64, dense 1; LeakyReLU
0.2.
"""

from __future__ import annotations

from typing import Any

import torch
import torch_dcgan
from torch import Tensor, nn
from torch_step import Game, Options, Scorer, Step, critic_step, image_sampler, input_gradient

LATENT_DIM = 64
IMAGE_SHAPE = (1, 28, 28)
BETAS = (0.0, 0.9)
LEARNING_RATE = 1e-4
WEIGHT = 10.0
UPDATES = 5


def make_generator(channels_last: bool = False) -> nn.Sequential:
    """Latents (N, 64) -> images (N, 1, 28, 28)."""
    sizes = (LATENT_DIM, IMAGE_SHAPE, (64, 32), (2, 2), 4)
    return torch_dcgan.make_generator(channels_last, *sizes, slope=0.2, momentum=0.1)


def make_discriminator() -> nn.Sequential:
    """Images (N, 1, 28, 28) -> logits (N, 1)."""
    return torch_dcgan.make_discriminator(IMAGE_SHAPE, (32, 64), kernel=4, slope=0.2, dropout=0.0)


def penalised(net_d: Any, real: Tensor, fake: Tensor) -> Tensor:
    """E D(G(z)) - E D(x) + lambda E (|grad D(x')| - 1)^2."""
    fake = fake.float()  # made under autocast in bfloat16
    where = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = torch.lerp(real, fake, where).requires_grad_()
    norms = input_gradient(net_d(between), between).flatten(1).norm(dim=1)
    return net_d(fake).mean() - net_d(real).mean() + WEIGHT * (norms - 1.0).square().mean()


def build(batch_size: int, options: Options) -> Step:
    d, g = (options.place(net) for net in (make_discriminator(), make_generator(options.channels_last)))
    optimizers = {'d': options.adam(d, LEARNING_RATE, BETAS), 'g': options.adam(g, LEARNING_RATE, BETAS)}
    critic = Scorer(
        loss_g=lambda real, fake: -fake.mean(),
        updates=UPDATES,
        objective=penalised,
    )
    sample = image_sampler(batch_size, IMAGE_SHAPE, options)
    return critic_step(Game(g, d, optimizers, sample, batch_size, LATENT_DIM), critic, options)
