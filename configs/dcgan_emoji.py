"""DCGAN of the TensorFlow tutorial on 32x32 colour emoji."""

from ml_collections import ConfigDict

from configs import dcgan_mnist


def get_config() -> ConfigDict:
    config = dcgan_mnist.get_config()
    config.data.name = 'embedded:emoji'
    return config


def get_test_config() -> ConfigDict:
    config = dcgan_mnist.get_test_config()
    config.data.name = 'embedded:emoji'
    return config
