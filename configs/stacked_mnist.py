"""Stacked MNIST, 1,000 modes, by several methods with networks alike: `benchmarks/modes.py --table=stacked_mnist`.

    python experiments/train.py --config=configs/stacked_mnist.py:rp_r1_r2 --workdir=runs/stacked
    python benchmarks/modes.py --table=stacked_mnist          # every row, one seed: hours on two cores

2 CPU cores (AMD EPYC), JAX 0.10.2, 2026-11-22, one seed, 26,000 samples: rp_r1_r2 covers 1,000 modes with KL 0.059 to
uniform (averaged generator; 0.064 as trained; real digits 0.029) after 20,000 steps, 2,625 s with three other trainings
beside it; after 10,000 steps on a schedule of its own 0.077. Of the samples 50 % have three digits that the classifier is
sure of (p >= 0.9; real: 99 %). All rows: benchmarks/results/modes_stacked_mnist.json; those not in it were not run.
"""

from collections.abc import Callable

from ml_collections import ConfigDict

from gax.config import base, optimizer

STEPS = 10_000


def images(gan: str) -> ConfigDict:
    """The small DCGAN of configs/mnist.py on three channels; 28x28, batch 64, Adam 2e-4 with beta1 0.5 (VEEGAN's)."""
    config = base(gan)
    config.data.name = 'embedded:stacked_mnist'
    config.batch_size = 64
    config.latent_dim = 100
    config.g.update(
        {'kind': 'dcgan', 'widths': (64, 32), 'strides': (2, 2), 'kernel': 4, 'slope': 0.2, 'momentum': 0.9}
    )
    config.d.update({'kind': 'dcgan', 'widths': (32, 64), 'kernel': 4, 'slope': 0.2, 'dropout': 0.0})
    for player in (config.g, config.d):
        player.optimizer = optimizer('adam', 2e-4, b1=0.5)
    config.steps = STEPS
    config.checkpoint.every = 2000
    return config


def dcgan() -> ConfigDict:
    """The non-saturating GAN."""
    return images('vanilla')


def pacdcgan2() -> ConfigDict:
    """D judges two images at once (Lin et al., 2018)."""
    config = images('pacgan')
    config.pack = 2
    return config


def regularised(loss: str, r1: float, r2: float, steps: int = STEPS) -> ConfigDict:
    """Gradient penalties on reals and fakes, with either loss (Huang et al., 2024)."""
    config = images('vanilla')
    config.loss, config.steps = loss, steps
    config.terms.r1.weight, config.terms.r2.weight = r1, r2
    for player in (config.g, config.d):
        player.optimizer = optimizer('adam', 5e-4, b1=0.0, b2=0.99)
        player.optimizer.schedule.update(
            {
                'name': 'linear_schedule',
                'end_value': 0.1,
                'transition_begin': steps // 2,
                'transition_steps': steps // 2,
            }
        )
    return config


ROWS: dict[str, Callable[[], ConfigDict]] = {
    'dcgan': dcgan,
    'pacdcgan2': pacdcgan2,
    'ns_r1_r2': lambda: regularised('non_saturating', 1.0, 1.0),
    'rp_r1': lambda: regularised('relativistic', 1.0, 0.0),
    'rp_r1_r2': lambda: regularised('relativistic', 1.0, 1.0, steps=2 * STEPS),
}


def get_config(row: str = 'rp_r1_r2') -> ConfigDict:
    return ROWS[row]()


def get_test_config(row: str = 'rp_r1_r2') -> ConfigDict:
    config = get_config(row)
    config.batch_size = 8
    config.g.widths, config.d.widths = (8, 4), (4, 8)
    return config
