"""ALI on digits: BiGAN with an encoder that draws its code.

    python experiments/train.py --config=configs/ali_mnist.py --workdir=runs/ali

Dumoulin et al., "Adversarially Learned Inference", 2017.
One NVIDIA H200 shared by ten trainings, JAX 0.11.2, 2026-11-26, one seed: 5,000 steps and 5,000 samples
within 64 s; the classifier of gax/evals/digit_accuracy.py is confident (p >= 0.9) of 81.5 % of them (real
digits: 98.6 %); the rarest class has 6.6 % (8.4 %); two samples of a class differ 1.02 times as much as real
ones; the mean squared error of G(E(x)) is 0.187 (in [-1, 1]). See benchmarks/digits.py.
"""

from ml_collections import ConfigDict

from configs import bigan_mnist
from gax.config import choose


def get_config() -> ConfigDict:
    config = bigan_mnist.get_config()
    config.e.stochastic = True
    return config


def get_test_config() -> ConfigDict:
    config = bigan_mnist.get_test_config()
    choose(config, 'e.net', 'mlp', widths=(8,))
    config.e.stochastic = True
    return config
