"""EBGAN: the discriminator is an autoencoder, and its reconstruction error is an energy.

Zhao et al., "Energy-based Generative Adversarial Network", 2017: with D(x) = |Dec(Enc(x)) - x| (section 2.3;
the Euclidean norm over pixels, here of images in [-1, 1]) D minimises D(x) + max(0, margin - D(G(z))), eq. 1,
and G minimises D(G(z)), eq. 2; both are means over the batch. terms.pulling_away is the repelling regulariser
of section 2.4 on the codes of the fakes, weight 0.1 there.
"""

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import ema, forward, optimizers
from gax.core.spec import Spec
from gax.core.types import Array, Game
from gax.nets import autoencoder, families, registry
from gax.objectives import players, terms
from gax.objectives.losses import Loss

ROLES = {'d': 'Autoencoder'}


def defaults() -> ConfigDict:
    """An MLP generator and an autoencoder, the loss 'margin', the term pulling_away, and Adam."""
    fields = ConfigDict(
        {'g': registry.defaults('mlp').g, 'd': {'net': families.section('autoencoder', 'Autoencoder')}}
    )
    fields.update({'loss': 'margin', 'margin': 10.0, 'terms': {'pulling_away': {'weight': 0.1, 'every': 1}}})
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 1e-3, b1=0.5)
    return fields


def pulling_away(codes: Array) -> Array:
    """The mean of cos^2 over all pairs of different codes, from 0 (all orthogonal) to 1 (all alike).

    Section 2.4: 1 / (B (B - 1)) sum over i != j. Lengths are sqrt(sum + 1e-12).

    Args:
      codes: Float [B, K].

    Returns:
      float ().

    Raises:
      GaxError: B is 1.
    """
    if len(codes) < 2:
        raise errors.GaxError(
            'terms.pulling_away compares examples, and needs at least 2 at a time: raise batch_size'
        )
    unit = codes * jax.lax.rsqrt(jnp.sum(jnp.square(codes), axis=-1, keepdims=True) + 1e-12)
    batch_size = codes.shape[0]
    cosines = (unit @ unit.T) * (1.0 - jnp.eye(batch_size))
    return jnp.sum(jnp.square(cosines)) / (batch_size * (batch_size - 1))


def margin_loss(margin: Any) -> Loss:
    """Eq. 1 and 2, of logits that are minus the energies."""
    return Loss(lambda real, fake: -real + jax.nn.relu(margin + fake), lambda real, fake: -fake)


def make(config: Any, spec: Spec) -> Game:
    """EBGAN on images [H, W, C] or points [D].

    Raises:
      GaxError: The loss is another, or has label smoothing.
    """
    if config.loss != 'margin' or config.label_smoothing:
        raise errors.GaxError(
            "ebgan has config.loss='margin' and no labels to smooth; gan 'vanilla' takes other losses"
        )
    field, shape = spec.target, spec.target_shape
    scorer, loss = autoencoder.scorer(field, autoencoder.norm), margin_loss(config.margin)
    d = players.discriminator(config, loss, scorer)
    apart = terms.stateless(
        lambda context, out: pulling_away(out['fake_out']['code']), **config.terms.pulling_away
    )
    return Game(
        nets={
            'g': registry.generator(config, spec),
            'd': registry.network(config.d.net, 'Autoencoder', shape),
        },
        players={
            'd': d._replace(
                summary=terms.summaries(autoencoder.energy_summary, terms.diversity_summary(field))
            ),
            'g': players.generator(config, loss, scorer, pulling_away=apart),
        },
        latents=forward.normal_latents(config.latent_dim),
        generate=forward.generate(field),
        generator=('g',),
        ema={'g': ema.from_config(config)},
    )
