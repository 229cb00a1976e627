"""WGAN-GP (Gulrajani et al., "Improved Training of Wasserstein GANs", 2017) on digits, the settings of
algorithm 1.

    python experiments/train.py --config=configs/wgan_gp_mnist.py --workdir=runs/wgan_gp

One NVIDIA H200 shared by ten trainings, JAX 0.11.2, 2026-11-26, one seed: 4,000 steps and 5,000 samples
within 142 s; the classifier of gax/evals/digit_accuracy.py is confident (p >= 0.9) of 71.5 % of them (real
digits: 98.6 %); the rarest class has 6.9 % (8.4 %); two samples of a class differ 1.05 times as much as real
ones. See benchmarks/digits.py.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits, tiny


def get_config() -> ConfigDict:
    config = small_digits('wgan_gp')
    config.steps = 4000
    return config


def get_test_config() -> ConfigDict:
    return tiny(get_config())
