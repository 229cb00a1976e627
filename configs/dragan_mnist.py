"""DRAGAN (Kodali et al., "On Convergence and Stability of GANs", 2017) on digits.

    python experiments/train.py --config=configs/dragan_mnist.py --workdir=runs/dragan

FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits, tiny


def get_config() -> ConfigDict:
    config = small_digits('dragan')
    config.steps = 3000
    return config


def get_test_config() -> ConfigDict:
    return tiny(get_config())
