"""R3GAN with narrow residual networks on 28x28 digits.

    python experiments/train.py --config=configs/r3gan_mnist.py --workdir=runs/r3gan

Huang et al., "The GAN is dead; long live the GAN! A Modern Baseline GAN", 2024.
One NVIDIA H200 shared by ten trainings, JAX 0.11.2, 2026-11-26, one seed: 3,000 steps and 5,000 samples
within 228 s; the classifier of gax/evals/digit_accuracy.py is confident (p >= 0.9) of 87.6 % of them (real
digits: 98.6 %); the rarest class has 7.7 % (8.4 %); two samples of a class differ 0.96 times as much as real
ones. See benchmarks/digits.py. With rates of 3e-4 and penalties of 0.3 it was 62.8 %. The paper's CIFAR-10
networks are widths (768,) * 4 with two blocks a stage at 32x32 (`base('r3gan')` as it is, with
data.image_size=32), batches of 512, gamma 0.05 falling to 0.005. Both penalties are evaluated on every step
here, as there; terms.r1.every=4 and terms.r2.every=4 make a step cheaper.
"""

from ml_collections import ConfigDict

from gax.config import base


def get_config() -> ConfigDict:
    config = base('r3gan')
    config.data.name = 'embedded:mnist'
    config.batch_size = 64
    config.steps = 3000
    config.g.net.update({'widths': (64, 32, 16), 'blocks': 1})
    config.d.net.update({'widths': (16, 32, 64), 'blocks': 1})
    config.terms.r1.weight = config.terms.r2.weight = 1.0
    for player in (config.g, config.d):
        player.optimizer.learning_rate = 1e-3
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.net.widths = (8, 4)
    config.d.net.widths = (4, 8)
    return config
