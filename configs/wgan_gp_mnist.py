"""WGAN-GP (Gulrajani et al., "Improved Training of Wasserstein GANs", 2017) on digits, the settings of algorithm 1.

    python experiments/train.py --config=configs/wgan_gp_mnist.py --workdir=runs/wgan_gp

FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits, tiny


def get_config() -> ConfigDict:
    config = small_digits('wgan_gp')
    config.steps = 4000
    return config


def get_test_config() -> ConfigDict:
    return tiny(get_config())
