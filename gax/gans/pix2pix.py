"""pix2pix: from one image to another, learnt from pairs.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017, eq. 4: G minimises
adversarial_weight times its side of the adversarial loss, plus l1_weight times the mean |y - G(x)|. D sees
the image joined with the condition, or the image alone (config.conditional=False, their GAN without the c);
its loss is halved (section 3.3). The number 0 as a weight takes the term away: l1_weight=0 is cGAN alone, and
with adversarial_weight=0 there is no D that is trained, which is L1 alone.

Other than the paper: instance norm and not batch-norm (see nets/unet.py), and no dropout outside of training
unless g.net.dropout_always is set. config.loss='least_squares' here has a factor of one half that their
PyTorch code has not, so that adversarial_weight=2 is the weight of 1 there. With config.noise='z' G is given
config.latent_dim planes of noise as well, each constant over the image (Zhu et al., "Toward Multimodal
Image-to-Image Translation", 2017, section 4); they found that such a G hardly uses it.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import ema, forward
from gax.core.forward import Scorer
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Player, not_zero
from gax.nets import registry
from gax.objectives import augment, losses, players, terms

ROLES = {'g': 'Translator'}
NOISES = ('', 'z')


def defaults() -> ConfigDict:
    """A U-Net, a PatchGAN of 16 pixels, the weights, and what D and G see."""
    fields = registry.defaults('unet', 'patchgan', 'Translator')
    fields.d.net.receptive_field = 16
    fields.l1_weight = 100.0
    fields.adversarial_weight = 1.0
    fields.conditional = True  # whether D sees the condition
    fields.noise = ''  # or 'z': planes of noise beside the condition
    return fields


def planes(z: Array, like: Array) -> Array:
    """z [B, Z] at every pixel of images [B, H, W, C]: [B, H, W, Z]."""
    return jnp.broadcast_to(z[:, None, None, :], (*like.shape[:3], z.shape[-1]))


def joined(config: Any, field: str, conditional: bool) -> forward.Inputs:
    """The inputs of D: the image, and the condition as further channels.

    The condition is augmented as the image is: with the same random numbers, so that they stay aligned.
    """
    condition = augment.from_config(config, Scorer('d', 'condition', forward.fields('condition')))

    def inputs(context: Context, batch: Batch) -> tuple[Array, ...]:
        if not conditional:
            return (batch[field],)
        return (jnp.concatenate([batch[field], *condition.inputs(context, batch)], axis=-1),)

    return inputs


def check(config: Any, spec: Spec) -> tuple[int, ...]:
    """The shape of the condition.

    Raises:
      GaxError: The data have no condition, or one of another size; no objective is left, or the noise is
        unknown.
    """
    errors.lookup('config.noise', config.noise, dict.fromkeys(NOISES))
    if not (not_zero(config.l1_weight) or not_zero(config.adversarial_weight)):
        raise errors.GaxError('config.l1_weight and config.adversarial_weight are both 0: nothing trains g')
    if 'condition' not in spec.fields:
        raise errors.GaxError(
            f'{config.gan} needs pairs, and {spec.name} has no condition: have '
            '--config.data.name=pairs:PATH, or a degradation as the condition, such as '
            '--config.data.condition=gray'
        )
    shape, target = spec.fields['condition'].shape, spec.target_shape
    if shape[:-1] != target[:-1]:
        raise errors.GaxError(
            f'{config.gan} takes conditions of the size of the image, {target[0]}x{target[1]}, and those of '
            f'{spec.name} are {"x".join(map(str, shape[:-1]))}'
        )
    return shape


def make(config: Any, spec: Spec) -> Game:
    """pix2pix from 'condition' [H, W, C'] to the target [H, W, C].

    Raises:
      GaxError: See `check`.
    """
    field, shape, source = spec.target, spec.target_shape, check(config, spec)
    heads, noise = registry.heads_for(config), config.latent_dim if config.noise else 0
    scored = (*shape[:-1], shape[-1] + (source[-1] if config.conditional else 0))
    nets = {
        'g': registry.translator(config.g, shape, (*source[:-1], source[-1] + noise)),
        'd': registry.discriminator(config.d, scored, heads=heads),
    }

    def generate(context: Context) -> tuple[Batch, Context]:
        x = context.latents['condition']
        if noise:
            x = jnp.concatenate([x, planes(context.latents['z'], x)], axis=-1)
        fake, context = context.apply_and_update('g', x)
        return {field: fake}, context

    scorer = Scorer('d', field, joined(config, field, config.conditional), registry.answer(heads))
    game = Game(
        nets,
        players=two_players(config, scorer, generate),
        conditions=('condition',),
        generate=generate,
        generator=('g',),
        ema={'g': ema.from_config(config)},
    )
    return game._replace(latents=forward.normal_latents(noise)) if noise else game


def two_players(config: Any, scorer: Scorer, generate: Any) -> dict[str, Player]:
    """The players 'd' and 'g'; 'g' alone where it has no adversarial term."""
    loss = losses.make(config.loss, config.label_smoothing)
    l1 = terms.reconstruction(
        lambda context, out: context.fakes[scorer.field],
        lambda context, out: context.batch[scorer.field],
        weight=config.l1_weight,
    )
    g = players.generator(config, loss, scorer, generate, l1=l1)
    if not not_zero(config.adversarial_weight):
        alone = {name: term for name, term in g.terms.items() if name != 'adversarial'}
        return {'g': g._replace(forward=lambda context: ({}, context), terms=alone)}
    d = players.discriminator(config, loss, scorer)
    return {
        'd': d._replace(terms=weighted(d, adversarial=0.5)),
        'g': g._replace(terms=weighted(g, adversarial=config.adversarial_weight)),
    }


def weighted(player: Player, **weights: Any) -> dict[str, Any]:
    """The player's terms, some with other weights."""
    return {name: term._replace(weight=weights.get(name, term.weight)) for name, term in player.terms.items()}
