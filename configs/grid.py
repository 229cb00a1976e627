"""Twenty-five Gaussians on a grid, by the methods of configs/ring.py: the rows of `benchmarks/modes.py --table=grid`.

    python experiments/train.py --config=configs/grid.py:pacgan2 --workdir=runs/grid_pacgan2
    python benchmarks/modes.py --table=grid          # every row over ten seeds

FIGURE: not measured yet.
"""

from ml_collections import ConfigDict

from configs import ring

ROWS = ring.ROWS


def get_config(row: str = 'ls_r1_r2') -> ConfigDict:
    config = ring.get_config(row)
    config.data.name = 'synthetic:grid'
    if row.endswith('r1_r2'):
        config.d.widths = (
            256,
            256,
            256,
        )  # twenty-five peaks: with two layers of 128 half of the samples stay outside
        config.terms.r1.weight = config.terms.r2.weight = 0.3
    return config


def get_test_config(row: str = 'ls_r1_r2') -> ConfigDict:
    config = ring.get_test_config(row)
    config.data.name = 'synthetic:grid'
    return config
