"""Conditional GAN on digits: the label joined to the latents, and to the image as constant planes.

    python experiments/train.py --config=configs/cgan_mnist.py --workdir=runs/cgan

Mirza and Osindero, "Conditional Generative Adversarial Nets", 2014, here with small convolutional networks.
2 CPU cores (AMD EPYC, shared with other work), JAX 0.10.2, 2026-11-24, one seed: 1070 s for 6,000 steps; of
5,000 samples the classifier of gax/evals/digit_accuracy.py is confident (p >= 0.9) of 96.0 %, and 95.8 % by
the class asked for
(real digits: 98.6 %); the rarest class has 9.5 % (8.4 %); two samples of a class differ 0.98 times as much
as real ones. See benchmarks/digits.py.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits
from gax.config import choose, optimizer, schedule


def get_config() -> ConfigDict:
    config = small_digits('cgan')
    config.steps = 6000
    for player in (config.g, config.d):
        player.optimizer = optimizer('adam', 5e-4, b1=0.5)
        player.optimizer.schedule = schedule(
            'linear_schedule', end_value=0.1, transition_begin=0.5, transition_steps=0.5
        )
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    choose(config, 'g.net', 'mlp', widths=(8, 8), slope=0.2, momentum=0.9)
    config.d.net.widths = (4, 8)
    return config
