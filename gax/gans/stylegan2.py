"""StyleGAN2: a generator in two parts, mapping and synthesis, with lazy R1 and path length regularisation.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, and the settings of "Training
Generative Adversarial Networks with Limited Data", 2020: non-saturating loss, R1 on every 16th step and path
length on every 4th, styles mixed with probability 0.9, Adam with b1 0, b2 0.99, samples of G's average with a
half-life in images. config.ada is the augmentation of the second paper. Class-conditional where `conditional`
is set.

Other than their code: a step makes one batch of fakes, D is updated first and G on the same fakes; there each
update has new latents, and G is first. A lazy term is added to the update of its step, where they take a step
of Adam of its own, so that their corrected rates and betas do not apply (`optimizers.lazy`,
optimizer.lazy_interval). The average of w is averaged with the rest of the mapping network where samples are
drawn; there it is copied.
"""

from typing import Any

from ml_collections import ConfigDict

from gax import errors
from gax.core import ema, optimizers, styles
from gax.core.spec import Spec
from gax.core.types import Game, Term, not_zero
from gax.nets import registry
from gax.objectives import losses, players, style_paths, term_registry


def defaults() -> ConfigDict:
    """StyleGAN2's networks, mixing, R1, path length, a half-life of 10,000 images, and Adam."""
    fields = registry.defaults('stylegan2')
    fields.update({'latent_dim': 512, 'batch_size': 32, 'conditional': False})
    fields.mixing = 0.9  # the probability of mixed styles
    fields.terms = {
        'r1': term_registry.section('r1', weight=10.0, every=16),
        'path_length': term_registry.section('path_length', weight=2.0, every=4),
    }
    fields.ema = ema.section('half_life', kimg=10.0)
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 2e-3, b1=0.0, b2=0.99)
    return fields


def make(config: Any, spec: Spec) -> Game:
    """StyleGAN2 on images [H, W, C].

    Raises:
      GaxError: `conditional` is set and there are no labels, g.net has no two parts, or `mixing` is no
        probability.
    """
    classes = spec.classes_if(config.conditional)
    if isinstance(config.mixing, (int, float)) and not 0 <= config.mixing <= 1:
        raise errors.GaxError(f'config.mixing must be a probability from 0 to 1, and is {config.mixing}')
    field, loss = spec.target, losses.make(config.loss, config.label_smoothing)
    heads = registry.heads_for(config)
    mapping, synthesis = registry.styled(config, spec, classes)
    nets = {
        styles.MAPPING: mapping,
        styles.SYNTHESIS: synthesis,
        'd': registry.discriminator(config.d, spec.target_shape, classes, heads),
    }
    parts = styles.two_nets(field)
    run = styles.generate(parts, config.mixing)
    conditions = ('label',) * bool(classes)
    scorer = registry.scorer_of(field, *conditions)._replace(logits=registry.answer(heads))
    both = (styles.MAPPING, styles.SYNTHESIS)
    game = players.two_player_game(config, loss, nets, scorer, conditions, run, both)
    g = players.generator(config, loss, scorer, run, both, **style_terms(config, parts, field))
    return game._replace(players={**game.players, 'g': g}, styles=parts)


def style_terms(config: Any, parts: Any, field: str) -> dict[str, Term]:
    """The path length with respect to the styles, in place of that with respect to z, where it is on."""
    section = config.terms.get('path_length', {'weight': 0.0})
    if not not_zero(section['weight']):
        return {}
    return {'path_length': style_paths.path_length(parts, field, config.mixing, **section)}
