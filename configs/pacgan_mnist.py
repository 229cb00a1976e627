"""PacGAN, two digits at once (Lin et al., "PacGAN: The power of two samples", 2018).

    python experiments/train.py --config=configs/pacgan_mnist.py --workdir=runs/pacgan

2 CPU cores (AMD EPYC), JAX 0.10.2, 2026-11-22, one seed: 103 s, with two other trainings beside it. Of
5,000 samples the classifier of benchmarks/digits.py is confident (p >= 0.9) of 60.4 % (of real digits 98.6
%); the rarest digit has 0.8 % (8.4 %), diversity within a class 1.09 (1).
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
