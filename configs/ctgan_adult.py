"""CTGAN on a table of your own, such as Adult.

    python experiments/train.py --config=configs/ctgan_adult.py:Adult.csv --workdir=runs/adult

Xu et al., "Modeling Tabular Data using Conditional GAN", 2019. Without a file the data is synthetic:table.
Its quality on Adult has not been measured at these 300 epochs; benchmarks/tables.py measures it beside the
package ctgan.
"""

from ml_collections import ConfigDict

from gax.config import base, choose

# Of Adult as Zhao et al. (CTAB-GAN+, 2023) have it; every other integer column of theirs is a code.
ADULT = {'native-country': 'category'}


def get_config(path: str = '') -> ConfigDict:
    config = base('ctgan')
    config.data.name = f'table:{path}' if path else 'synthetic:table'
    config.steps = 12_000
    config.log_every, config.sample_every, config.checkpoint.every = 500, 4000, 4000
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size, config.pack = 16, 2
    config.latent_dim = 4
    choose(config, 'g.net', 'table', widths=(8,))
    choose(config, 'd.net', 'mlp', widths=(8,), slope=0.2, dropout=0.5)
    return config
