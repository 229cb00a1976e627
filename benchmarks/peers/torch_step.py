"""What the PyTorch peers share: the training step of PyTorch's own DCGAN example.

The step is that of github.com/pytorch/examples (dcgan/main.py): the discriminator sees a real
batch, then the detached fakes, each with its own backward pass; after its update the generator
learns through the *same* fakes. Nothing is read back to Python, so the step is as fast as the
example can be.

``tuned`` adds what the example leaves out and an expert would write: the generator's backward pass
computes no gradients of the discriminator's weights (the example computes them and throws them
away), and Adam runs as one fused kernel.

Of this folder only the ``torch_*`` files import torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

NUM_IMAGES = 10_000  # as many as the digits that gax embeds

Sampler = Callable[[], torch.Tensor]
Step = Callable[[], tuple[torch.Tensor, torch.Tensor]]


def image_sampler(batch_size: int, shape: tuple[int, ...], channels_last: bool) -> Sampler:
    """Draws batches by index from uint8 images in memory and scales them to [-1, 1].

    The pixels are noise: the time of a step does not depend on them.
    """
    images = torch.randint(0, 256, (NUM_IMAGES, *shape), dtype=torch.uint8)
    if channels_last:
        images = images.to(memory_format=torch.channels_last)

    def sample() -> torch.Tensor:
        index = torch.randint(NUM_IMAGES, (batch_size,))
        return images[index].float() / 127.5 - 1.0

    return sample


def make_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: dict[str, torch.optim.Optimizer],
    sample: Sampler,
    *,
    batch_size: int,
    latent_dim: int,
    compiled: bool,
    tuned: bool,
) -> Step:
    """One discriminator update and one generator update; returns both losses, unread."""
    optimizer_d, optimizer_g = optimizers['d'], optimizers['g']
    net_g: Any = torch.compile(generator) if compiled else generator
    net_d: Any = torch.compile(discriminator) if compiled else discriminator
    criterion = nn.BCEWithLogitsLoss()
    real_label = torch.ones(batch_size, 1)
    fake_label = torch.zeros(batch_size, 1)
    g_inputs = list(generator.parameters()) if tuned else None

    def step() -> tuple[torch.Tensor, torch.Tensor]:
        optimizer_d.zero_grad()
        loss_real = criterion(net_d(sample()), real_label)
        loss_real.backward()
        fake = net_g(torch.randn(batch_size, latent_dim))
        loss_fake = criterion(net_d(fake.detach()), fake_label)
        loss_fake.backward()
        optimizer_d.step()

        optimizer_g.zero_grad()
        loss_g = criterion(net_d(fake), real_label)
        loss_g.backward(inputs=g_inputs)
        optimizer_g.step()
        return (loss_real + loss_fake).detach(), loss_g.detach()

    return step
