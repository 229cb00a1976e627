"""Not an experiment: sweeps of the tiny config, of points, good ones and all kinds of bad ones."""

from collections.abc import Iterator
from typing import Any

from ml_collections import ConfigDict

from gax.config import base, optimizer
from gax.sweep import Range

RATES = ('g.optimizer.learning_rate', 'd.optimizer.learning_rate')


def get_config() -> ConfigDict:
    config = base('vanilla')
    config.data.name = 'synthetic:ring'
    config.batch_size = 8
    config.latent_dim = 2
    config.steps = 20
    config.log_every = config.checkpoint.every = 5
    config.sample_every = 20
    config.steps_per_call = 1
    config.g.net.update({'widths': (8,), 'activation': 'relu', 'batch_norm': False})
    config.d.net.update({'widths': (8,), 'activation': 'relu', 'dropout': 0.0})
    config.g.optimizer = config.d.optimizer = optimizer('adam', 1e-3, b1=0.5)
    return config


def sweep_lr() -> Iterator[dict[Any, Any]]:
    for rate in (1e-4, 1e-3):
        yield {RATES: rate}


def sweep_widths() -> Iterator[dict[Any, Any]]:
    for widths in ((8,), (4, 4)):
        yield {('g.net.widths', 'd.net.widths'): widths}


def sweep_loss() -> Iterator[dict[Any, Any]]:
    yield {'loss': 'hinge'}
    yield {'loss': 'non_saturating', 'label_smoothing': 0.1}


def sweep_r1() -> Iterator[dict[Any, Any]]:
    yield {'terms.r1.weight': Range(1e-3, 10.0, log=True)}


def sweep_rate() -> Iterator[dict[Any, Any]]:
    yield {RATES: Range(1e-5, 3e-3, log=True)}


def sweep_diverges() -> Iterator[dict[Any, Any]]:
    """Adam takes steps as long as its rate: 1e30 is not finite soon."""
    for rate in (1e-3, 1e30):
        yield {RATES: rate}


def sweep_seed() -> Iterator[dict[Any, Any]]:
    for seed in (3, 5):
        yield {'seed': seed}


def sweep_empty() -> Iterator[dict[Any, Any]]:
    yield from ()


def sweep_misspelt() -> Iterator[dict[Any, Any]]:
    yield {'g.optimizer.learning_rat': 1e-3}


def sweep_wrong_type() -> Iterator[dict[Any, Any]]:
    yield {'batch_size': 'many'}


def sweep_number_for_text() -> Iterator[dict[Any, Any]]:
    yield {'loss': 3}


def sweep_lists() -> Iterator[dict[Any, Any]]:
    yield {('g.net.widths', 'd.net.widths'): [4, 4]}


def sweep_wrong_value() -> Iterator[dict[Any, Any]]:
    yield {'g.optimizer.learning_rate': -1.0}


def sweep_raises() -> Iterator[dict[Any, Any]]:
    yield {'loss': 'hinge'}
    raise ZeroDivisionError('division by zero')


def sweep_lr_again() -> Iterator[dict[Any, Any]]:
    yield {'g.optimizer.learning_rate': 1e-3}


def sweep_twice() -> Iterator[dict[Any, Any]]:
    yield {'loss': 'hinge'}
    yield {'loss': 'hinge'}
