"""The two players of the usual game, from a config. A recipe with other players writes its own."""

from __future__ import annotations

from typing import Any

from gax import forward, optim, penalties, terms
from gax.losses import Loss
from gax.types import Player, Term


def discriminator(
    config: Any, loss: Loss, inputs: forward.Inputs = forward.unlabelled, field: str = 'image', **extra: Term
) -> Player:
    """Owns 'd': the adversarial loss, the penalties of config.terms, and `extra` terms.

    Scores reals and fakes each as a batch of its own, so 'd' may have batch-norm; `forward.score_together` was no faster.
    """
    return Player(
        wrt=('d',),
        forward=forward.score_both(inputs),
        terms={
            'adversarial': terms.adversarial(loss.d),
            **penalties.from_config(config.terms, inputs=inputs, field=field),
            **extra,
        },
        optimizer=optim.make(config.d.optimizer),
        updates=config.d.updates,
        summary=terms.logit_summary,
    )


def generator(config: Any, loss: Loss, inputs: forward.Inputs = forward.unlabelled, **extra: Term) -> Player:
    """Owns 'g': the adversarial loss, which scores the reals too where it is relativistic, and `extra` terms."""
    return Player(
        wrt=('g',),
        forward=(forward.score_both if loss.relativistic else forward.score_fakes)(inputs),
        terms={'adversarial': terms.adversarial(loss.g), **extra},
        optimizer=optim.make(config.g.optimizer),
        updates=config.g.updates,
    )
