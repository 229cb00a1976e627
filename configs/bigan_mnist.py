"""BiGAN on digits: a generator and an encoder that learn to be each other's inverse without comparing pixels.

    python experiments/train.py --config=configs/bigan_mnist.py --workdir=runs/bigan

Donahue et al., "Adversarial Feature Learning", 2017. `ge/reconstruction` in the log is the mean squared error
of G(E(x)). One NVIDIA H200 shared by ten trainings, JAX 0.11.2, 2026-11-26, one seed: 5,000 steps and 5,000
samples within 78 s; the classifier of gax/evals/digit_accuracy.py is confident (p >= 0.9) of 81.3 % of them
(real digits: 98.6 %); the rarest class has 7.2 % (8.4 %); two samples of a class differ 1.01 times as much as
real ones; the mean squared error of G(E(x)) is 0.194 (in [-1, 1]). See benchmarks/digits.py.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits
from gax.config import choose, optimizer


def get_config() -> ConfigDict:
    config = small_digits('bigan')
    config.steps = 5000
    config.latent_dim = 32
    config.d.head.widths = (256,)
    config.e.net.update({'widths': (32, 64), 'kernel': 4, 'slope': 0.2})
    config.g.optimizer = optimizer('adam', 5e-4, b1=0.5)
    config.d.optimizer = optimizer('adam', 2e-4, b1=0.5)
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    choose(config, 'g.net', 'mlp', widths=(8, 8), slope=0.2, momentum=0.9)
    choose(config, 'd.net', 'mlp', widths=(8,))
    config.d.head.widths = (8,)
    config.e.net.widths = (4, 8)
    return config
