"""What the PyTorch peers share: options, data, and the two training steps.

`example_step` is that of github.com/pytorch/examples (dcgan/main.py): the discriminator sees a real batch,
then the detached fakes, each with its own backward pass; after its update the generator learns through the
*same* fakes. `critic_step` is its form for games in which D moves several times, or pays a penalty. At the
end of either an average of the generator moves, as in gax. Nothing is read back to Python, so a step is as
fast as it can be.

Of this folder only the ``torch_*`` files import torch.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

NUM_IMAGES = {1: 10_000, 3: 1_906}  # by channels: as many digits and emoji as gax embeds

Sampler = Callable[[], Tensor]
Step = Callable[[], tuple[Tensor, Tensor]]
Loss = Callable[[Tensor], Tensor]  # logits -> scalar


class Options(NamedTuple):
    """compiled: torch.compile. channels_last: NHWC in memory. amp: networks in bfloat16, by autocast.

    tuned: what PyTorch's example leaves out and an expert would write: the discriminator's weights are frozen
    while the generator moves (the example computes their gradients and throws them away), and Adam is one
    fused kernel.
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

    @contextlib.contextmanager
    def frozen(self, net: nn.Module) -> Iterator[None]:
        """No gradients of its parameters, where tuned."""
        parameters = list(net.parameters()) if self.tuned else []
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield
        for parameter in parameters:
            parameter.requires_grad_(True)

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
    """Networks, already placed, and what is done with them. decay: of the average of the generator."""

    generator: nn.Module
    discriminator: nn.Module
    optimizers: dict[str, torch.optim.Optimizer]
    sample: Sampler
    batch_size: int
    latent_dim: int
    decay: float = 0.999


def example_step(game: Game, options: Options) -> Step:
    """One discriminator update and one generator update; returns both losses, unread."""
    optimizer_d, optimizer_g = game.optimizers['d'], game.optimizers['g']
    net_g, net_d = options.compile(game.generator), options.compile(game.discriminator)
    criterion = nn.BCEWithLogitsLoss()
    real_label = torch.ones(game.batch_size, 1, device=options.device)
    fake_label = torch.zeros(game.batch_size, 1, device=options.device)
    _, move_average = average(game.generator, game.decay)

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
        with options.frozen(game.discriminator):
            with options.autocast():
                loss_g = criterion(net_d(fake), real_label)
            loss_g.backward()
        optimizer_g.step()
        move_average()
        return (loss_real + loss_fake).detach(), loss_g.detach()

    return step


class Scorer(NamedTuple):
    """How D is judged and how often it moves.

    loss_g: (logits of reals, logits of fakes) -> scalar; it ignores the reals' unless `relativistic`.
    losses_d: of reals and of fakes, each with a backward pass of its own, as in PyTorch's example: compiled
    spectral normalisation saves the vectors of the power method, which a second forward pass overwrites,
    where eager mode saves copies. objective: in place of losses_d (net_d, reals, fakes) -> scalar, loss and
    penalty, where there is a penalty: then D is differentiated twice, which torch.compile cannot do, and only
    G's move has D compiled.
    """

    loss_g: Callable[[Tensor, Tensor], Tensor]
    losses_d: tuple[Loss, Loss] | None = None
    updates: int = 1
    objective: Callable[[Any, Tensor, Tensor], Tensor] | None = None
    relativistic: bool = False


def critic_step(game: Game, critic: Scorer, options: Options) -> Step:
    """`updates` moves of D, each on new reals and fakes, and one of G through the fakes of the last; as gax
    has it.
    """
    optimizer_d, optimizer_g = game.optimizers['d'], game.optimizers['g']
    net_g, net_d = options.compile(game.generator), options.compile(game.discriminator)
    _, move_average = average(game.generator, game.decay)

    def judge(real: Tensor, fake: Tensor) -> Tensor:
        """The loss of D, its gradient added to D's."""
        if critic.objective:
            with options.autocast():
                loss = critic.objective(game.discriminator, real, fake)
            loss.backward()
            return loss.detach()
        total = torch.zeros((), device=options.device)
        for images, loss_of in zip((real, fake), critic.losses_d or (), strict=True):
            with options.autocast():
                loss = loss_of(net_d(images))
            loss.backward()
            total += loss.detach()
        return total

    def step() -> tuple[Tensor, Tensor]:
        for turn in range(critic.updates):
            real = game.sample()
            with options.autocast(), torch.set_grad_enabled(turn == critic.updates - 1):
                fake = net_g(torch.randn(game.batch_size, game.latent_dim, device=options.device))
            optimizer_d.zero_grad()
            loss_d = judge(real, fake.detach())
            optimizer_d.step()

        optimizer_g.zero_grad()
        with options.frozen(game.discriminator):
            with options.autocast():
                with torch.no_grad():
                    on_real = net_d(real) if critic.relativistic else fake.new_zeros(())
                loss_g = critic.loss_g(on_real, net_d(fake))
            loss_g.backward()
        optimizer_g.step()
        move_average()
        return loss_d, loss_g.detach()

    return step


def input_gradient(logits: Tensor, inputs: Tensor) -> Tensor:
    """d sum(logits) / d inputs, in float32, that can be differentiated once more."""
    (found,) = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return found.float()


def average(net: nn.Module, decay: float) -> tuple[nn.Module, Callable[[], None]]:
    """An exponential average of a network, parameters and batch-norm's means, and what moves it by one step,
    in place.

    The decay of step t is min(decay, (1 + t) / (10 + t)), as `gax.core.ema.with_warmup` has it.
    """
    averaged = copy.deepcopy(net)
    old, new = (
        [value for value in each.state_dict().values() if value.is_floating_point()]
        for each in (averaged, net)
    )
    done = 0

    def move() -> None:
        nonlocal done
        torch._foreach_lerp_(old, new, 1.0 - min(decay, (1 + done) / (10 + done)))
        done += 1

    return averaged, move
