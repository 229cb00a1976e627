"""ALI on digits: BiGAN with an encoder that draws its code.

    python experiments/train.py --config=configs/ali_mnist.py --workdir=runs/ali

Dumoulin et al., "Adversarially Learned Inference", 2017. FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from configs import bigan_mnist


def get_config() -> ConfigDict:
    config = bigan_mnist.get_config()
    config.e.stochastic = True
    return config


def get_test_config() -> ConfigDict:
    config = bigan_mnist.get_test_config()
    config.e.update({'kind': 'mlp', 'widths': (8,), 'stochastic': True})
    return config
