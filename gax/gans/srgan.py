"""SRGAN and ESRGAN: large images from small ones, first by L1 alone, then against a discriminator.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network", 2017,
eq. 3, and section 3.2 for the two phases. In the phase 'pixel', of config.pixel.steps steps, G minimises the
mean
|y - G(x)|. In the phase 'adversarial' it minimises config.perceptual.weight times a distance in features,
plus adversarial_weight times its side of the adversarial loss, plus pixel_weight times the mean |y - G(x)|. G
begins the second phase with new moments of its optimizer, config.g.optimizer. With config.pixel.steps=0 there
is the second phase alone.

The small image is the batch's 'condition' (config.data.condition='downsample:4'), and the enlargement is what
the shapes of condition and target say; 1 restores images of the same size. ESRGAN (Wang et al., 2018, eq. 3)
is g.net.kind=rrdb with config.loss='relativistic_average', adversarial_weight=5e-3 and pixel_weight=1e-2,
which are for images in [0, 1]; gax's are in [-1, 1], so that differences of pixels are twice as large. G's
output is not bounded; pictures are clipped.
"""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from gax import errors
from gax.core import ema, forward, optimizers
from gax.core.optimizers import section
from gax.core.spec import Spec
from gax.core.types import Batch, Context, Game, Phase, Player, Term
from gax.nets import perceptual, registry
from gax.objectives import losses, players, terms
from gax.objectives import perceptual as features

ROLES = {'g': 'Upscaler'}


def defaults() -> ConfigDict:
    """SRResNet, SRGAN's discriminator, the phase of L1 alone, and the weights of the second phase."""
    fields = registry.defaults('srresnet', 'vgg', 'Upscaler')
    fields.pixel = {'steps': 2000, 'updates': 1, 'optimizer': section()}
    fields.perceptual = perceptual.section()
    fields.adversarial_weight = 1e-3
    fields.pixel_weight = 1e-2
    return fields


def factor_of(spec: Spec, gan: str) -> int:
    """How many times larger the target is than the condition, in both directions.

    Raises:
      GaxError: There is no condition, or the factor is not a whole number.
    """
    if 'condition' not in spec.fields:
        raise errors.GaxError(
            f'{gan} needs small images, and {spec.name} has no condition: have '
            '--config.data.condition=downsample:4, or pairs'
        )
    large, small = spec.target_shape, spec.fields['condition'].shape
    factor = large[0] // small[0]
    if not factor or large[:2] != (factor * small[0], factor * small[1]):
        raise errors.GaxError(
            f'{gan} enlarges by whole numbers, and {spec.name} has conditions of {small[0]}x{small[1]} for '
            f'images of {large[0]}x{large[1]}'
        )
    return factor


def make(config: Any, spec: Spec) -> Game:
    """Super-resolution from 'condition' [h, w, C'] to the target [H, W, C].

    Raises:
      GaxError: The data have no condition, or one whose size does not divide the image's.
    """
    field, shape, factor = spec.target, spec.target_shape, factor_of(spec, config.gan)
    compared = perceptual.frozen(config.perceptual)
    heads = registry.heads_for(config, None if compared else {})
    nets = {
        'g': registry.translator(config.g, shape, spec.fields['condition'].shape, 'Upscaler', factor=factor),
        'd': registry.discriminator(config.d, shape, heads=heads),
    }

    def generate(context: Context) -> tuple[Batch, Context]:
        fake, context = context.apply_and_update('g', context.latents['condition'])
        return {field: fake}, context

    scorer = forward.scorer_of(field)._replace(logits=registry.answer(heads))
    both = adversarial(config, scorer, dict.fromkeys(compared, field))
    first = both['g']._replace(
        forward=lambda context: ({}, context),
        terms={'pixel': l1(field)},
        optimizer=optimizers.make(config.pixel.optimizer, config.pixel.steps or config.steps),
        updates=config.pixel.updates,
    )
    game = Game(
        {**nets, **{name: net for name, (net, _) in compared.items()}},
        players=both,
        conditions=('condition',),
        generate=generate,
        generator=('g',),
        frozen={name: arrays for name, (_, arrays) in compared.items()},
        ema={'g': ema.from_config(config)},
    )
    return in_phases(game, first, config.pixel.steps)


def l1(field: str, **fields: Any) -> Term:
    """The mean |fake - target|."""
    return terms.reconstruction(
        lambda context, out: context.fakes[field], lambda context, out: context.batch[field], **fields
    )


def adversarial(config: Any, scorer: forward.Scorer, compared: dict[str, str]) -> dict[str, Player]:
    """The players of the second phase.

    Args:
      config: The config of the run.
      scorer: The calling convention of 'd'.
      compared: The frozen net of the perceptual term -> the field that it compares; {} for D's features.

    Returns:
      'd' and 'g'.
    """
    loss, weight = losses.make(config.loss, config.label_smoothing), config.perceptual.weight
    near = [features.by_net(net, field, weight=weight) for net, field in compared.items()]
    g = players.generator(
        config,
        loss,
        scorer,
        None,
        perceptual=near[0] if near else features.by_discriminator(scorer, weight=weight),
        pixel=l1(scorer.field, weight=config.pixel_weight),
    )
    against = g.terms['adversarial']._replace(weight=config.adversarial_weight)
    return {
        'd': players.discriminator(config, loss, scorer),
        'g': g._replace(terms={**g.terms, 'adversarial': against}),
    }


def in_phases(game: Game, first: Player, steps: int) -> Game:
    """The game with `first` alone in its first steps; the game itself where these are 0."""
    if not steps:
        return game
    second = {name: player._replace(phases=('adversarial',)) for name, player in game.players.items()}
    return game._replace(
        players={'pixel': first._replace(phases=('pixel',)), **second},
        phases=(Phase('pixel', 0), Phase('adversarial', steps)),
    )
