"""Stacked MNIST, 1,000 modes, by several methods with networks alike: `benchmarks/modes.py
--table=stacked_mnist`.

    python experiments/train.py --config=configs/stacked_mnist.py:rp_r1_r2 --workdir=runs/stacked
    python benchmarks/modes.py --table=stacked_mnist          # every row, one seed: hours on two cores

2 CPU cores (AMD EPYC) with other trainings beside it, JAX 0.10.2, 2026-11-22; H200: one NVIDIA H200 with nine
others, JAX 0.11.2, 2026-11-26. One seed, 26,000 samples: modes and KL to uniform (real digits: 0.029) of the averaged
generator (as trained):

    dcgan               966 (974)   KL 0.489 (0.482)   10,000 steps, 841 s
    pacdcgan2           931 (917)   KL 0.750 (0.906)   10,000 steps, 105 s, H200
    ns_r1_r2           1000 (1000)   KL 0.072 (0.066)   10,000 steps, 136 s, H200
    rp_r1              1000 (1000)   KL 0.145 (0.144)   10,000 steps, 121 s, H200
    rp_r1_r2           1000 (1000)   KL 0.059 (0.064)   20,000 steps, 2,625 s

Of the samples of rp_r1_r2 50 % have three digits that the classifier is sure of (p >= 0.9; real: 99 %); with
10,000 steps and a schedule of that length its KL was 0.077. More:
benchmarks/results/modes_stacked_mnist.json.
"""

from collections.abc import Callable

from ml_collections import ConfigDict

from gax.config import base, choose, optimizer, schedule

STEPS = 10_000


def images(gan: str) -> ConfigDict:
    """The small DCGAN of configs/mnist.py on three channels; 28x28, batch 64, Adam 2e-4 with beta1 0.5
    (VEEGAN's).
    """
    config = base(gan)
    config.data.name = 'embedded:stacked_mnist'
    config.batch_size = 64
    config.latent_dim = 100
    choose(config, 'g.net', 'dcgan', widths=(64, 32), strides=(2, 2), kernel=4, slope=0.2, momentum=0.9)
    choose(config, 'd.net', 'dcgan', widths=(32, 64), kernel=4, slope=0.2, dropout=0.0)
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
    choose(config, 'terms.r1', weight=r1)
    choose(config, 'terms.r2', weight=r2)
    for player in (config.g, config.d):
        player.optimizer = optimizer('adam', 5e-4, b1=0.0, b2=0.99)
        player.optimizer.schedule = schedule(
            'linear_schedule', end_value=0.1, transition_begin=0.5, transition_steps=0.5
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
    config.g.net.widths, config.d.net.widths = (8, 4), (4, 8)
    return config
