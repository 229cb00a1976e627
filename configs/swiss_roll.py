"""A swiss roll in the plane: one curved mode, by the networks and the regularised GAN of configs/ring.py.

    python experiments/train.py --config=configs/swiss_roll.py --workdir=runs/swiss_roll

2 CPU cores (AMD EPYC, shared with seven other programs), JAX 0.10.2, 2026-11-26, one seed: 8,000 steps in 288
s, 30 s of CPU time; the averaged generator lies on the roll but for a few samples between its turns
(docs/pictures/swiss_roll.png).
"""

from ml_collections import ConfigDict

from configs import ring


def get_config() -> ConfigDict:
    config = ring.get_config('ls_r1_r2')
    config.data.name = 'synthetic:swiss_roll'
    return config


def get_test_config() -> ConfigDict:
    config = ring.get_test_config('ls_r1_r2')
    config.data.name = 'synthetic:swiss_roll'
    return config
