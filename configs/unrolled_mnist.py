"""Unrolled GAN (Metz et al., "Unrolled Generative Adversarial Networks", 2017) on digits.

    python experiments/train.py --config=configs/unrolled_mnist.py --workdir=runs/unrolled

FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits


def get_config() -> ConfigDict:
    config = small_digits('unrolled')
    config.steps = 1500
    config.unrolled.learning_rate = 3e-4
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    for player in (config.g, config.d):
        player.kind, player.widths = 'mlp', (8,)
    config.unrolled.steps = 2
    return config
