"""LSGAN (Mao et al., "Least Squares Generative Adversarial Networks", 2017) on digits.

    python experiments/train.py --config=configs/lsgan_mnist.py --workdir=runs/lsgan

FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits, tiny


def get_config() -> ConfigDict:
    config = small_digits('lsgan')
    config.steps = 3000
    return config


def get_test_config() -> ConfigDict:
    return tiny(get_config())
