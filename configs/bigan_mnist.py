"""BiGAN on digits: a generator and an encoder that learn to be each other's inverse without comparing pixels.

    python experiments/train.py --config=configs/bigan_mnist.py --workdir=runs/bigan

Donahue et al., "Adversarial Feature Learning", 2017. `ge/reconstruction` in the log is the mean squared error of G(E(x)).
FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits
from gax.config import optimizer


def get_config() -> ConfigDict:
    config = small_digits('bigan')
    config.steps = 5000
    config.latent_dim = 32
    config.d.joint.widths = (256,)
    config.e.update({'widths': (32, 64), 'kernel': 4, 'slope': 0.2})
    config.g.optimizer = optimizer('adam', 5e-4, b1=0.5)
    config.d.optimizer = optimizer('adam', 2e-4, b1=0.5)
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.update({'kind': 'mlp', 'widths': (8, 8)})
    config.d.update({'kind': 'mlp', 'widths': (8,), 'joint': {'widths': (8,)}})
    config.e.update({'widths': (4, 8)})
    return config
