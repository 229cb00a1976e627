"""BEGAN on digits, small dense nets (Berthelot et al., 2017).

    python experiments/train.py --config=configs/began_mnist.py --workdir=runs/began_mnist

2 CPU cores (AMD EPYC, shared with other work), JAX 0.10.2, 2026-11-24, one seed: 213 s for 10,000 steps; of
5,000 samples the classifier of gax/evals/digit_accuracy.py is confident (p >= 0.9) of 86.3 % (real digits:
98.6 %); the rarest class has 1.7 % (8.4 %); two samples of a class differ 0.71 times as much as real ones.
See benchmarks/digits.py.
"""

from ml_collections import ConfigDict

from gax.config import base


def get_config() -> ConfigDict:
    config = base('began')
    config.batch_size = 64
    config.latent_dim = 64
    config.steps = 10_000
    config.g.net.update({'widths': (256, 512), 'activation': 'relu', 'momentum': 0.9})
    config.d.net.update({'widths': (256,), 'code': 32})
    # Ten times the paper's rates: this run has few steps, and the controller must keep up.
    config.g.optimizer.learning_rate = config.d.optimizer.learning_rate = 1e-3
    config.lambda_k = 1e-2
    config.gamma = 0.7
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.net.widths = (8, 8)
    config.d.net.update({'widths': (8,), 'code': 4})
    return config
