"""GAT: a GAN of two transformers, on patches of pixels.

    python experiments/train.py --config=configs/gat.py:emoji --workdir=runs/gat
    python experiments/train.py --config=configs/gat.py:s2 --config.data.name=npz:PATH --workdir=runs/mine
    python experiments/train.py --config=configs/gat.py:s2 --config.data.name=random:32x32x4/1000 --dry_run

Hyun et al., "Scalable GANs with Transformers", 2026. `s2`: GAT-S/2 as published (29,256,512 parameters in G
and 32,556,160 in D for 1,000 classes and latents [32, 32, 4]), class-conditional, for arrays of your own
(docs/guides/transformers.md); it has not been measured. The third command counts it without data. `emoji`:
32x32 pixels in patches of 4, 96 channels, 4 blocks, without classes; it has not been measured either.
"""

from ml_collections import ConfigDict

from gax import errors
from gax.config import base
from gax.gans.gat import learning_rate


def small() -> ConfigDict:
    """GAT-S/2 in batches of 512."""
    config = base('gat')
    config.data.name = 'npz:latents.npz'
    config.conditional = True
    config.batch_size, config.steps = 512, 150_000
    config.precision, config.remat = 'bfloat16', 'g,d'
    config.sample_every = config.checkpoint.every = 5000
    return config


def emoji() -> ConfigDict:
    """The embedded emoji, 32x32."""
    config = base('gat')
    config.data.name = 'embedded:emoji'
    config.data.flip = True
    config.augment = 'color,translation,cutout'
    config.batch_size, config.steps = 32, 1500
    for player in (config.g, config.d):
        player.net.update({'patch': 4, 'width': 96, 'depth': 4, 'attention_heads': 4})
        player.optimizer.learning_rate = learning_rate(96)
    config.d.net.embedding = 256
    return config


PRESETS = {'s2': small, 'emoji': emoji}


def get_config(preset: str = 'emoji') -> ConfigDict:
    return errors.lookup('preset of configs/gat.py', preset, PRESETS)()


def get_test_config() -> ConfigDict:
    config = emoji()
    config.data.image_size = 8
    config.batch_size, config.latent_dim, config.augment = 8, 4, 'flip'
    for player in (config.g, config.d):
        player.net.update({'width': 8, 'depth': 2, 'attention_heads': 2})
    config.g.net.levels, config.d.net.depth, config.d.net.embedding = 2, 1, 4
    return config
