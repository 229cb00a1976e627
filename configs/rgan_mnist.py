"""Relativistic GAN (Jolicoeur-Martineau, "The relativistic discriminator", 2018, RSGAN) on digits.

    python experiments/train.py --config=configs/rgan_mnist.py --workdir=runs/rgan

FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits, tiny


def get_config() -> ConfigDict:
    config = small_digits('rgan')
    config.steps = 3000
    return config


def get_test_config() -> ConfigDict:
    return tiny(get_config())
