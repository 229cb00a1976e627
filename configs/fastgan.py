"""FastGAN: an image model for hundreds of images rather than thousands.

    python experiments/train.py --config=configs/fastgan.py:emoji --workdir=runs/fastgan
    python experiments/train.py --config=configs/fastgan.py:256 --config.data.name=folder:PATH --workdir=mine

Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis", 2021.
`256`: the authors' networks and settings (29,127,846 parameters in G, 11,526,160 in D with its decoders), for
a folder of images of your own, which are cropped to 256 pixels; it has not been measured. `emoji`: 32x32, a
quarter of the channels (1,948,196 parameters in G, 586,208 in D, 150,432 in its decoders). It has not been
measured: on 2 CPU cores with about ten other processes, JAX 0.10.2, 2026-11-29, ten minutes on the clock (3.5
of CPU time) went into compiling, before the first step. Reconstructions are compared by the mean
|difference|; --config.reconstruction.net=lpips_vgg compares them as the authors do.
"""

from ml_collections import ConfigDict

from gax import errors
from gax.config import base, choose


def paper() -> ConfigDict:
    """256 pixels, ngf = ndf = 64, batches of 8, 50,000 steps."""
    config = base('fastgan')
    config.data.name = 'folder:images'
    choose(config, 'data', image_size=256)
    config.data.flip = True
    config.steps = 50_000
    config.sample_every = config.checkpoint.every = 2500
    return config


def emoji() -> ConfigDict:
    """The embedded emoji, 32x32."""
    config = base('fastgan')
    config.data.name = 'embedded:emoji'
    config.data.flip = True
    config.batch_size, config.steps = 16, 3000
    config.latent_dim = 64
    config.g.net.width = config.d.net.width = 16
    config.decoder.net.width = 8
    for player in (config.g, config.d):
        player.optimizer.learning_rate = 5e-4
    return config


PRESETS = {'256': paper, 'emoji': emoji}


def get_config(preset: str = 'emoji') -> ConfigDict:
    return errors.lookup('preset of configs/fastgan.py', preset, PRESETS)()


def get_test_config() -> ConfigDict:
    config = emoji()
    choose(config, 'data', image_size=8)
    config.batch_size, config.latent_dim, config.augment = 8, 4, ''
    config.g.spectral_norm = config.decoder.spectral_norm = False  # to compile sooner
    config.g.net.width = config.d.net.width = 2
    config.decoder.net.width = 2
    return config
