"""R3GAN by preset, with the authors' schedules: 32x32 emoji, and the settings of the paper's five sets.

    python experiments/train.py --config=configs/r3gan.py:emoji --workdir=runs/r3gan_emoji
    python experiments/train.py --config=configs/r3gan.py:cifar --workdir=runs/r3gan_cifar
    python experiments/train.py --config=configs/r3gan.py:ffhq256 --config.data.name=random:256x256x3 --dry_run=json

Huang et al., "The GAN is dead; long live the GAN! A Modern Baseline GAN", 2024. `cifar`, `ffhq64`, `ffhq256`,
`imagenet32` and `imagenet64` have the settings of the authors' code: gamma falls to a tenth, the learning
rate from 2e-4 to 5e-5, b2 rises from 0.9 to 0.99, the half-life of G's average and the probability of
augmentations rise from 0, all along cosines, and G's update has latents and reals of its own. Networks of
20,781,952 and 21,280,512 parameters (`cifar`, with labels), 23,057,952 and 23,009,568 (`ffhq256`). The batch
is that of all devices together; on one, --config.accumulate divides it. config.steps is the length of the
schedules, but for `cifar` the 250 million images of the authors' run. What these five reach has not been
measured here; the third command counts without data. `emoji` is narrow, for a CPU, and its numbers are
our choice; it has not been measured either.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from gax import errors
from gax.config import base, choose, optimizer


class Preset(NamedTuple):
    """What differs between the sets. The lengths are in thousands of images."""

    data: str
    size: int
    widths: tuple[int, ...]  # G's; D has them in reverse
    gamma: float
    augment: float
    half_life: int
    length: int
    batch_size: int
    classes: bool = False
    group_size: int = 16
    images: int = 0  # of the run, in thousands; 0: `length`


PRESETS = {
    'cifar': Preset(
        'tfds:cifar10', 32, (768,) * 4, 0.05, 0.55, 5000, 20_000, 512, classes=True, images=250_000
    ),
    'ffhq64': Preset('folder:ffhq', 64, (768,) * 4 + (384,), 2.0, 0.3, 500, 20_000, 256),
    'ffhq256': Preset('folder:ffhq', 256, (768,) * 4 + (384, 192, 96), 150.0, 0.3, 500, 20_000, 256),
    'imagenet32': Preset(
        'folder:imagenet', 32, (1536,) * 4, 0.5, 0.5, 50_000, 200_000, 4096, classes=True, group_size=32
    ),
    'imagenet64': Preset(
        'folder:imagenet', 64, (1536,) * 5, 1.0, 0.4, 50_000, 200_000, 4096, classes=True, group_size=32
    ),
}


def falling(start: float, share: float, length: Any) -> str:
    """A cosine from `start` to that share of it."""
    return f'cosine:{start:g}:{start * share:g}:{length}'


def scheduled(config: ConfigDict, rate: float, gamma: float, p: float, half_life: float, length: Any) -> None:
    """Sets the five schedules, over `length`."""
    for name in ('r1', 'r2'):
        choose(config, f'terms.{name}', weight=falling(gamma, 0.1, length))
    for player in (config.g, config.d):
        player.optimizer = optimizer(
            'adam', falling(rate, 0.25, length), b1=0.0, b2=f'cosine:0.9:0.99:{length}'
        )
    choose(config, 'ada', pipeline='r3gan', control='fixed', p=f'cosine:0:{p:g}:{length}')
    choose(config, 'ema', 'half_life', kimg=f'cosine:0:{half_life:g}:{length}')
    config.g.resample = True


def emoji() -> ConfigDict:
    config = base('r3gan')
    config.data.update({'name': 'embedded:emoji', 'flip': True})
    config.batch_size, config.steps = 32, 2000
    config.g.net.update({'widths': (96, 64, 32), 'blocks': 1})
    config.d.net.update({'widths': (32, 64, 96), 'blocks': 1})
    scheduled(config, rate=1e-3, gamma=1.0, p=0.3, half_life=5.0, length=1.0)
    return config


def published(preset: Preset) -> ConfigDict:
    config = base('r3gan')
    config.data.update({'name': preset.data, 'image_size': preset.size, 'flip': True})
    config.conditional = preset.classes
    config.batch_size = preset.batch_size
    config.steps = 1000 * (preset.images or preset.length) // preset.batch_size
    for net, widths in ((config.g.net, preset.widths), (config.d.net, preset.widths[::-1])):
        net.update({'widths': widths, 'group_size': preset.group_size})
    scheduled(config, 2e-4, preset.gamma, preset.augment, preset.half_life, f'{preset.length}kimg')
    return config


def get_config(preset: str = 'emoji') -> ConfigDict:
    makers: dict[str, Callable[[], ConfigDict]] = {
        'emoji': emoji,
        **{name: partial(published, row) for name, row in PRESETS.items()},
    }
    return errors.lookup('preset', preset, makers)()


def get_test_config() -> ConfigDict:
    config = emoji()
    choose(config, 'ada', pipeline='b')  # which compiles in less time
    choose(config, 'ema', kimg='cosine:0.01:5:1.0')  # from 0, the average would be the network for some steps
    config.conditional = True
    config.batch_size, config.latent_dim, config.data.image_size = 8, 4, 8
    config.g.net.widths, config.d.net.widths = (8, 4), (4, 8)
    return config
