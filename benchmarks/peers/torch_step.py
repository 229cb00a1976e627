"""What the PyTorch peers share: options, data, and the two training steps.

`example_step` is that of github.com/pytorch/examples (dcgan/main.py): the discriminator sees a real batch, then the
detached fakes, each with its own backward pass; after its update the generator learns through the *same* fakes.
`critic_step` is its form for games in which D moves several times, or pays a penalty. Nothing is read back to Python, so a
step is as fast as it can be.

Of this folder only the ``torch_*`` files import torch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

NUM_IMAGES = {1: 10_000, 3: 1_906}  # by channels: as many digits and emoji as gax embeds

Sampler = Callable[[], Tensor]
Step = Callable[[], tuple[Tensor, Tensor]]
LossD = Callable[[Tensor, Tensor], Tensor]  # (logits of reals, logits of fakes) -> scalar


class Options(NamedTuple):
    """compiled: torch.compile. channels_last: NHWC in memory. amp: networks in bfloat16, by autocast.

    tuned: what PyTorch's example leaves out and an expert would write: the generator's backward pass computes no
    gradients of the discriminator's weights (the example computes them and throws them away), and Adam is one fused
    kernel.
    """

    compiled: bool = False
    channels_last: bool = False
    tuned: bool = False
    amp: bool = False
    device: str = 'cpu'

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        return torch.autocast(self.device, torch.bfloat16, enabled=self.amp)

    def place(self, net: nn.Module) -> nn.Module:
        """On the device, in the order of memory asked for."""
        net = net.to(self.device)
        return net.to(memory_format=torch.channels_last) if self.channels_last else net  # type: ignore[call-overload]

    def compile(self, net: nn.Module) -> Any:
        return torch.compile(net) if self.compiled else net

    def adam(self, net: nn.Module, rate: float, betas: tuple[float, float]) -> torch.optim.Optimizer:
        return torch.optim.Adam(net.parameters(), lr=rate, betas=betas, fused=self.tuned or None)


def image_sampler(batch_size: int, shape: tuple[int, ...], options: Options) -> Sampler:
    """Draws batches by index from uint8 images in memory and scales them to [-1, 1].

    The pixels are noise: the time of a step does not depend on them.
    """
    size = NUM_IMAGES.get(shape[0], NUM_IMAGES[1])
    images = torch.randint(0, 256, (size, *shape), dtype=torch.uint8, device=options.device)
    if options.channels_last and len(shape) == 3:
        images = images.to(memory_format=torch.channels_last)

    def sample() -> Tensor:
        index = torch.randint(size, (batch_size,), device=options.device)
        return images[index].float() / 127.5 - 1.0

    return sample


class Game(NamedTuple):
    """Networks, already placed, and what is done with them."""

    generator: nn.Module
    discriminator: nn.Module
    optimizers: dict[str, torch.optim.Optimizer]
    sample: Sampler
    batch_size: int
    latent_dim: int


def example_step(game: Game, options: Options) -> Step:
    """One discriminator update and one generator update; returns both losses, unread."""
    optimizer_d, optimizer_g = game.optimizers['d'], game.optimizers['g']
    net_g, net_d = options.compile(game.generator), options.compile(game.discriminator)
    criterion = nn.BCEWithLogitsLoss()
    real_label = torch.ones(game.batch_size, 1, device=options.device)
    fake_label = torch.zeros(game.batch_size, 1, device=options.device)
    g_inputs = list(game.generator.parameters()) if options.tuned else None

    def step() -> tuple[Tensor, Tensor]:
        optimizer_d.zero_grad()
        with options.autocast():
            loss_real = criterion(net_d(game.sample()), real_label)
        loss_real.backward()
        with options.autocast():
            fake = net_g(torch.randn(game.batch_size, game.latent_dim, device=options.device))
            loss_fake = criterion(net_d(fake.detach()), fake_label)
        loss_fake.backward()
        optimizer_d.step()

        optimizer_g.zero_grad()
        with options.autocast():
            loss_g = criterion(net_d(fake), real_label)
        loss_g.backward(inputs=g_inputs)
        optimizer_g.step()
        return (loss_real + loss_fake).detach(), loss_g.detach()

    return step


class Critic(NamedTuple):
    """How D is judged and how often it moves.

    loss_d, loss_g: (logits of reals, logits of fakes) -> scalar; G's ignores the reals' unless `relativistic`.
    objective: (net_d, reals, fakes) -> scalar, loss and penalty of D, where there is a penalty: then D is
    differentiated twice, which torch.compile cannot do, and stays eager. after: called at the end of every step.
    """

    loss_d: LossD
    loss_g: LossD
    updates: int = 1
    objective: Callable[[Any, Tensor, Tensor], Tensor] | None = None
    relativistic: bool = False
    after: Callable[[], None] = lambda: None


def critic_step(game: Game, critic: Critic, options: Options) -> Step:
    """`updates` moves of D, each on new reals and fakes, and one of G through the fakes of the last; as gax has it."""
    optimizer_d, optimizer_g = game.optimizers['d'], game.optimizers['g']
    net_g = options.compile(game.generator)
    net_d = game.discriminator if critic.objective else options.compile(game.discriminator)
    objective = critic.objective or (lambda net, real, fake: critic.loss_d(net(real), net(fake)))
    g_inputs = list(game.generator.parameters()) if options.tuned else None

    def step() -> tuple[Tensor, Tensor]:
        for turn in range(critic.updates):
            real = game.sample()
            with options.autocast(), torch.set_grad_enabled(turn == critic.updates - 1):
                fake = net_g(torch.randn(game.batch_size, game.latent_dim, device=options.device))
            optimizer_d.zero_grad()
            with options.autocast():
                loss_d = objective(net_d, real, fake.detach())
            loss_d.backward()
            optimizer_d.step()

        optimizer_g.zero_grad()
        with options.autocast():
            with torch.no_grad():
                on_real = net_d(real) if critic.relativistic else fake.new_zeros(())
            loss_g = critic.loss_g(on_real, net_d(fake))
        loss_g.backward(inputs=g_inputs)
        optimizer_g.step()
        critic.after()
        return loss_d.detach(), loss_g.detach()

    return step


def input_gradient(logits: Tensor, inputs: Tensor) -> Tensor:
    """d sum(logits) / d inputs, in float32, that can be differentiated once more."""
    (found,) = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return found.float()


def average(averaged: Iterable[Tensor], current: Iterable[Tensor], decay: float) -> Callable[[], None]:
    """What moves an exponential average of parameters by one step, in place."""
    old, new = list(averaged), list(current)

    def move() -> None:
        with torch.no_grad():
            torch._foreach_lerp_(old, new, 1.0 - decay)

    return move
