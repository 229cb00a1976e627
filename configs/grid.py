"""Twenty-five Gaussians on a grid, by the methods of configs/ring.py: the rows of `benchmarks/modes.py --table=grid`.

    python experiments/train.py --config=configs/grid.py:pacgan2 --workdir=runs/grid_pacgan2
    python benchmarks/modes.py --table=grid          # every row over ten seeds

2 CPU cores (AMD EPYC), JAX 0.10.2, 2026-11-22, ten seeds in one program, 2,500 samples of the averaged generator: ls_r1_r2
covers 25.0 modes with 96.6 % (standard deviation 0.7) of high quality, of 98.9 % that are possible; 872 s, with two other
trainings beside it. All rows: benchmarks/results/modes_grid.json; those that are not in it were not run.
"""

from ml_collections import ConfigDict

from configs import ring

ROWS = {name: row for name, row in ring.ROWS.items() if name != 'ls_r1_r2_long'}
STEPS = 20_000  # of the rows with penalties


def get_config(row: str = 'ls_r1_r2') -> ConfigDict:
    config = ring.get_config(row)
    config.data.name = 'synthetic:grid'
    if row.endswith('r1_r2'):
        # Data four times as wide: a larger weight for the same slope, a larger rate to get there, and more layers for 25 peaks.
        config.steps, config.g.widths, config.d.widths = STEPS, (128,) * 6, (128,) * 3
        config.terms.r1.weight = config.terms.r2.weight = 0.3
        for player in (config.g, config.d):
            player.optimizer.learning_rate = 2e-3
            player.optimizer.schedule.decay_steps = STEPS
    return config


def get_test_config(row: str = 'ls_r1_r2') -> ConfigDict:
    config = ring.get_test_config(row)
    config.data.name = 'synthetic:grid'
    return config
