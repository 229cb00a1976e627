"""The DCGAN and GANTrainer of avitai-artifex, on the sizes of `dcgan64`: the other GAN library in JAX.

It brings TensorFlow, and lives in an environment of its own (``compare.py --artifex_python``). Written as its
example
``simple_gan.py``: two steps compiled by ``nnx.jit``, each with latents of its own; gax's average of the
generator, which its trainer does not have, is a third call. Its networks have biases before
batch-norms, none behind the dense layer and the last convolution but one, and a sigmoid at the end of D;
otherwise those of ``torch_dcgan64.py``, 4,096 multiply-adds apart of 2 * 10^8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from artifex.generative_models.core.configuration.gan_config import DCGANConfig
from artifex.generative_models.core.configuration.network_configs import (
    ConvDiscriminatorConfig,
    ConvGeneratorConfig,
)
from artifex.generative_models.models.gan.dcgan import DCGAN
from artifex.generative_models.training.trainers.gan_trainer import GANTrainer, GANTrainingConfig
from flax import nnx

LATENT_DIM = 100
IMAGE_SHAPE = (3, 64, 64)
NUM_IMAGES = 1_906
DECAY = 0.999


def make_model() -> DCGAN:
    """Latents [B, 100] -> images [B, 3, 64, 64] -> probabilities [B, 1]."""
    common = {'kernel_size': (4, 4), 'stride': (2, 2), 'padding': 'SAME'}
    generator = ConvGeneratorConfig(
        name='g',
        latent_dim=LATENT_DIM,
        hidden_dims=(512, 256, 128, 64),
        output_shape=IMAGE_SHAPE,
        activation='leaky_relu',
        batch_norm=True,
        **common,
    )
    discriminator = ConvDiscriminatorConfig(
        name='d',
        hidden_dims=(64, 128, 256, 512),
        input_shape=IMAGE_SHAPE,
        activation='leaky_relu',
        batch_norm=False,
        **common,
    )
    config = DCGANConfig(name='dcgan', generator=generator, discriminator=discriminator)
    return DCGAN(config, rngs=nnx.Rngs(params=0, dropout=1, sample=2))


@nnx.jit
def average(averaged: nnx.State, generator: nnx.Module, done: int) -> nnx.State:
    """One step of the moving average of the generator; the decay is reached gradually."""
    decay = jnp.minimum(DECAY, (1 + done) / (10 + done))
    return optax.incremental_update(nnx.state(generator, (nnx.Param, nnx.BatchStat)), averaged, 1.0 - decay)


def build(batch_size: int) -> Callable[[], tuple[Any, Any]]:
    """The training step: one update of each player on images held in memory."""
    model = make_model()
    trainer = GANTrainer(GANTrainingConfig(loss_type='vanilla'))
    adam = optax.adam(2e-4, b1=0.5)
    optimizer_g = nnx.Optimizer(model.generator, adam, wrt=nnx.Param)
    optimizer_d = nnx.Optimizer(model.discriminator, adam, wrt=nnx.Param)
    step_d, step_g = nnx.jit(trainer.discriminator_step), nnx.jit(trainer.generator_step)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (NUM_IMAGES, *IMAGE_SHAPE), np.uint8)
    key, done = jax.random.key(0, impl='threefry2x32'), 0
    averaged = nnx.state(model.generator, (nnx.Param, nnx.BatchStat))

    def step() -> tuple[Any, Any]:
        nonlocal key, averaged, done
        key, for_d, for_g, for_step = jax.random.split(key, 4)
        real = jnp.asarray(images[rng.integers(NUM_IMAGES, size=batch_size)].astype(np.float32) / 127.5 - 1.0)
        z_d, z_g = (jax.random.normal(k, (batch_size, LATENT_DIM)) for k in (for_d, for_g))
        loss_d, _ = step_d(model.generator, model.discriminator, optimizer_d, real, z_d, for_step)
        loss_g, _ = step_g(model.generator, model.discriminator, optimizer_g, z_g)
        averaged, done = average(averaged, model.generator, done), done + 1
        return loss_d, loss_g

    return step
