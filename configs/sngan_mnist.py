"""SNGAN with narrow residual networks on 28x28 digits.

    python experiments/train.py --config=configs/sngan_mnist.py --workdir=runs/sngan

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018.
One NVIDIA H200 shared by ten trainings, JAX 0.11.2, 2026-11-26, one seed: 5,000 steps and 5,000 samples
within 228 s; the classifier of gax/evals/digit_accuracy.py is confident (p >= 0.9) of 87.9 % of them (real
digits: 98.6 %); the rarest class has 6.3 % (8.4 %); two samples of a class differ 1.01 times as much as real
ones. See benchmarks/digits.py. The paper's CIFAR-10 networks are widths (256,) * 4 in G and (128,) * 4 in D
at 32x32 (`base('sngan')` as it is, with data.image_size=32), D moves five times a step, the learning rate
falls to 0 over 100,000 steps. Here D moves once, at twice G's rate.
"""

from ml_collections import ConfigDict

from gax.config import base, schedule


def get_config() -> ConfigDict:
    config = base('sngan')
    config.data.name = 'embedded:mnist'
    config.batch_size = 64
    config.steps = 5000
    config.latent_dim = 64
    config.g.net.widths, config.d.net.widths = (64, 32, 16), (16, 32, 64)
    config.d.updates = 1
    for player, rate in ((config.g, 5e-4), (config.d, 1e-3)):
        player.optimizer.learning_rate = rate
        player.optimizer.schedule = schedule('linear_schedule', end_value=0.0, transition_steps=1.0)
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.net.widths = (4, 4, 4)
    config.d.net.widths = (4, 4)
    return config
