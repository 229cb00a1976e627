"""PacGAN, two digits at once (Lin et al., "PacGAN: The power of two samples", 2018).

    python experiments/train.py --config=configs/pacgan_mnist.py --workdir=runs/pacgan

FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits, tiny


def get_config() -> ConfigDict:
    config = small_digits('pacgan')
    config.steps = 3000
    for player in (config.d, config.g):
        player.optimizer.update({'learning_rate': 2e-4, 'b1': 0.5})
    return config


def get_test_config() -> ConfigDict:
    return tiny(get_config())
