"""WGAN with clipped weights (Arjovsky et al., "Wasserstein GAN", 2017) on digits, the settings of algorithm 1.

    python experiments/train.py --config=configs/wgan_mnist.py --workdir=runs/wgan

FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits, tiny


def get_config() -> ConfigDict:
    config = small_digits('wgan')
    config.steps = 4000
    return config


def get_test_config() -> ConfigDict:
    return tiny(get_config())
