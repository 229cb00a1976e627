"""Few images: 500 digits, and a discriminator that sees them through ADA's augmentations.

    python experiments/train.py --config=configs/ada_mnist.py --workdir=runs/few
    python experiments/evaluate.py --workdir=runs/few --split=test

Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020. The networks of
configs/mnist.py, without labels. p may rise by 1 within 20,000 images: the paper's 500,000 are for
25 million.
This config itself has not been measured; docs/results/limited_data.md has its networks on 100 digits of 16
pixels for 1,000 steps, plain, with DiffAugment and with ADA.
"""

from ml_collections import ConfigDict

from configs import mnist
from gax.config import choose


def get_config() -> ConfigDict:
    config = mnist.get_config()
    config.conditional, config.batch_size, config.steps = False, 32, 2000
    choose(config, 'data', split='train', limit=500)
    choose(config, 'ada', pipeline='bgc', kimg=20.0)
    return config


def get_test_config() -> ConfigDict:
    config = mnist.tiny(get_config())
    choose(config, 'data', image_size=8, limit=64)
    config.ada.pipeline, config.ada.every = 'b', 1
    return config
