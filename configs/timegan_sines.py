"""TimeGAN on sine waves, 24 steps of five columns.

    python experiments/train.py --config=configs/timegan_sines.py --workdir=runs/timegan

Yoon, Jarrett and van der Schaar, "Time-series Generative Adversarial Networks", 2019.
The run of this file has not been measured.
"""

from ml_collections import ConfigDict

from gax.config import base, choose


def get_config() -> ConfigDict:
    config = base('timegan')
    config.data.name = 'synthetic:sines'
    config.batch_size = 128
    config.latent_dim = 5
    config.autoencoder.steps, config.supervised.steps, config.steps = 2000, 2000, 8000
    config.ema.decay = 0.0
    config.log_every = config.sample_every = 500
    config.checkpoint.every = 1000
    return config


def get_test_config() -> ConfigDict:
    config = get_config()
    choose(config, 'data', length=4, features=2)
    config.batch_size, config.latent_dim, config.hidden = 8, 2, 3
    config.autoencoder.steps, config.supervised.steps = 1, 1
    config.ema.decay = 0.9
    for name in ('e', 'r', 's', 'g', 'd'):
        config[name].net.widths = (4,)
    return config
