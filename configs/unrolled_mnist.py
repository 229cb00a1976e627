"""Unrolled GAN (Metz et al., "Unrolled Generative Adversarial Networks", 2017) on digits.

    python experiments/train.py --config=configs/unrolled_mnist.py --workdir=runs/unrolled

2 CPU cores (AMD EPYC, shared with other work), JAX 0.10.2, 2026-11-26, one seed: 1,500 steps take 522 s of
CPU time; of 5,000 samples the classifier of gax/evals/digit_accuracy.py is confident (p >= 0.9) of 55.4 %
(real digits: 98.6 %); the rarest class has 1.0 % (8.4 %); two samples of a class differ 1.18 times as much as
real ones: few steps, ragged digits. With the recipe's own unrolled.learning_rate of 0.03, which suits points,
D won at once and G made noise (0.1 % after 3,000 steps).
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits, tiny


def get_config() -> ConfigDict:
    config = small_digits('unrolled')
    config.steps = 1500
    config.unrolled.learning_rate = 3e-4
    return config


def get_test_config() -> ConfigDict:
    config = tiny(get_config())
    config.unrolled.steps = 2
    return config
