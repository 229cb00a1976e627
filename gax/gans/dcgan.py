"""DCGAN: convolutional generator and discriminator; class-conditional where `conditional` is set.

Radford et al., 2016, in the TensorFlow tutorial's sizes (see nets/dcgan.py). Conditional: the label's embedding
multiplies the generator's latents, and is projected onto the discriminator's features.
"""

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import ema, errors, forward, losses, nets, players
from gax.data.source import Spec
from gax.nets import dcgan
from gax.types import Game


def defaults() -> ConfigDict:
    return ConfigDict(
        {
            'conditional': False,
            'g': {
                'widths': (256, 128, 64),
                'strides': (1, 2, 2),
                'kernel': 5,
                'slope': 0.3,
                'momentum': 0.99,
            },
            'd': {'widths': (64, 128), 'kernel': 5, 'slope': 0.3, 'dropout': 0.3},
        }
    )


def make(config: Any, spec: Spec) -> Game:
    """spec.fields has an 'image' [H, W, C], H and W multiples of the product of g.strides."""
    if 'image' not in spec.fields:
        raise errors.GaxError(f'dcgan makes images, and {spec.name} has none')
    classes = spec.num_classes if config.conditional else 0
    if config.conditional and not classes:
        raise errors.GaxError(f'conditional=True needs labels, and {spec.name} has none')
    loss = losses.make(config.loss, config.label_smoothing)
    shape = spec.fields['image']
    g, d = config.g, config.d
    inputs = forward.labelled if classes else forward.unlabelled
    example = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    label = [jax.ShapeDtypeStruct((2,), jnp.int32)] * bool(classes)
    dcgan.base_shape(shape, g.strides, g.widths)
    networks = {
        'g': nets.lift(
            dcgan.Generator(shape, g.widths, g.strides, g.kernel, g.slope, classes, momentum=g.momentum),
            jax.ShapeDtypeStruct((2, config.latent_dim), jnp.float32),
            *label,
        ),
        'd': nets.lift(dcgan.Discriminator(d.widths, d.kernel, d.slope, d.dropout, classes), example, *label),
    }

    return Game(
        networks,
        players={
            'd': players.discriminator(config, loss, inputs),
            'g': players.generator(config, loss, inputs),
        },
        latents=forward.normal_latents(config.latent_dim, bool(classes)),
        generate=forward.generate(),
        generator=('g',),
        ema={'g': ema.with_warmup(config.ema.decay)},
    )
