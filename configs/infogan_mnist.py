"""InfoGAN on digits, which it is not told the names of: ten categories, and two continuous codes.

    python experiments/train.py --config=configs/infogan_mnist.py --workdir=runs/infogan
    python experiments/sample.py --workdir=runs/infogan --traverse=category --out=category.png
    python experiments/sample.py --workdir=runs/infogan --traverse=code:0 --out=code0.png

Chen et al., "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial Nets", 2016:
62 latents (normal; uniform in the authors' code) and weight 1 of the category as there (appendix C.1).
FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from gax.config import base, optimizer


def get_config() -> ConfigDict:
    config = base('infogan')
    config.data.name = 'embedded:mnist'
    config.batch_size = 64
    config.steps = 10_000
    config.latent_dim = 62
    config.code.update({'categories': 10, 'category_weight': 1.0, 'continuous': 2, 'continuous_weight': 0.1})
    config.g.update({'widths': (64, 32), 'strides': (2, 2), 'kernel': 4, 'slope': 0.2, 'momentum': 0.9})
    config.d.update({'widths': (32, 64), 'kernel': 4, 'slope': 0.2, 'dropout': 0.0})
    config.g.optimizer = optimizer('adam', 1e-3, b1=0.5)
    config.d.optimizer = optimizer('adam', 2e-4, b1=0.5)
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.update({'kind': 'mlp', 'widths': (8, 8)})
    config.d.update({'kind': 'mlp', 'widths': (8,)})
    return config
