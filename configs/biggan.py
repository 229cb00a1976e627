"""BigGAN by preset: 32x32 emoji, CIFAR-10, ImageNet at 128x128.

    python experiments/train.py --config=configs/biggan.py:emoji --workdir=runs/biggan_emoji
    python experiments/train.py --config=configs/biggan.py:cifar --workdir=runs/biggan_cifar
    python experiments/train.py --config=configs/biggan.py:imagenet128 --config.data.name=random:128x128x3/1000 --dry_run=json

Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis", 2019. `cifar` has
StudioGAN's networks and schedule (9,416,196 and 2,415,170 parameters), `imagenet128` the paper's, ch = 96
(70,433,988 and 87,982,370), with orthogonal regularisation. What these two reach has not been measured here.
`imagenet128` takes a folder of 128x128 images in folders by class; of other sizes with
--config.data.image_size=128. Its batch of 2,048 fits a device in parts: --config.accumulate=8. The third
command counts without data. All evaluate with standing statistics, the means over 16 batches
(config.eval.standing).

`emoji`, 2 CPU cores (AMD EPYC) with one other process on them, JAX 0.10.2, 2026-11-29, one seed: 2,000 steps
of 32 images took 16 minutes of CPU time. `evaluate.py --num=1906 --features=emoji`: frechet_emoji 14.0 (953
real images in the fakes' place: 3.0), precision 0.90, recall 0.49, density 0.85, coverage 0.66: flags, faces,
people and fruit of the classes asked for, with soft outlines.
"""

from ml_collections import ConfigDict

from gax import errors
from gax.config import base, choose

CH = 96


def emoji() -> ConfigDict:
    config = base('biggan')
    config.data.update({'name': 'embedded:emoji', 'flip': True})
    choose(config, 'eval', standing=16)
    config.augment = 'color,translation'
    config.batch_size, config.steps, config.d.updates = 32, 2000, 1
    config.ema.decay = 0.999
    config.g.net.update({'widths': (64, 64, 32, 16), 'embedding': 32})
    config.d.net.update({'widths': (16, 32, 64), 'downs': 3})
    for player, rate in ((config.g, 5e-4), (config.d, 1e-3)):
        player.optimizer.learning_rate = rate
    return config


def cifar() -> ConfigDict:
    config = base('biggan')
    config.data.update({'name': 'tfds:cifar10', 'flip': True})
    choose(config, 'eval', standing=16)
    config.batch_size, config.steps, config.d.updates = 64, 100_000, 5
    for player in (config.g, config.d):
        player.optimizer.update({'learning_rate': 2e-4, 'b1': 0.5, 'b2': 0.999})
    return config


def imagenet128() -> ConfigDict:
    config = base('biggan')
    config.data.update({'name': 'folder:imagenet128', 'flip': True})
    choose(config, 'eval', standing=16)
    choose(config, 'terms.orthogonal_g', weight=1e-4)
    config.batch_size, config.steps, config.latent_dim = 2048, 150_000, 120
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
    config.g.net.update({'widths': (8, 4), 'attention': (1,), 'embedding': 3})
    config.d.net.update({'widths': (4,), 'downs': 1})
    return config
