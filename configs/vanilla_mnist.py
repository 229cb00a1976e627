from ml_collections import ConfigDict

from gax import config as gax_config


def get_config() -> ConfigDict:
    config = gax_config.base('vanilla')
    config.batch_size = 128
    config.g.optimizer = gax_config.optimizer('rmsprop', 2e-4)
    config.d.optimizer = gax_config.optimizer('rmsprop', 4e-4)
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 16
    config.g.widths = (16, 32)
    config.d.widths = (32, 16)
    return config
