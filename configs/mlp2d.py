"""A small MLP GAN on eight Gaussians in a ring: bound by overhead, the benchmark of the host's share of a
step.

    python experiments/train.py --config=configs/mlp2d.py --workdir=runs/ring
    python experiments/sweep.py --config=configs/mlp2d.py --sweep=lr,seed --workdir=runs/ring_lr

2 CPU cores (AMD EPYC), JAX 0.10.2: 1,248 steps/sec on 2026-11-22, 894 on slower cores on 2026-11-26
(benchmarks/results). One seed, 20,000 steps, `experiments/evaluate.py --num=2500`: 8 modes of 8, 98.4 % of
high quality (98.7 % of real points), reverse KL 0.009.
"""

from collections.abc import Iterator
from typing import Any

from ml_collections import ConfigDict

from gax.config import base, optimizer
from gax.sweep import Range


def get_config() -> ConfigDict:
    config = base('vanilla')
    config.data.name = 'synthetic:ring'
    config.batch_size = 256
    config.latent_dim = 2
    config.g.net.update({'widths': (128, 128), 'activation': 'relu', 'batch_norm': False})
    config.d.net.update({'widths': (128, 128), 'activation': 'relu', 'dropout': 0.0})
    config.g.optimizer = optimizer('adam', 1e-3, b1=0.5)
    config.d.optimizer = optimizer('adam', 1e-3, b1=0.5)
    config.steps_per_call = 50
    config.steps = 20_000
    config.log_every = 500
    config.sample_every = 500
    config.checkpoint.every = 5000
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size = 16
    config.g.net.widths = (8, 8)
    config.d.net.widths = (8, 8)
    return config


def sweep_lr() -> Iterator[dict[Any, Any]]:
    """One learning rate for both players."""
    for rate in (3e-4, 1e-3, 3e-3):
        yield {('g.optimizer.learning_rate', 'd.optimizer.learning_rate'): rate}


def sweep_r1() -> Iterator[dict[Any, Any]]:
    """How strongly D's gradient is penalised at reals and fakes; to be searched."""
    yield {('terms.r1.weight', 'terms.r2.weight'): Range(1e-3, 10.0, log=True)}
