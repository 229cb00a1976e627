"""R1 (Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018) on digits.

    python experiments/train.py --config=configs/r1gan_mnist.py --workdir=runs/r1gan

2 CPU cores (AMD EPYC), JAX 0.10.2, 2026-11-22, one seed: 173 s, with two other trainings beside it. Of
5,000 samples the classifier of benchmarks/digits.py is confident (p >= 0.9) of 61.6 % (of real digits 98.6
%); the rarest digit has 3.2 % (8.4 %), diversity within a class 1.08 (1).
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits, tiny


def get_config() -> ConfigDict:
    config = small_digits('r1gan')
    config.steps = 3000
    return config


def get_test_config() -> ConfigDict:
    return tiny(get_config())
