"""BigGAN-deep by preset: ImageNet at 128x128, and 32x32 emoji.

    python experiments/train.py --config=configs/biggan_deep.py:emoji --workdir=runs/biggan_deep
    python experiments/train.py --config=configs/biggan_deep.py:imagenet128 --config.data.name=random:128x128x3/1000 --dry_run=json

Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis", 2019, tables 7 to 9. It is
the recipe of configs/biggan.py with other networks. `imagenet128` has those of the paper, ch = 128
(50,244,484 and 34,590,210 parameters); the second command counts them without data. What it and `emoji` reach
has not been measured.
"""

from ml_collections import ConfigDict

from configs import biggan
from gax import errors
from gax.config import choose

CH = 128


def deep(config: ConfigDict) -> ConfigDict:
    """The config with networks of BigGAN-deep."""
    for player in ('g', 'd'):
        choose(config, f'{player}.net', 'biggan_deep')
    config.latent_dim = 128
    return config


def emoji() -> ConfigDict:
    config = deep(biggan.emoji())
    config.g.net.update({'widths': (128, 128, 64, 32), 'blocks': 1, 'embedding': 32})
    config.d.net.update({'widths': (32, 64, 128, 128), 'blocks': 1, 'downs': 3})
    return config


def imagenet128() -> ConfigDict:
    config = deep(biggan.imagenet128())
    config.g.net.update({'widths': tuple(CH * n for n in (16, 16, 8, 4, 2, 1)), 'attention': (4,)})
    config.d.net.update({'widths': tuple(CH * n for n in (1, 2, 4, 8, 16, 16)), 'attention': (1,)})
    config.d.net.downs = 5
    return config


PRESETS = {'emoji': emoji, 'imagenet128': imagenet128}


def get_config(preset: str = 'emoji') -> ConfigDict:
    return errors.lookup('preset', preset, PRESETS)()


def get_test_config() -> ConfigDict:
    config = emoji()
    config.batch_size, config.latent_dim, config.data.image_size, config.augment = 8, 3, 8, ''
    config.g.net.update({'widths': (8, 4), 'attention': (1,), 'embedding': 3})
    config.d.net.update({'widths': (4, 8), 'downs': 1})
    return config
