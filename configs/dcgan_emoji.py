"""DCGAN of the TensorFlow tutorial on 32x32 colour emoji.

    python experiments/train.py --config=configs/dcgan_emoji.py --workdir=runs/emoji

The networks of configs/dcgan_mnist.py, a third more work per step. Its quality has not been measured yet.
"""

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
