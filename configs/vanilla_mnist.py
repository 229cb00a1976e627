"""The MLP GAN of the tutorials on 28x28 digits: RMSprop, batch-norm and LeakyReLU in G, dropout in D.

    python experiments/train.py --config=configs/vanilla_mnist.py --workdir=runs/vanilla

Goodfellow et al., "Generative Adversarial Nets", 2014. 2 CPU cores (AMD EPYC), JAX 0.10.2, 2026-11-22, one
seed: 98 s; of 5,000 samples the classifier of benchmarks/digits.py is confident (p >= 0.9) of 85.7 % (of real
digits 98.6 %).

Variants: --config.g.net.widths="(256, 512, 1024)" --config.g.net.activation=relu --config.d.net.dropout=0
with adam; --config.d.net.kind=dcgan for an MLP against convolutions.
"""

from collections.abc import Iterator
from typing import Any

from ml_collections import ConfigDict

from gax.config import base, optimizer


def get_config() -> ConfigDict:
    config = base('vanilla')
    config.data.name = 'embedded:mnist'
    config.batch_size = 128
    config.latent_dim = 100
    config.g.net.update({'widths': (128, 256, 512, 1024), 'activation': 'leaky_relu', 'slope': 0.01})
    config.g.net.update({'batch_norm': True, 'momentum': 0.8})
    config.d.net.update({'widths': (1024, 512, 256), 'slope': 0.01, 'dropout': 0.3})
    config.g.optimizer = optimizer('rmsprop', 2e-4)
    config.d.optimizer = optimizer('rmsprop', 4e-4)
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 8
    config.g.net.widths = (16, 32)
    config.d.net.widths = (32, 16)
    return config


def sweep_optimizer() -> Iterator[dict[Any, Any]]:
    """RMSprop as it is, against Adam as in DCGAN (Radford et al., 2016)."""
    yield {('g.optimizer.name', 'd.optimizer.name'): 'rmsprop'}
    adam = {('g.optimizer.name', 'd.optimizer.name'): 'adam', ('g.optimizer.b1', 'd.optimizer.b1'): 0.5}
    yield {**adam, ('g.optimizer.learning_rate', 'd.optimizer.learning_rate'): 2e-4}


def sweep_loss() -> Iterator[dict[Any, Any]]:
    for loss in ('non_saturating', 'least_squares', 'hinge', 'relativistic'):
        yield {'loss': loss}
