"""TVAE on a table of your own, such as Adult: the non-adversarial row beside configs/ctgan_adult.py.

    python experiments/train.py --config=configs/tvae_adult.py:Adult.csv --workdir=runs/adult_tvae

Xu et al., "Modeling Tabular Data using Conditional GAN", 2019. Without a file the data is synthetic:table.
Its quality on Adult has not been measured; benchmarks/tables.py --methods=gax_tvae measures it.
"""

from ml_collections import ConfigDict

from gax.config import base


def get_config(path: str = '') -> ConfigDict:
    config = base('tvae')
    config.data.name = f'table:{path}' if path else 'synthetic:table'
    config.steps = 12_000
    config.log_every, config.sample_every, config.checkpoint.every = 500, 4000, 4000
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    config.batch_size, config.latent_dim = 16, 4
    config.g.net.widths = config.e.net.widths = (8,)
    return config
