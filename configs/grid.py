"""Twenty-five Gaussians on a grid, by the methods of configs/ring.py: the rows of `benchmarks/modes.py
--table=grid`.

    python experiments/train.py --config=configs/grid.py:pacgan2 --workdir=runs/grid_pacgan2
    python benchmarks/modes.py --table=grid          # every row over ten seeds

2 CPU cores (AMD EPYC) with other trainings beside it, JAX 0.10.2, 2026-11-22; H200: one NVIDIA H200 with nine
others, JAX 0.11.2, 2026-11-26. Ten seeds in one program, 2,500 samples: modes of 25 and share of high quality
(98.9 % are possible), means over the seeds, of the averaged generator (as trained); seconds for all ten
(benchmarks/results/modes_grid.json has more):

    gan               15.9 (16.2)    24.6 % (27.4)    8,000 steps, 87 s
    gan_deep           2.0 (3.3)     2.4 % (2.8)    8,000 steps, 22 s, H200
    gan_fast_g        14.3 (16.6)     2.7 % (3.2)    8,000 steps, 104 s
    unrolled_fast_g    4.3 (4.5)    11.4 % (26.9)    8,000 steps, 39 s, H200
    ali               11.4 (11.4)    72.6 % (58.7)    8,000 steps, 248 s, 2026-11-26
    pacgan2           17.7 (18.7)     8.0 % (7.9)    8,000 steps, 691 s
    pacgan4           16.5 (14.0)     1.6 % (1.7)    8,000 steps, 75 s
    wgan_gp           24.8 (20.9)    16.7 % (8.8)    4,000 steps, 229 s
    ns_r1_r2          24.9 (24.9)    94.3 % (93.6)   20,000 steps, 56 s, H200
    rp_r1_r2          25.0 (25.0)    95.8 % (95.3)   20,000 steps, 51 s, H200
    ls_r1_r2          25.0 (25.0)    96.6 % (96.3)   20,000 steps, 872 s
"""

from ml_collections import ConfigDict

from configs import ring

ROWS = {name: row for name, row in ring.ROWS.items() if name != 'ls_r1_r2_long'}
STEPS = 20_000  # of the rows with penalties


def get_config(row: str = 'ls_r1_r2') -> ConfigDict:
    config = ring.get_config(row)
    config.data.name = 'synthetic:grid'
    if row.endswith('r1_r2'):
        # Data four times as wide: a larger weight for the same slope, a larger rate to get there, and more
        # layers for 25 peaks.
        config.steps, config.g.net.widths, config.d.net.widths = STEPS, (128,) * 6, (128,) * 3
        config.terms.r1.weight = config.terms.r2.weight = 0.3
        for player in (config.g, config.d):
            player.optimizer.learning_rate = 2e-3
    return config


def get_test_config(row: str = 'ls_r1_r2') -> ConfigDict:
    config = ring.get_test_config(row)
    config.data.name = 'synthetic:grid'
    return config
