"""StyleGAN, the first of the name: a style-based generator that grows, with R1 on every step.

Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", 2019, with the
settings of their code for FFHQ: the non-saturating loss, R1 with gamma 10, 600,000 images for each
resolution and as many to fade the next one in (theirs begins at growth.first=8), styles mixed with
probability 0.9 among the layers that there are, Adam at 1e-3 with b1 0, b2 0.99, anew with each phase,
samples of G's average with a half-life of 10,000 images. growth.rates are factors of the learning rate at
each resolution, 4x4 first. Class-conditional where `conditional` is set.

The batch is the same at every resolution. StyleGAN2 replaces growth and normalisation (gans/stylegan2.py),
and is better in every published number; this is for comparisons with what came before it.
"""

from typing import Any

from ml_collections import ConfigDict

from gax import errors
from gax.core import ema, growth, optimizers, styles
from gax.core.growth import Growth
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Styles
from gax.nets import growing, registry
from gax.objectives import losses, players, term_registry


def defaults() -> ConfigDict:
    """StyleGAN's networks, the phases for images of 1024x1024, mixing, R1, a half-life, and Adam."""
    fields = registry.defaults('stylegan')
    fields.update({'latent_dim': 512, 'batch_size': 16, 'steps': 25_000_000 // 16, 'conditional': False})
    fields.mixing = 0.9  # the probability of mixed styles
    fields.terms = {'r1': term_registry.section('r1', weight=10.0)}
    fields.ema = ema.section('half_life', kimg=10.0)
    fields.growth = growth.section()
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 1e-3, b1=0.0, b2=0.99)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """StyleGAN on images [H, W, C].

    Raises:
      GaxError: `conditional` is set and there are no labels, g.net has no two parts, `mixing` is no
        probability, the images cannot be halved down to 4x4, or training ends before they have grown.
    """
    classes = spec.classes_if(config.conditional)
    if isinstance(config.mixing, (int, float)) and not 0 <= config.mixing <= 1:
        raise errors.GaxError(f'config.mixing must be a probability from 0 to 1, and is {config.mixing}')
    field, shape, loss = spec.target, spec.target_shape, losses.make(config.loss, config.label_smoothing)
    phases = growth.from_config(config, growing.levels(shape), shape)
    heads, conditions = registry.heads_for(config), ('label',) * bool(classes)
    mapping, synthesis = registry.styled(config, spec, classes)
    discriminator = registry.discriminator(config.d, shape, classes, heads)
    nets = {styles.MAPPING: mapping, styles.SYNTHESIS: synthesis, 'd': discriminator}
    parts = staged(field, phases)
    run = styles.generate(parts, config.mixing)
    scorer = registry.scorer_of(field, *conditions)._replace(logits=registry.answer(heads))
    both = (styles.MAPPING, styles.SYNTHESIS)
    game = players.two_player_game(config, loss, nets, growth.staged(scorer, phases), conditions, run, both)
    game = game._replace(styles=parts)
    return growth.grown(game, phases, field, growing.faded, tuple(config.growth.rates))


def staged(field: str, phases: Growth) -> Styles:
    """The parts of a generator that grows: styles for the layers that there are, the stage for synthesis."""
    whole = styles.two_nets(field)

    def to_styles(context: Context) -> tuple[Array, Context]:
        ws, context = whole.mapping(context)
        return ws[:, : 2 * phases.stage(context).level + 2], context

    def to_fakes(context: Context, ws: Array) -> tuple[Batch, Context]:
        output, context = context.apply_and_update(styles.SYNTHESIS, ws, phases.stage(context))
        return {field: output}, context

    return whole._replace(mapping=to_styles, synthesis=to_fakes)
