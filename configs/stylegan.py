"""StyleGAN (Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019).

    python experiments/train.py --config=configs/stylegan.py:ffhq1024 --workdir=runs/ffhq
    python experiments/train.py --config=configs/stylegan.py:emoji --workdir=runs/stylegan

`ffhq1024`: the settings of the authors' code for 8 GPUs, but for the batch, which is 32 at every resolution;
theirs is larger at the small ones. --config.data.name=folder:PATH says where the images are. It has not been
measured here. Parameters of G and D, which the tests assert: 26,219,627 and 23,087,249.

`emoji`: 32x32 on CPU cores, with narrow networks. It has not been measured.
"""

from ml_collections import ConfigDict

from gax import errors
from gax.config import base


def ffhq1024() -> ConfigDict:
    config = base('stylegan')
    config.data.name = 'folder:ffhq1024'
    config.data.flip = True
    config.batch_size, config.steps, config.growth.first = 32, 25_000_000 // 32, 8
    config.growth.rates = (1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 2.0, 3.0, 3.0)
    return config


def emoji() -> ConfigDict:
    config = base('stylegan')
    config.data.name = 'embedded:emoji'
    config.data.flip = True
    config.latent_dim, config.batch_size, config.steps = 64, 16, 4000
    for player in (config.g, config.d):
        player.net.channel_base, player.net.channel_max = 512, 64
    config.g.net.w_dim, config.g.net.mapping_layers = 64, 4
    config.growth.stable = config.growth.fade = 8.0
    return config


PRESETS = {'ffhq1024': ffhq1024, 'emoji': emoji}


def get_config(preset: str = 'ffhq1024') -> ConfigDict:
    return errors.lookup('preset of configs/stylegan.py', preset, PRESETS)()


def get_test_config() -> ConfigDict:
    config = emoji()
    config.batch_size, config.latent_dim, config.data.image_size = 8, 4, 8
    for player in (config.g, config.d):
        player.net.channel_base, player.net.channel_max = 32, 4
    config.g.net.w_dim, config.g.net.mapping_layers = 4, 1
    config.growth.stable, config.growth.fade = 0.0, 0.16  # 20 steps, within which tests stay
    return config
