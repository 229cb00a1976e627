"""SNGAN's residual networks at 32x32 in plain PyTorch: `sngan32` of ../models.py.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018, table 4: hinge loss, five
moves of D, Adam 2e-4, betas 0 / 0.9; spectral normalisation by torch.nn.utils.parametrizations, one step of
the power method a pass. 1x1 convolutions of shortcuts stand on the cheaper side of their resizing, as in gax.
`tuned`: a resize and its 3x3 convolution are one 4x4 convolution of stride two, also as in gax (`Resized`),
which nobody's PyTorch code of this network has.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm
from torch_step import Game, Options, Scorer, Step, critic_step, image_sampler

LATENT_DIM = 128
IMAGE_SHAPE = (3, 32, 32)
BETAS = (0.0, 0.9)
LEARNING_RATE = 2e-4
UPDATES = 5
NORM = {'eps': 2e-5, 'momentum': 0.1}


class Resized(nn.Module):
    """A convolution behind a doubling by nearest neighbours (`up`), or before an average over 2x2 pixels: as
    it stands, or `fused`.
    """

    def __init__(self, conv: nn.Module, up: bool, fused: bool) -> None:
        super().__init__()
        self.conv, self.up, self.fused = conv, up, fused

    def forward(self, x: Tensor) -> Tensor:
        if not self.fused:
            if self.up:
                return self.conv(functional.interpolate(x, scale_factor=2))
            return functional.avg_pool2d(self.conv(x), 2)
        # Sums over 2x2 taps: 3x3 -> 4x4.
        kernel = functional.avg_pool2d(functional.pad(self.conv.weight, (1, 1, 1, 1)), 2, 1)
        if not self.up:
            return functional.conv2d(x, kernel, self.conv.bias, stride=2, padding=1)
        kernel = 4 * kernel.transpose(0, 1).flip(2, 3)
        return functional.conv_transpose2d(x, kernel, self.conv.bias, stride=2, padding=1)


class UpBlock(nn.Module):
    """(N, C, H, W) -> (N, C', 2 H, 2 W)."""

    def __init__(self, fan_in: int, width: int, fused: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(fan_in, **NORM), nn.BatchNorm2d(width, **NORM)
        self.conv1 = Resized(nn.Conv2d(fan_in, width, 3, padding=1), up=True, fused=fused)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.shortcut = nn.Conv2d(fan_in, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(functional.relu(self.norm1(x), inplace=True))
        y = self.conv2(functional.relu(self.norm2(y), inplace=True))
        return y + functional.interpolate(self.shortcut(x), scale_factor=2)


class DownBlock(nn.Module):
    """(N, C, H, W) -> (N, C', H / 2, W / 2) where `down`."""

    def __init__(self, fan_in: int, width: int, down: bool, first: bool, fused: bool) -> None:
        super().__init__()
        self.down, self.first = down, first
        self.conv1 = spectral_norm(nn.Conv2d(fan_in, width, 3, padding=1))
        conv2 = spectral_norm(nn.Conv2d(width, width, 3, padding=1))
        self.conv2 = Resized(conv2, up=False, fused=fused) if down else conv2
        learned = down or fan_in != width
        self.shortcut = spectral_norm(nn.Conv2d(fan_in, width, 1)) if learned else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(x if self.first else functional.relu(x))
        y = self.conv2(functional.relu(y, inplace=True))
        if self.down:
            return y + self.shortcut(functional.avg_pool2d(x, 2))
        return y + self.shortcut(x)


class Generator(nn.Module):
    """Latents (N, 128) -> images (N, 3, 32, 32)."""

    def __init__(self, width: int, channels_last: bool = False, fused: bool = False) -> None:
        super().__init__()
        self.width = width
        self.order = torch.channels_last if channels_last else torch.contiguous_format
        self.dense = nn.Linear(LATENT_DIM, 16 * width)
        self.blocks = nn.Sequential(*(UpBlock(width, width, fused) for _ in range(3)))
        self.norm = nn.BatchNorm2d(width, **NORM)
        self.conv = nn.Conv2d(width, IMAGE_SHAPE[0], 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.dense(z).view(-1, self.width, 4, 4).contiguous(memory_format=self.order)
        return torch.tanh(self.conv(functional.relu(self.norm(self.blocks(x)), inplace=True)))


class Discriminator(nn.Module):
    """Images (N, 3, 32, 32) -> logits (N, 1): two halvings, the sum over all pixels, dense."""

    def __init__(self, width: int, fused: bool = False) -> None:
        super().__init__()
        fans = (IMAGE_SHAPE[0], width, width, width)
        self.blocks = nn.Sequential(
            *(DownBlock(fan, width, i < 2, i == 0, fused) for i, fan in enumerate(fans))
        )
        self.dense = spectral_norm(nn.Linear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(functional.relu(self.blocks(x)).sum(dim=(2, 3)))


def make_generator(channels_last: bool = False, width: int = 256, fused: bool = False) -> Generator:
    return Generator(width, channels_last, fused)


def make_discriminator(width: int = 128, fused: bool = False) -> Discriminator:
    return Discriminator(width, fused)


def build(batch_size: int, options: Options, widths: tuple[int, int] = (256, 128)) -> Step:
    """widths: channels of G and of D."""
    g = options.place(make_generator(options.channels_last, widths[0], options.tuned))
    d = options.place(make_discriminator(widths[1], options.tuned))
    optimizers = {'d': options.adam(d, LEARNING_RATE, BETAS), 'g': options.adam(g, LEARNING_RATE, BETAS)}
    critic = Scorer(
        loss_g=lambda real, fake: -fake.mean(),
        losses_d=(
            lambda real: functional.relu(1.0 - real).mean(),
            lambda fake: functional.relu(1.0 + fake).mean(),
        ),
        updates=UPDATES,
    )
    sample = image_sampler(batch_size, IMAGE_SHAPE, options)
    return critic_step(Game(g, d, optimizers, sample, batch_size, LATENT_DIM), critic, options)
