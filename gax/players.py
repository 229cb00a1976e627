"""The two players of the usual game, from a config. A recipe with other players writes its own."""

from __future__ import annotations

from typing import Any

from gax import forward, optim, penalties, terms
from gax.forward import IMAGES, Critic
from gax.losses import Loss
from gax.types import Player, Term


def discriminator(config: Any, loss: Loss, critic: Critic = IMAGES, **extra: Term) -> Player:
    """Owns 'd': the adversarial loss, the penalties of config.terms, and `extra` terms.

    Scores reals and fakes each as a batch of its own, so 'd' may have batch-norm.
    """
    return Player(
        wrt=('d',),
        forward=forward.score_both(critic),
        terms={
            'adversarial': terms.adversarial(loss.d),
            **penalties.from_config(config.terms, critic),
            **extra,
        },
        optimizer=optim.make(config.d.optimizer),
        updates=config.d.updates,
        summary=terms.logit_summary,
    )


def generator(config: Any, loss: Loss, critic: Critic = IMAGES, **extra: Term) -> Player:
    """Owns 'g': the adversarial loss, which scores the reals too where it is relativistic, and `extra` terms."""
    return Player(
        wrt=('g',),
        forward=(forward.score_both if loss.relativistic else forward.score_fakes)(critic),
        terms={'adversarial': terms.adversarial(loss.g), **extra},
        optimizer=optim.make(config.g.optimizer),
        updates=config.g.updates,
    )
