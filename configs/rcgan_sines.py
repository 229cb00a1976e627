"""RGAN on sine waves: one LSTM against another.

    python experiments/train.py --config=configs/rcgan_sines.py --workdir=runs/rcgan

Esteban, Hyland and Raetsch, "Real-valued (Medical) Time Series Generation with Recurrent Conditional GANs",
2017. The sine waves are those of TimeGAN's paper. Data with labels, such as config.data.name=npz:FILE with
config.data.kind=series, make it the conditional RCGAN.
The run of this file has not been measured.
"""

from ml_collections import ConfigDict

from gax.config import base, choose


def get_config() -> ConfigDict:
    config = base('rcgan')
    config.data.name = 'synthetic:sines'
    config.batch_size = 128
    config.steps = 5000
    config.log_every = config.sample_every = 500
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    choose(config, 'data', length=4, features=2)
    config.batch_size, config.latent_dim = 8, 2
    config.g.net.widths, config.d.net.widths = (4,), (4,)
    return config
