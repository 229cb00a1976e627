"""Projection discriminator and conditional batch-norm, with the small networks of configs/mnist.py, on 28x28
digits.

    python experiments/train.py --config=configs/projection_mnist.py --workdir=runs/projection

Miyato and Koyama, "cGANs with Projection Discriminator", 2018. 2 CPU cores (AMD EPYC, shared with other
work), JAX 0.10.2, 2026-11-24, one seed: 556 s for 5,000 steps; of 5,000 samples the classifier of
gax/evals/digit_accuracy.py is confident (p >= 0.9) of 97.4 %, and 97.9 % by the class asked for
(real digits: 98.6 %); the rarest class has 9.8 % (8.4 %); two samples of a class differ 0.99 times as much
as real ones. See benchmarks/digits.py. The paper's CIFAR-10 networks are
g.net.kind = d.net.kind = 'sngan' with widths (256,) * 4 and (128,) * 4 at 32x32, and D moves five times a
step; here it moves once, at twice G's rate.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits
from gax.config import schedule


def get_config() -> ConfigDict:
    config = small_digits('projection')
    config.steps = 5000
    config.d.updates = 1
    for player, rate in ((config.g, 5e-4), (config.d, 1e-3)):
        player.optimizer.learning_rate = rate
        player.optimizer.schedule = schedule(
            'linear_schedule', end_value=0.1, transition_begin=0.5, transition_steps=0.5
        )
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.net.widths = (8, 4)
    config.d.net.widths = (4, 8)
    return config
