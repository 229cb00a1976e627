"""DCGAN of the TensorFlow tutorial on 28x28 digits."""

from ml_collections import ConfigDict

from gax.config import base, optimizer


def get_config() -> ConfigDict:
    config = base('dcgan')
    config.data.name = 'embedded:mnist'
    config.batch_size = 64
    config.steps = 1000
    config.latent_dim = 100
    config.g.update({'widths': (256, 128, 64), 'strides': (1, 2, 2), 'kernel': 5, 'slope': 0.3})
    config.d.update({'widths': (64, 128), 'kernel': 5, 'slope': 0.3, 'dropout': 0.3})
    config.g.optimizer = optimizer('adam', 1e-4)
    config.d.optimizer = optimizer('adam', 1e-4)
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.widths = (8, 8, 4)
    config.d.widths = (4, 8)
    return config
