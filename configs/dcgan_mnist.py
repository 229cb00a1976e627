"""DCGAN of the TensorFlow tutorial on 28x28 digits.

    python experiments/train.py --config=configs/dcgan_mnist.py --workdir=runs/dcgan

Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks", 2016. 2 CPU cores (AMD EPYC), JAX 0.10.2, 2026-11-22, one seed, 1,000 steps (six epochs of 10,000
digits): 163 s; strokes,
and not yet digits: of 5,000 samples the classifier of benchmarks/digits.py is confident (p >= 0.9) of 62.2 %
(of real digits 98.6 %). The tutorial trains ten times as long; --config.steps=10000 does.
"""

from ml_collections import ConfigDict

from gax.config import base, optimizer


def get_config() -> ConfigDict:
    config = base('dcgan')
    config.data.name = 'embedded:mnist'
    config.batch_size = 64
    config.steps = 1000
    config.latent_dim = 100
    config.g.net.update({'widths': (256, 128, 64), 'strides': (1, 2, 2), 'kernel': 5, 'slope': 0.3})
    config.d.net.update({'widths': (64, 128), 'kernel': 5, 'slope': 0.3, 'dropout': 0.3})
    config.g.optimizer = optimizer('adam', 1e-4)
    config.d.optimizer = optimizer('adam', 1e-4)
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.net.widths = (8, 8, 4)
    config.d.net.widths = (4, 8)
    return config
