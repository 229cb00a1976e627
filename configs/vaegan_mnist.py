"""VAE/GAN on digits: reconstructions and samples, both judged; likeness is measured by D's features.

    python experiments/train.py --config=configs/vaegan_mnist.py --workdir=runs/vaegan

Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016. `e/reconstruction` in the log is the
mean squared error of G(E(x)) per pixel, which nobody descends.
FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits
from gax.config import optimizer


def get_config() -> ConfigDict:
    config = small_digits('vaegan')
    config.steps = 5000
    config.latent_dim = 32
    config.e.update({'widths': (32, 64), 'kernel': 4, 'slope': 0.2})
    config.e.optimizer = optimizer('adam', 5e-4, b1=0.5)
    config.g.optimizer = optimizer('adam', 5e-4, b1=0.5)
    config.d.optimizer = optimizer('adam', 2e-4, b1=0.5)
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.update({'kind': 'mlp', 'widths': (8, 8)})
    config.d.update({'kind': 'mlp', 'widths': (8,)})
    config.e.update({'kind': 'mlp', 'widths': (8,)})
    return config
