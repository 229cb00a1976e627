"""The ``dcgan_mnist`` config the naive Flax way: what a notebook copied into a project costs.

``nn.Conv`` and ``nn.ConvTranspose`` as they come, one train state per network, and two separately
jitted updates, each of which runs the generator on latents of its own. The mathematics is that of
``torch_dcgan.py``; the difference from gax is the price of the convolutions' lowering, of the
second generator pass, and of a dispatch for every update.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.training import train_state

LATENT_DIM = 100
IMAGE_SHAPE = (28, 28, 1)
NUM_IMAGES = 10_000
SLOPE = 0.3
DECAY = 0.999  # of the average of the generator, reached gradually

Step = Callable[[], tuple[jax.Array, jax.Array]]


class Generator(nn.Module):
    """Latents (N, 100) -> images (N, 28, 28, 1)."""

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        x = nn.Dense(7 * 7 * 256, use_bias=False)(z)
        x = nn.BatchNorm(use_running_average=False, epsilon=1e-3)(x)
        x = nn.leaky_relu(x, SLOPE).reshape(-1, 7, 7, 256)
        for width, stride in ((128, 1), (64, 2)):
            x = nn.ConvTranspose(width, (5, 5), (stride, stride), use_bias=False)(x)
            x = nn.BatchNorm(use_running_average=False, epsilon=1e-3)(x)
            x = nn.leaky_relu(x, SLOPE)
        x = nn.ConvTranspose(IMAGE_SHAPE[-1], (5, 5), (2, 2), use_bias=False)(x)
        return nn.tanh(x)


class Discriminator(nn.Module):
    """Images (N, 28, 28, 1) -> logits (N, 1)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for width in (64, 128):
            x = nn.leaky_relu(nn.Conv(width, (5, 5), (2, 2))(x), SLOPE)
            x = nn.Dropout(0.3, deterministic=False)(x)
        return nn.Dense(1)(x.reshape(x.shape[0], -1))


class TrainState(train_state.TrainState):
    """Flax's train state with the running means of batch-norm, and an average of both."""

    batch_stats: Any = None
    ema: Any = None


def bce(logits: jax.Array, label: float) -> jax.Array:
    """Binary cross-entropy of logits against one label for all."""
    labels = jnp.full_like(logits, label)
    return optax.sigmoid_binary_cross_entropy(logits, labels).mean()


def generate(params: Any, state_g: TrainState, key: jax.Array, batch_size: int) -> Any:
    """A generator pass on fresh latents: (fakes, new batch statistics)."""
    z = jax.random.normal(key, (batch_size, LATENT_DIM))
    variables = {'params': params, 'batch_stats': state_g.batch_stats}
    fake, updates = state_g.apply_fn(variables, z, mutable=['batch_stats'])
    return fake, updates['batch_stats']


@jax.jit
def update_d(state_d: TrainState, state_g: TrainState, real: jax.Array, key: jax.Array) -> Any:
    """One discriminator update: (new state, loss)."""
    key_z, key_real, key_fake = jax.random.split(key, 3)
    fake, _ = generate(state_g.params, state_g, key_z, real.shape[0])

    def loss_fn(params: Any) -> jax.Array:
        on_real = state_d.apply_fn({'params': params}, real, rngs={'dropout': key_real})
        on_fake = state_d.apply_fn({'params': params}, fake, rngs={'dropout': key_fake})
        return bce(on_real, 1.0) + bce(on_fake, 0.0)

    loss, grads = jax.value_and_grad(loss_fn)(state_d.params)
    return state_d.apply_gradients(grads=grads), loss


@jax.jit
def update_g(state_g: TrainState, state_d: TrainState, real: jax.Array, key: jax.Array) -> Any:
    """One generator update; ``real`` only tells the batch size: (new state, loss)."""
    key_z, key_dropout = jax.random.split(key)

    def loss_fn(params: Any) -> Any:
        fake, batch_stats = generate(params, state_g, key_z, real.shape[0])
        logits = state_d.apply_fn({'params': state_d.params}, fake, rngs={'dropout': key_dropout})
        return bce(logits, 1.0), batch_stats

    (loss, batch_stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(state_g.params)
    state_g = state_g.apply_gradients(grads=grads, batch_stats=batch_stats)
    decay = jnp.minimum(DECAY, state_g.step / (9 + state_g.step))
    ema = optax.incremental_update((state_g.params, batch_stats), state_g.ema, 1.0 - decay)
    return state_g.replace(ema=ema), loss


def init_states() -> tuple[TrainState, TrainState]:
    """Fresh train states of the discriminator and the generator."""
    key = jax.random.key(0, impl='threefry2x32')
    net_d, net_g = Discriminator(), Generator()
    vars_d = net_d.init({'params': key, 'dropout': key}, jnp.zeros((1, *IMAGE_SHAPE)))
    vars_g = net_g.init(key, jnp.zeros((1, LATENT_DIM)))
    adam = optax.adam(1e-4)
    state_d = TrainState.create(apply_fn=net_d.apply, params=vars_d['params'], tx=adam)
    state_g = TrainState.create(
        apply_fn=net_g.apply,
        params=vars_g['params'],
        tx=adam,
        batch_stats=vars_g['batch_stats'],
        ema=(vars_g['params'], vars_g['batch_stats']),
    )
    return state_d, state_g


def build(batch_size: int) -> Step:
    """The training step: one update of each player on images held in memory."""
    images = np.random.default_rng(0).integers(0, 256, (NUM_IMAGES, *IMAGE_SHAPE), np.uint8)
    rng = np.random.default_rng(1)
    key = jax.random.key(1, impl='threefry2x32')
    state_d, state_g = init_states()

    def step() -> tuple[jax.Array, jax.Array]:
        nonlocal key, state_d, state_g
        key, key_d, key_g = jax.random.split(key, 3)
        index = rng.integers(NUM_IMAGES, size=batch_size)
        real = jnp.asarray(images[index].astype(np.float32) / 127.5 - 1.0)
        state_d, loss_d = update_d(state_d, state_g, real, key_d)
        state_g, loss_g = update_g(state_g, state_d, real, key_g)
        return loss_d, loss_g

    return step
