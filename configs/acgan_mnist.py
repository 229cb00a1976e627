"""AC-GAN on digits: the discriminator names the digit, and the generator is to have it named right.

    python experiments/train.py --config=configs/acgan_mnist.py --workdir=runs/acgan
    python experiments/sample.py --workdir=runs/acgan --num=5000 --out=acgan.npz
    python benchmarks/digits.py --samples=acgan.npz

Odena et al., "Conditional Image Synthesis With Auxiliary Classifier GANs", 2017.
2 CPU cores (AMD EPYC), JAX 0.10.2, 2026-11-22, one seed: 560 s, with two other trainings beside it. Of
5,000 samples the classifier of benchmarks/digits.py is confident (p >= 0.9) of 95.9 % (of real digits 98.6
%), calls 96.2 % by the class asked for (99.0 %); the rarest digit has 8.8 % (8.4 %), diversity within a
class 0.94 (1).
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits
from gax.config import optimizer


def get_config() -> ConfigDict:
    config = small_digits('acgan')
    config.steps = 10_000
    for player in (config.g, config.d):
        player.optimizer = optimizer('adam', 5e-4, b1=0.5)
        player.optimizer.schedule.update(
            {'name': 'linear_schedule', 'end_value': 0.1, 'transition_begin': 0.5, 'transition_steps': 0.5}
        )
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.widths = (8, 4)
    config.d.widths = (4, 8)
    return config
