"""pix2pix from line drawings to coloured ones: OpenMoji at 32 pixels."""

from ml_collections import ConfigDict

from gax.config import base, choose, optimizer


def get_config() -> ConfigDict:
    config = base('pix2pix')
    config.data.name = 'embedded:openmoji'
    choose(config, 'data', split='train')
    config.data.flip = True
    config.batch_size = 16
    config.steps = 2000
    for player in (config.g, config.d):
        player.optimizer = optimizer('adam', 5e-4, b1=0.5)
    config.g.net.widths, config.g.net.dropout, config.d.net.width = (32, 64, 128, 256), 0.0, 32
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    choose(config, 'data', image_size=16)
    config.batch_size, config.latent_dim, config.noise = 8, 4, 'z'
    config.g.net.widths, config.g.net.dropout, config.d.net.width = (4, 8, 8), 0.5, 4
    return config
