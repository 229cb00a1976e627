"""TimeGAN on the prices of a share, windows of 24 days, from a CSV file of one's own.

    python experiments/train.py --config=configs/timegan_stock.py:stock_data.csv --workdir=runs/stock

What follows the colon is the path of the file: a line of names, then a line for each day, the earliest day
first or with a column of dates. TimeGAN's own file is data/stock_data.csv of jsyoon0823/TimeGAN on GitHub:
3,685 days of open, high, low, close, adjusted close and volume. That code reads it from its last day to its
first (--config.data.backwards). Yoon et al., "Time-series Generative Adversarial Networks", 2019.
The run of this file has not been measured.
"""

from ml_collections import ConfigDict

from configs import timegan_sines
from gax.config import choose


def get_config(path: str = '') -> ConfigDict:
    config = timegan_sines.get_config()
    config.data.name = f'series:{path or "stock_data.csv"}'
    choose(config, 'data', length=24)
    config.latent_dim = 6
    return config


def get_test_config() -> ConfigDict:
    """That of the sines, as there may be no file; reading files has tests of its own."""
    return timegan_sines.get_test_config()
