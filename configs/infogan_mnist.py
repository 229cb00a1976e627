"""InfoGAN on digits, which it is not told the names of: ten categories, and two continuous codes.

    python experiments/train.py --config=configs/infogan_mnist.py --workdir=runs/infogan
    python experiments/sample.py --workdir=runs/infogan --traverse=category --out=category.png
    python experiments/sample.py --workdir=runs/infogan --traverse=code:0 --out=code0.png

Chen et al., "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial
Nets", 2016: 62 latents (normal; uniform in the authors' code) and weight 1 of the category as there (appendix
C.1). 2 CPU cores (AMD EPYC), JAX 0.10.2, 2026-11-22, one seed: 329 s, with two other trainings beside it. Of
5,000 samples the classifier of benchmarks/digits.py is confident (p >= 0.9) of 87.5 % (of real digits 98.6
%); the rarest digit has 5.5 % (8.4 %), diversity within a class 0.98 (1).
"""

from ml_collections import ConfigDict

from configs.mnist import small_digits
from gax.config import choose, optimizer


def get_config() -> ConfigDict:
    config = small_digits('infogan')
    config.steps = 10_000
    config.latent_dim = 62
    config.code.update({'categories': 10, 'category_weight': 1.0, 'continuous': 2, 'continuous_weight': 0.1})
    config.g.optimizer = optimizer('adam', 1e-3, b1=0.5)
    config.d.optimizer = optimizer('adam', 2e-4, b1=0.5)
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    choose(config, 'g.net', 'mlp', widths=(8, 8), slope=0.2, momentum=0.9)
    choose(config, 'd.net', 'mlp', widths=(8,), slope=0.2, dropout=0.0)
    return config
