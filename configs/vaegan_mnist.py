"""VAE/GAN on digits: reconstructions and samples, both judged; likeness is measured by D's features.

    python experiments/train.py --config=configs/vaegan_mnist.py --workdir=runs/vaegan

Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016. `e/reconstruction` in the
log is the mean squared error of G(E(x)) per pixel, which nobody descends.
One NVIDIA H200 shared by ten trainings, JAX 0.11.2, 2026-11-26, one seed: 5,000 steps and 5,000 samples
within 64 s; the classifier of gax/evals/digit_accuracy.py is confident (p >= 0.9) of 77.7 % of them (real
digits: 98.6 %); the rarest class has 4.3 %
(8.4 %); two samples of a class differ 1.03 times as much as real ones; the mean squared error of G(E(x)) is
0.112 (in [-1, 1]). See benchmarks/digits.py.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits
from gax.config import choose, optimizer


def get_config() -> ConfigDict:
    config = small_digits('vaegan')
    config.steps = 5000
    config.latent_dim = 32
    config.e.net.update({'widths': (32, 64), 'kernel': 4, 'slope': 0.2})
    config.e.optimizer = optimizer('adam', 5e-4, b1=0.5)
    config.g.optimizer = optimizer('adam', 5e-4, b1=0.5)
    config.d.optimizer = optimizer('adam', 2e-4, b1=0.5)
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    choose(config, 'g.net', 'mlp', widths=(8, 8), slope=0.2, momentum=0.9)
    choose(config, 'd.net', 'mlp', widths=(8,))
    choose(config, 'e.net', 'mlp', widths=(8,))
    return config
