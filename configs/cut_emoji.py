"""CUT from Noto's emoji to OpenMoji's, at 32 pixels, without pairs and without a way back."""

from ml_collections import ConfigDict

from configs import cyclegan_emoji


def get_config() -> ConfigDict:
    config = cyclegan_emoji.unpaired('cut')
    config.nce.width, config.nce.patches = 64, 64
    return config


def get_test_config() -> ConfigDict:
    config = cyclegan_emoji.tiny(get_config())
    config.nce.width, config.nce.patches = 6, 5
    return config
