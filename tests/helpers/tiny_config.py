"""Not an experiment: a GAN that compiles in a second, with every kind of state (batch-norm, dropout,
averages, Adam).
"""

from ml_collections import ConfigDict

from gax.config import base, optimizer


def get_config(gan: str = 'vanilla') -> ConfigDict:
    config = base(gan or 'vanilla')
    config.data.name = 'embedded:emoji'
    config.batch_size = 8
    config.latent_dim = 4
    config.steps = 20
    config.log_every = 7
    config.sample_every = 10
    config.checkpoint.every = 6
    config.g.net.widths = (8, 8)
    config.d.net.widths = (8, 8)
    config.g.optimizer = optimizer('adam', 1e-3, b1=0.5)
    config.d.optimizer = optimizer('adam', 1e-3, b1=0.5)
    return config
