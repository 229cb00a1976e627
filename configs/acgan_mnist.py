"""AC-GAN on digits: the discriminator names the digit, and the generator is to have it named right.

    python experiments/train.py --config=configs/acgan_mnist.py --workdir=runs/acgan
    python experiments/sample.py --workdir=runs/acgan --num=5000 --out=acgan.npz
    python benchmarks/digits.py --samples=acgan.npz

Odena et al., "Conditional Image Synthesis With Auxiliary Classifier GANs", 2017.
FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from gax.config import base, optimizer


def get_config() -> ConfigDict:
    config = base('acgan')
    config.data.name = 'embedded:mnist'
    config.batch_size = 64
    config.steps = 10_000
    config.latent_dim = 64
    config.g.update({'widths': (64, 32), 'strides': (2, 2), 'kernel': 4, 'slope': 0.2, 'momentum': 0.9})
    config.d.update({'widths': (32, 64), 'kernel': 4, 'slope': 0.2, 'dropout': 0.0})
    for player in (config.g, config.d):
        player.optimizer = optimizer('adam', 5e-4, b1=0.5)
        player.optimizer.schedule.update(
            {'name': 'linear_schedule', 'end_value': 0.1, 'transition_begin': 5000, 'transition_steps': 5000}
        )
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.widths = (8, 4)
    config.d.widths = (4, 8)
    return config
