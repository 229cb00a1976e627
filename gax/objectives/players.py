"""The usual game and its two players, from a config. A recipe with other players writes its own, from the
same parts.

Two time scales (TTUR: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
Equilibrium", 2017) are two learning rates, d.optimizer.learning_rate=4e-4 and g.optimizer.learning_rate=1e-4;
n_critic is d.updates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gax.core import ema, forward, optimizers, wrappers
from gax.core.forward import IMAGES, Scorer
from gax.core.types import Game, Net, Player, Term
from gax.objectives import augment, penalties, terms
from gax.objectives.losses import Loss
from gax.objectives.regularizers import Generate


def two_player_game(
    config: Any,
    loss: Loss,
    nets: Mapping[str, Net],
    scorer: Scorer = IMAGES,
    conditions: tuple[str, ...] = (),
    generate: Generate | None = None,
) -> Game:
    """'d' and 'g' with `loss`, normal latents, and an average of 'g': the game that most recipes are, or
    begin from.

    conditions: the batch fields that fakes are made from beside noise, ('label',) for one. generate: G's
        pass, `forward.generate` where it is None.
    What else differs is replaced: two_player_game(...)._replace(players=...).
    """
    run = generate or forward.generate(scorer.field)
    return Game(
        nets,
        players={'d': discriminator(config, loss, scorer), 'g': generator(config, loss, scorer, run)},
        latents=forward.normal_latents(config.latent_dim),
        conditions=conditions,
        generate=run,
        generator=('g',),
        ema={'g': ema.with_warmup(config.ema.decay)},
    )


def discriminator(config: Any, loss: Loss, scorer: Scorer = IMAGES, **extra: Term) -> Player:
    """Owns 'd': the adversarial loss, the terms of config.terms that are its own, and `extra` terms.

    Scores reals and fakes each as a batch of its own, so 'd' may have batch-norm. What it is shown is noised
    and augmented as the config says (see `augment.from_config`; give it the scorer without).
    """
    scorer = augment.from_config(config, scorer)
    return Player(
        nets=('d',),
        forward=forward.score_both(scorer),
        terms={
            'adversarial': terms.adversarial(loss.d),
            **penalties.from_config(config.terms, scorer),
            **augment.controller(config),
            **extra,
        },
        optimizer=optimizers.make(config.d.optimizer, config.steps),
        updates=config.d.updates,
        grad=wrappers.accumulate(config.accumulate),
        summary=terms.summaries(terms.logit_summary, terms.diversity_summary(scorer.field)),
    )


def generator(
    config: Any, loss: Loss, scorer: Scorer = IMAGES, generate: Generate | None = None, /, **extra: Term
) -> Player:
    """Owns 'g': the adversarial loss, the terms of config.terms that are its own, and `extra` terms.

    The loss scores the reals too where it is relativistic, and only the best fakes where config.top_k says
    so.
    generate: the game's own pass, for terms that make fakes anew; `forward.generate` where it is None.
    """
    scorer = augment.from_config(config, scorer)
    return Player(
        nets=('g',),
        forward=(forward.score_both if loss.relativistic else forward.score_fakes)(scorer),
        terms={
            'adversarial': terms.top_k(loss.g, **config.get('top_k', {})),
            **penalties.for_generator(config.terms, scorer, generate),
            **extra,
        },
        optimizer=optimizers.make(config.g.optimizer, config.steps),
        updates=config.g.updates,
        grad=wrappers.accumulate(config.accumulate),
    )
