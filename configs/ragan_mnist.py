"""Relativistic average GAN (Jolicoeur-Martineau, "The relativistic discriminator", 2018, RaSGAN) on digits.

    python experiments/train.py --config=configs/ragan_mnist.py --workdir=runs/ragan

2 CPU cores (AMD EPYC), JAX 0.10.2, 2026-11-22, one seed: 246 s, with two other trainings beside it. Of
5,000 samples the classifier of benchmarks/digits.py is confident (p >= 0.9) of 68.0 % (of real digits 98.6
%); the rarest digit has 3.6 % (8.4 %), diversity within a class 1.06 (1).
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits, tiny


def get_config() -> ConfigDict:
    config = small_digits('ragan')
    config.steps = 3000
    return config


def get_test_config() -> ConfigDict:
    return tiny(get_config())
