"""SAGAN by preset: 32x32 emoji, CIFAR-10, ImageNet at 128x128.

    python experiments/train.py --config=configs/sagan.py:emoji --workdir=runs/sagan_emoji
    python experiments/train.py --config=configs/sagan.py:cifar --workdir=runs/sagan_cifar
    python experiments/train.py --config=configs/sagan.py:imagenet128 --config.data.name=random:128x128x3/1000 --dry_run=json

Zhang et al., "Self-Attention Generative Adversarial Networks", 2019. `cifar` has StudioGAN's networks and
schedule (4,386,308 and 1,075,586 parameters), `imagenet128` the paper's game and the networks of
BigGAN-PyTorch's and StudioGAN's SAGAN (42,017,412 and 39,448,258), with self-attention at 64x64. What these
two and `emoji` reach has not been measured. `imagenet128` takes a folder of 128x128 images in folders by
class; of other sizes with --config.data.image_size=128. The third command counts without data.
"""

from ml_collections import ConfigDict

from gax import errors
from gax.config import base

CH = 64


def emoji() -> ConfigDict:
    config = base('sagan')
    config.data.update({'name': 'embedded:emoji', 'flip': True})
    config.augment = 'color,translation'
    config.batch_size, config.steps = 32, 2000
    config.g.net.update({'widths': (64, 64, 32, 16)})
    config.d.net.update({'widths': (16, 32, 64), 'downs': 3})
    for player, rate in ((config.g, 5e-4), (config.d, 1e-3)):
        player.optimizer.learning_rate = rate
    return config


def cifar() -> ConfigDict:
    config = base('sagan')
    config.data.update({'name': 'tfds:cifar10', 'flip': True})
    config.batch_size, config.steps, config.d.updates = 64, 100_000, 5
    for player in (config.g, config.d):
        player.optimizer.update({'learning_rate': 2e-4, 'b1': 0.5, 'b2': 0.999})
    return config


def imagenet128() -> ConfigDict:
    config = base('sagan')
    config.data.update({'name': 'folder:imagenet128', 'flip': True})
    config.batch_size, config.steps = 256, 1_000_000
    config.g.net.update({'widths': tuple(CH * n for n in (16, 16, 8, 4, 2, 1)), 'attention': (4,)})
    config.d.net.update({'widths': tuple(CH * n for n in (1, 2, 4, 8, 16, 16)), 'attention': (1,)})
    config.d.net.downs = 5
    return config


PRESETS = {'emoji': emoji, 'cifar': cifar, 'imagenet128': imagenet128}


def get_config(preset: str = 'emoji') -> ConfigDict:
    return errors.lookup('preset', preset, PRESETS)()


def get_test_config() -> ConfigDict:
    config = emoji()
    config.batch_size, config.latent_dim, config.data.image_size, config.augment = 8, 4, 8, ''
    config.g.net.update({'widths': (8, 4), 'attention': (1,)})
    config.d.net.update({'widths': (4,), 'downs': 1})
    return config
