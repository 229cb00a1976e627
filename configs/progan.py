"""ProGAN (Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018).

    python experiments/train.py --config=configs/progan.py:emoji --workdir=runs/progan
    python experiments/train.py --config=configs/progan.py:celeba1024 --workdir=runs/hq

`emoji`: 32x32 on CPU cores, with an eighth of the paper's channels at most, 500 steps for each resolution
and as many to fade the next one in. It has not been measured.

`celeba1024`: the settings of the authors' code for one GPU, but for the batch, which is 16 at every
resolution (theirs falls from 128 to 4), and so the learning rate's factors, which are those of their 8 GPUs.
--config.data.name=folder:PATH says where the images are. It has not been measured here. Parameters of G and
D, which the tests assert: 23,079,115 and 23,087,249.
"""

from ml_collections import ConfigDict

from gax import errors
from gax.config import base


def emoji() -> ConfigDict:
    config = base('progan')
    config.data.name = 'embedded:emoji'
    config.data.flip = True
    config.latent_dim, config.batch_size, config.steps = 64, 16, 4000
    for player in (config.g, config.d):
        player.net.channel_base, player.net.channel_max = 512, 64
    config.growth.stable = config.growth.fade = 8.0
    return config


def celeba1024() -> ConfigDict:
    config = base('progan')
    config.data.name = 'folder:celeba_hq_1024'
    config.growth.rates = (1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 2.0, 3.0, 3.0)
    return config


PRESETS = {'emoji': emoji, 'celeba1024': celeba1024}


def get_config(preset: str = 'emoji') -> ConfigDict:
    return errors.lookup('preset of configs/progan.py', preset, PRESETS)()


def get_test_config() -> ConfigDict:
    config = emoji()
    config.batch_size, config.latent_dim, config.data.image_size = 8, 4, 8
    for player in (config.g, config.d):
        player.net.channel_base, player.net.channel_max = 32, 4
    config.growth.stable, config.growth.fade = 0.0, 0.16  # 20 steps, within which tests stay
    return config
