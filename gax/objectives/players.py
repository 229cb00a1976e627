"""The usual game and its two players, from a config.

A recipe with other players builds them from the same parts.

Two time scales (TTUR: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
Equilibrium", 2017) are two learning rates, d.optimizer.learning_rate=4e-4 and g.optimizer.learning_rate=1e-4;
n_critic is d.updates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gax.core import ema, fake_gradients, forward, optimizers, wrappers
from gax.core.forward import IMAGES, Scorer
from gax.core.types import Game, Net, Player, Term
from gax.objectives import augment, term_registry, terms
from gax.objectives.losses import Loss
from gax.objectives.regularizers import Generate


def two_player_game(
    config: Any,
    loss: Loss,
    nets: Mapping[str, Net],
    scorer: Scorer = IMAGES,
    conditions: tuple[str, ...] = (),
    generate: Generate | None = None,
    generator_nets: tuple[str, ...] = ('g',),
) -> Game:
    """The game of players 'd' and 'g' with `loss`, normal latents, and a moving average of the generator.

    Most recipes are this game, or replace parts of it: two_player_game(...)._replace(players=...).

    Args:
      config: The config of the run.
      loss: The adversarial loss.
      nets: The networks, 'd' and those of the generator among them.
      scorer: The calling convention of 'd'.
      conditions: The batch fields that fakes are made from in addition to noise, such as ('label',).
      generate: G's forward pass; None for `forward.generate`.
      generator_nets: The names of the generator's networks, which player 'g' trains.

    Returns:
      The game.
    """
    run = generate or forward.generate(scorer.field)
    return Game(
        nets,
        players={
            'd': discriminator(config, loss, scorer),
            'g': generator(config, loss, scorer, run, generator_nets),
        },
        latents=forward.normal_latents(config.latent_dim),
        conditions=conditions,
        generate=run,
        generator=generator_nets,
        ema=dict.fromkeys(generator_nets, ema.from_config(config)),
    )


def discriminator(config: Any, loss: Loss, scorer: Scorer = IMAGES, **extra: Term) -> Player:
    """The player that trains 'd'.

    It scores reals and fakes in two batches, so that 'd' may have batch-norm. Its inputs are noised and
    augmented as the config says (see `augment.from_config`).

    Args:
      config: The config of the run.
      loss: The adversarial loss.
      scorer: The calling convention of 'd', without noise and augmentation.
      **extra: Terms in addition to the adversarial loss and the terms of config.terms that belong to 'd'.

    Returns:
      The player.
    """
    scorer = augment.from_config(config, scorer)
    return Player(
        nets=('d',),
        forward=forward.score_both(scorer),
        terms={
            'adversarial': terms.adversarial(loss.d),
            **term_registry.from_config(config.terms, scorer),
            **augment.controller(config),
            **extra,
        },
        optimizer=optimizers.make(config.d.optimizer, config.steps),
        updates=config.d.updates,
        grad=wrappers.accumulate(config.accumulate),
        summary=terms.summaries(
            terms.logit_summary, terms.diversity_summary(scorer.field), augment.summary(config)
        ),
    )


def generator(
    config: Any,
    loss: Loss,
    scorer: Scorer = IMAGES,
    generate: Generate | None = None,
    nets: tuple[str, ...] = ('g',),
    /,
    **extra: Term,
) -> Player:
    """The player that trains 'g'.

    Its loss scores the reals too if it is relativistic. It counts only the best fakes if config.top_k is set.
    config.fake_gradient normalises the gradient that reaches the fakes (`fake_gradients.normalized`).

    Args:
      config: The config of the run.
      loss: The adversarial loss.
      scorer: The calling convention of 'd', without noise and augmentation.
      generate: The game's forward pass, for terms that make more fakes; None for `forward.generate`.
      nets: The nets of the generator.
      **extra: Terms in addition to the adversarial loss and the terms of config.terms that belong to 'g'.

    Returns:
      The player.
    """
    scorer = augment.from_config(config, scorer)
    grad = wrappers.accumulate(config.accumulate)
    if 'fake_gradient' in config:
        grad = fake_gradients.normalized('g', 'fake_gradient', config.fake_gradient.decay, grad)
        extra['fake_gradient'] = fake_gradients.average()
    return Player(
        nets=nets,
        forward=(forward.score_both if loss.relativistic else forward.score_fakes)(scorer),
        terms={
            'adversarial': terms.top_k(loss.g, **config.get('top_k', {})),
            **term_registry.for_generator(config.terms, scorer, generate, nets),
            **extra,
        },
        optimizer=optimizers.make(config.g.optimizer, config.steps),
        updates=config.g.updates,
        grad=grad,
    )
