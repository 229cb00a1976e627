"""CycleGAN from Noto's emoji to OpenMoji's and back, at 32 pixels, without pairs."""

from ml_collections import ConfigDict

from gax.config import base, choose, optimizer


def get_config() -> ConfigDict:
    return unpaired('cyclegan')


def unpaired(gan: str) -> ConfigDict:
    """A recipe of two domains on Noto's and OpenMoji's emoji."""
    config = base(gan)
    config.data.name = 'embedded:noto_openmoji'
    choose(config, 'data', direction='ab')
    config.data.flip = True
    config.batch_size, config.steps = 4, 1000
    config.g.net.widths, config.g.net.blocks, config.d.net.width = (16, 32, 64), 3, 32
    for player in (config.g, config.d):
        player.optimizer = optimizer('adam', 5e-4, b1=0.5)
    return config


def tiny(config: ConfigDict) -> ConfigDict:
    """The config with the smallest images and networks that show everything."""
    choose(config, 'data', image_size=8)
    config.batch_size = 4
    config.g.net.widths, config.g.net.blocks, config.d.net.width = (4, 4), 1, 4
    return config


def get_test_config() -> ConfigDict:
    config = tiny(get_config())
    config.pool_size = 6
    return config
