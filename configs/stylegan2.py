"""StyleGAN2, and with config.ada StyleGAN2 with ADA: the published settings, and 32x32 emoji.

    python experiments/train.py --config=configs/stylegan2.py:emoji --workdir=runs/stylegan2
    python experiments/train.py --config=configs/stylegan2.py:auto64 --workdir=runs/mine --config.data.name=folder:X
    python experiments/train.py --config=configs/stylegan2.py:cifar --workdir=runs/cifar
    python experiments/train.py --config=configs/stylegan2.py:paper256 --dry_run --config.data.name=random:256x256x3

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020; Karras et al., "Training
Generative Adversarial Networks with Limited Data", 2020. Presets: `emoji`; `cifar` (ADA's tuned setting,
conditional), `paper256` and `ffhq1024` of their code; `auto64` and the like, their `auto` for images of a
folder. What these reach has not been measured here. Parameters of G and D, which the tests assert: ffhq1024
30,370,060 and 29,012,513; paper256 24,767,458 and 24,001,089; cifar 20,215,315 and 23,089,664.

`emoji`, whose numbers are our choice, without labels, 2 CPU cores (AMD EPYC) with about four other processes
on them, JAX 0.10.2, 2026-11-29, one seed: 2,000 steps (64,000 images) took 28 minutes of CPU time, 49 on the
clock. `evaluate.py --num=1906 --features=emoji`: frechet_emoji 60.6 (953 real images in the fakes' place:
3.0), precision 0.96, recall 0.08, coverage 0.41: shaded rounded squares and a few other shapes, in many
colours.
"""

from ml_collections import ConfigDict

from gax import errors
from gax.config import base, choose


def auto_gamma(resolution: int, batch_size: int) -> float:
    """The weight of R1 of the `auto` setting of stylegan2-ada-pytorch (train.py): 2e-4 r^2 / batch."""
    return 2e-4 * resolution**2 / batch_size


def published(
    resolution: int, batch: int, group: int, base_channels: int, rate: float, gamma: float, kimg: float
) -> ConfigDict:
    """A row of the table of settings of stylegan2-ada-pytorch (train.py).

    base_channels: 32768 times their `fmaps`. kimg: the half-life of G's average, in thousands of images.
    """
    config = base('stylegan2')
    config.data.name = 'folder:images'
    config.data.image_size, config.data.flip = resolution, True
    config.batch_size, config.steps = batch, 25_000_000 // batch
    config.g.net.channel_base = config.d.net.channel_base = base_channels
    config.d.net.group, config.terms.r1.weight, config.ema.kimg = group, gamma, kimg
    for player in (config.g, config.d):
        player.optimizer.learning_rate = rate
    return config


def auto(resolution: int) -> ConfigDict:
    """`auto` for one device."""
    batch = max(min(4096 // resolution, 32), 1)
    channels = 32768 if resolution >= 512 else 16384
    rate = 0.002 if resolution >= 1024 else 0.0025
    group, gamma = min(batch, 4), auto_gamma(resolution, batch)
    config = published(resolution, batch, group, channels, rate, gamma, batch * 10 / 32)
    config.ema.ramp, config.g.net.mapping_layers = 0.05, 2
    choose(config, 'ada')
    return config


def cifar() -> ConfigDict:
    """`cifar`: no mixing, no path length, D `orig`, labels."""
    config = published(32, 64, 32, 32768, 0.0025, 0.01, 500.0)
    config.data.name, config.data.flip, config.data.image_size = 'tfds:cifar10', False, 0
    config.steps = 100_000_000 // 64
    config.ema.ramp, config.g.net.mapping_layers, config.mixing = 0.05, 2, 0.0
    config.terms.path_length.weight, config.d.net.architecture = 0.0, 'orig'
    config.conditional = True
    choose(config, 'ada')
    return config


def emoji() -> ConfigDict:
    """Narrow networks, 83,171 parameters in G and 72,561 in D, for minutes on CPU cores."""
    config = published(32, 32, 4, 512, 0.0025, 0.1, 5.0)
    config.data.name, config.data.image_size = 'embedded:emoji', 0
    config.steps, config.latent_dim = 2000, 64
    config.g.net.update({'channel_max': 32, 'w_dim': 64, 'mapping_layers': 2})
    config.d.net.channel_max = 32
    config.ema.ramp = 0.05
    config.augment = 'color,translation'
    return config


def get_config(preset: str = 'emoji') -> ConfigDict:
    if preset.startswith('auto') and preset[4:].isdecimal():
        return auto(int(preset[4:]))
    rows = {
        'emoji': emoji,
        'cifar': cifar,
        'paper256': lambda: published(256, 64, 8, 16384, 0.0025, 1.0, 20.0),
        'ffhq1024': lambda: published(1024, 32, 4, 32768, 0.002, 2.0, 10.0),
    }
    return errors.lookup('preset (or auto64, auto128 ...)', preset, rows)()


def get_test_config() -> ConfigDict:
    config = get_config()
    choose(config, 'data', image_size=8)
    config.batch_size, config.latent_dim, config.augment = 8, 4, ''
    config.g.net.update({'channel_base': 32, 'channel_max': 6, 'w_dim': 4, 'mapping_layers': 1})
    config.d.net.update({'channel_base': 32, 'channel_max': 6})
    config.terms.r1.every, config.terms.path_length.every = 3, 3
    return config
