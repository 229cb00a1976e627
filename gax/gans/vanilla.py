"""The first GAN: MLPs by default, any family of networks by `g.kind` and `d.kind`, any loss and penalties by config.

Goodfellow et al., "Generative Adversarial Nets", 2014, with the loss named in the config. Data are images or points. With
`prior.components` the latents are a mixture: see forward.mixture_latents.
"""

from typing import Any

from ml_collections import ConfigDict

from gax import ema, errors, forward, losses, players
from gax.data.source import Spec
from gax.nets import families
from gax.types import Game


def defaults() -> ConfigDict:
    fields = families.defaults('mlp')
    fields.prior = {'components': 0, 'scale': 3.0}
    return fields


def make(config: Any, spec: Spec) -> Game:
    """spec.fields has one of 'image' [H, W, C] and 'point' [D]."""
    loss = losses.make(config.loss, config.label_smoothing)
    prior, dim = config.prior, config.latent_dim
    if prior.components < 0:
        raise errors.GaxError(f'config.prior.components must be 0 or more, and is {prior.components}')
    networks, critic = families.pair(config, spec, latent_dim=dim + prior.components)
    mixture = forward.mixture_latents(dim, prior.components, prior.scale)
    return Game(
        networks,
        players={
            'd': players.discriminator(config, loss, critic),
            'g': players.generator(config, loss, critic),
        },
        latents=mixture if prior.components else forward.normal_latents(dim),
        generate=forward.generate(critic.field),
        generator=('g',),
        ema={'g': ema.with_warmup(config.ema.decay)},
    )
