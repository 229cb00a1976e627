"""R3GAN at 32x32 in plain PyTorch: `r3gan32` of ../models.py.

Huang et al., "The GAN is dead; long live the GAN! A Modern Baseline GAN", 2024, config E: residual blocks
without normalisation, 1x1 - grouped 3x3 - 1x1, two a stage; relativistic loss with R1 and R2 (gamma 0.05) on
every step, Adam 2e-4, betas 0 / 0.99, the average of G. Halving and doubling by the filter [1, 3, 3, 1], as
depthwise convolutions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_step import Game, Options, Scorer, Step, critic_step, image_sampler, input_gradient

LATENT_DIM = 64
IMAGE_SHAPE = (3, 32, 32)
BETAS = (0.0, 0.99)
LEARNING_RATE = 2e-4
GAMMA = 0.05
STAGES, BLOCKS, GROUP_SIZE, EXPANSION = 4, 2, 16, 2
SLOPE = 0.2


class Block(nn.Module):
    """x + 1x1(act(3x3 in groups(act(1x1(x))))), (N, C, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = EXPANSION * width
        self.wide = nn.Conv2d(width, inner, 1)
        self.grouped = nn.Conv2d(inner, inner, 3, padding=1, groups=inner // min(inner, GROUP_SIZE))
        self.narrow = nn.Conv2d(inner, width, 1, bias=False)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.leaky_relu(self.wide(x), SLOPE, inplace=True)
        return x + self.narrow(functional.leaky_relu(self.grouped(y), SLOPE, inplace=True))


class Resize(nn.Module):
    """(N, C, H, W), halved or doubled in both directions by the filter [1, 3, 3, 1], zeros outside."""

    taps: Tensor

    def __init__(self, width: int, up: bool) -> None:
        super().__init__()
        self.apply_to = functional.conv_transpose2d if up else functional.conv2d
        line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / (4 if up else 8)
        self.register_buffer(
            'taps', torch.outer(line, line).expand(width, 1, 4, 4).contiguous(), persistent=False
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.apply_to(x, self.taps.to(x.dtype), stride=2, padding=1, groups=x.shape[1])


class Generator(nn.Module):
    """Latents (N, 64) -> images (N, 3, 32, 32): a learned 4x4 picture a channel, scaled by a linear map of
    the latents.
    """

    def __init__(self, width: int, channels_last: bool = False) -> None:
        super().__init__()
        self.order = torch.channels_last if channels_last else torch.contiguous_format
        self.dense = nn.Linear(LATENT_DIM, width, bias=False)
        self.basis = nn.Parameter(torch.randn(width, 4, 4))
        layers: list[nn.Module] = []
        for stage in range(STAGES):
            layers += [Resize(width, up=True)] if stage else []
            layers += [Block(width) for _ in range(BLOCKS)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, IMAGE_SHAPE[0], 1, bias=False))

    def forward(self, z: Tensor) -> Tensor:
        x = self.dense(z)[:, :, None, None] * self.basis
        return self.layers(x.contiguous(memory_format=self.order))


class Discriminator(nn.Module):
    """Images (N, 3, 32, 32) -> logits (N, 1): G's mirror image, and a learned weighted sum over 4x4
    pixels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(IMAGE_SHAPE[0], width, 1, bias=False)]
        for stage in range(STAGES):
            layers += [Resize(width, up=False)] if stage else []
            layers += [Block(width) for _ in range(BLOCKS)]
        self.layers = nn.Sequential(*layers)
        self.basis = nn.Parameter(torch.randn(width, 4, 4) / 4)
        self.dense = nn.Linear(width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense((self.layers(x) * self.basis).sum(dim=(2, 3)))


def make_generator(channels_last: bool = False, width: int = 768) -> Generator:
    return Generator(width, channels_last)


def make_discriminator(width: int = 768) -> Discriminator:
    return Discriminator(width)


def relativistic(ours: Tensor, theirs: Tensor) -> Tensor:
    """E softplus(theirs - ours), paired by position."""
    return functional.softplus(theirs - ours).mean()


def penalised(net_d: Any, real: Tensor, fake: Tensor) -> Tensor:
    """E softplus(D(G(z)) - D(x)) + gamma / 2 (E |grad D(x)|^2 + E |grad D(G(z))|^2)."""
    pair = [image.float().requires_grad_() for image in (real, fake)]
    logits = [net_d(image) for image in pair]
    squares = [
        input_gradient(logit, image).square().sum() / len(image)
        for logit, image in zip(logits, pair, strict=True)
    ]
    return relativistic(*logits) + GAMMA / 2 * sum(squares)


def build(batch_size: int, options: Options, widths: tuple[int, int] = (768, 768)) -> Step:
    """widths: channels of G and of D."""
    g = options.place(make_generator(options.channels_last, widths[0]))
    d = options.place(make_discriminator(widths[1]))
    optimizers = {'d': options.adam(d, LEARNING_RATE, BETAS), 'g': options.adam(g, LEARNING_RATE, BETAS)}
    critic = Scorer(
        loss_g=lambda real, fake: relativistic(fake, real),
        objective=penalised,
        relativistic=True,
    )
    sample = image_sampler(batch_size, IMAGE_SHAPE, options)
    return critic_step(Game(g, d, optimizers, sample, batch_size, LATENT_DIM), critic, options)
