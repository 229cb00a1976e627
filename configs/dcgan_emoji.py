"""DCGAN of the TensorFlow tutorial on 32x32 colour emoji.

    python experiments/train.py --config=configs/dcgan_emoji.py --workdir=runs/emoji

The networks of configs/dcgan_mnist.py, a third more work per step, ten times as many steps (335 epochs of
1,906 images). One NVIDIA H200 shared by ten trainings, JAX 0.11.2, 2026-11-26, one seed: 10,000 steps and the
evaluation of 5,000 samples in 197 s; `experiments/evaluate.py --num=5000` gives frechet_emoji 45.6 (953 real
images in the fakes' place: 2.9), precision 0.97,
recall 0.20, coverage 0.59: coloured shapes, few with faces. 1,906 images are few for a GAN without
augmentation.
"""

from ml_collections import ConfigDict

from configs import dcgan_mnist


def get_config() -> ConfigDict:
    config = dcgan_mnist.get_config()
    config.data.name = 'embedded:emoji'
    config.steps = 10_000
    return config


def get_test_config() -> ConfigDict:
    config = dcgan_mnist.get_test_config()
    config.data.name = 'embedded:emoji'
    return config
