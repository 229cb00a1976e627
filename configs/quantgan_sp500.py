"""Quant GAN on the daily returns of the S&P 500, 1990 to 2022; paths of any length.

    python experiments/train.py --config=configs/quantgan_sp500.py --workdir=runs/quantgan
    python experiments/sample.py --workdir=runs/quantgan --num=10 --length=8312 --out=paths.csv

Wiese et al., "Quant GANs: Deep Generation of Financial Time Series", 2020, with 32 channels in place
of their 80: a sixth of the work. --config.data.columns=SP500,AAPL trains on several shares together. The run
of this file has not been measured.
"""

from ml_collections import ConfigDict

from gax.config import base, choose


def get_config() -> ConfigDict:
    config = base('quantgan')
    config.data.name = 'embedded:sp500'
    choose(
        config,
        'data',
        columns='SP500',
        length=127,
        transform='log_return',
        scaling='gaussianized',
    )
    config.batch_size = 64
    config.g.net.width = config.d.net.width = 32
    config.steps = 5000
    config.log_every = config.sample_every = 500
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    choose(config, 'data', length=8, stride=32)
    config.batch_size, config.latent_dim = 8, 2
    for player in (config.g, config.d):
        player.net.width, player.net.dilations = 4, (1, 2)
    return config
