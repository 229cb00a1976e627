"""The MLP GAN of the tutorials on 28x28 digits: RMSprop, batch-norm and LeakyReLU in G, dropout in D."""

from ml_collections import ConfigDict

from gax.config import base, optimizer


def get_config() -> ConfigDict:
    config = base('vanilla')
    config.data.name = 'embedded:mnist'
    config.batch_size = 128
    config.latent_dim = 100
    config.g.update({'widths': (128, 256, 512, 1024), 'activation': 'leaky_relu', 'slope': 0.01})
    config.g.update({'batch_norm': True, 'momentum': 0.8})
    config.d.update({'kind': 'mlp', 'widths': (1024, 512, 256), 'slope': 0.01, 'dropout': 0.3})
    config.g.optimizer = optimizer('rmsprop', 2e-4)
    config.d.optimizer = optimizer('rmsprop', 4e-4)
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.widths = (16, 32)
    config.d.widths = (32, 16)
    return config
