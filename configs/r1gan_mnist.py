"""R1 (Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018) on digits.

    python experiments/train.py --config=configs/r1gan_mnist.py --workdir=runs/r1gan

FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits, tiny


def get_config() -> ConfigDict:
    config = small_digits('r1gan')
    config.steps = 3000
    return config


def get_test_config() -> ConfigDict:
    return tiny(get_config())
