"""The MLP pair of the tutorials; the discriminator may be convolutional (`d.kind`).

Goodfellow et al., "Generative Adversarial Nets", 2014, with the loss named in the config. Data are images
(flattened) or points.
"""

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import ema, errors, forward, losses, nets, players
from gax.data.source import Spec
from gax.nets import dcgan, mlp
from gax.types import Game


def defaults() -> ConfigDict:
    return ConfigDict(
        {
            'g': {
                'widths': (128, 256, 512, 1024),
                'activation': 'leaky_relu',
                'slope': 0.01,
                'batch_norm': True,
                'momentum': 0.8,
            },
            'd': {
                'kind': 'mlp',
                'widths': (1024, 512, 256),
                'activation': 'leaky_relu',
                'slope': 0.01,
                'dropout': 0.3,
            },
        }
    )


def make(config: Any, spec: Spec) -> Game:
    """spec.fields has one of 'image' [H, W, C] and 'point' [D]."""
    loss = losses.make(config.loss, config.label_smoothing)
    ((field, shape),) = spec.fields.items()
    inputs = forward.points if field == 'point' else forward.unlabelled
    g, d = config.g, config.d
    kinds = {
        'mlp': mlp.Discriminator(d.widths, d.activation, d.slope, d.dropout),
        'conv': dcgan.Discriminator(d.widths, slope=d.slope, dropout=d.dropout),
    }
    generator = mlp.Generator(
        shape, g.widths, g.activation, g.slope, g.batch_norm, g.momentum, tanh=field == 'image'
    )
    networks = {
        'g': nets.lift(generator, jax.ShapeDtypeStruct((2, config.latent_dim), jnp.float32)),
        'd': nets.lift(
            errors.lookup('d.kind', d.kind, kinds), jax.ShapeDtypeStruct((2, *shape), jnp.float32)
        ),
    }
    return Game(
        networks,
        players={
            'd': players.discriminator(config, loss, inputs, field=field),
            'g': players.generator(config, loss, inputs),
        },
        latents=forward.normal_latents(config.latent_dim),
        generate=forward.generate(field),
        generator=('g',),
        ema={'g': ema.with_warmup(config.ema.decay)},
    )
