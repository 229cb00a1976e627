"""The digits of `make train`: class-conditional convolutional GAN, tuned for five minutes on two CPU cores."""

from ml_collections import ConfigDict

from gax.config import base, optimizer


def get_config() -> ConfigDict:
    config = base('dcgan')
    config.data.name = 'embedded:mnist'
    config.conditional = True
    config.batch_size = 64
    config.steps = 14_000
    config.latent_dim = 64
    config.g.update({'widths': (64, 32), 'strides': (2, 2), 'kernel': 4, 'slope': 0.2, 'momentum': 0.9})
    config.d.update({'widths': (32, 64), 'kernel': 4, 'slope': 0.2, 'dropout': 0.0})
    for player in (config.g, config.d):
        player.optimizer = optimizer('adam', 5e-4, b1=0.5)
        # Full speed for the first half, then down to a tenth: the last strokes get clean.
        player.optimizer.schedule.update(
            {'name': 'linear_schedule', 'end_value': 0.1, 'transition_begin': 7000, 'transition_steps': 7000}
        )
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.widths = (8, 4)
    config.d.widths = (4, 8)
    return config
