"""Unrolled GAN (Metz et al., "Unrolled Generative Adversarial Networks", 2017) on digits.

    python experiments/train.py --config=configs/unrolled_mnist.py --workdir=runs/unrolled

FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from gax.config import base


def get_config() -> ConfigDict:
    config = base('unrolled')
    config.data.name = 'embedded:mnist'
    config.batch_size = 64
    config.steps = 3000
    config.latent_dim = 64
    config.g.update(
        {'kind': 'dcgan', 'widths': (64, 32), 'strides': (2, 2), 'kernel': 4, 'slope': 0.2, 'momentum': 0.9}
    )
    config.d.update({'kind': 'dcgan', 'widths': (32, 64), 'kernel': 4, 'slope': 0.2, 'dropout': 0.0})
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    for player in (config.g, config.d):
        player.kind, player.widths = 'mlp', (8,)
    config.unrolled.steps = 2
    return config
