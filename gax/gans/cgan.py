"""Conditional GAN: the label is concatenated to the inputs of both networks.

Mirza and Osindero, "Conditional Generative Adversarial Nets", 2014, eq. 2. One-hot labels are concatenated to
the latents, and to the data as further channels (constant planes for an image, coordinates for a point), so
that networks of every family work. config.label_scale multiplies the one-hot vector at the latents.
"""

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core.forward import Scorer
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game
from gax.nets import registry
from gax.objectives import losses, players


def defaults() -> ConfigDict:
    """DCGAN's networks, and label_scale."""
    fields = registry.defaults('dcgan')
    fields.label_scale = 1.0
    return fields


def join(x: Array, label: Array, classes: int, scale: float = 1.0) -> Array:
    """Concatenates one-hot labels to every position of x.

    Args:
      x: Float [B, ..., C].
      label: int [B].
      classes: The number of classes.
      scale: Multiplies the one-hot vectors.

    Returns:
      Float [B, ..., C + classes].
    """
    one_hot = scale * jax.nn.one_hot(label, classes, dtype=x.dtype)
    one_hot = one_hot.reshape(-1, *[1] * (x.ndim - 2), classes)
    return jnp.concatenate([x, jnp.broadcast_to(one_hot, (*x.shape[:-1], classes))], axis=-1)


def make(config: Any, spec: Spec) -> Game:
    """Conditional GAN on images [H, W, C] or points [D].

    Raises:
      GaxError: The data have no labels.
    """
    classes = spec.num_classes
    if not classes:
        raise errors.GaxError(f'cgan needs labels, and {spec.name} has none')
    field, shape = spec.target, spec.target_shape
    joined, heads = (*shape[:-1], shape[-1] + classes), registry.heads_for(config)
    nets = {
        'g': registry.generator(config, spec, latent_dim=config.latent_dim + classes),
        'd': registry.discriminator(config.d, joined, heads=heads),
    }

    def inputs(context: Context, batch: Batch) -> tuple[Array, ...]:
        return (join(batch[field], batch['label'], classes),)

    def generate(context: Context) -> tuple[Batch, Context]:
        z, label = context.latents['z'], context.latents['label']
        fake, context = context.apply_and_update('g', join(z, label, classes, config.label_scale))
        return {field: fake}, context

    scorer = Scorer('d', field, inputs, registry.answer(heads))
    loss = losses.make(config.loss, config.label_smoothing)
    return players.two_player_game(config, loss, nets, scorer, conditions=('label',), generate=generate)
