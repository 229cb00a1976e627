"""gan='stripes.recipe': the usual two players, whose generator is also asked to be dark."""

from typing import Any

import jax.numpy as jnp
from ml_collections import ConfigDict

from gax.core.spec import Spec
from gax.core.types import Array, Context, Game
from gax.nets import registry
from gax.objectives import losses, players, terms


def defaults() -> ConfigDict:
    fields = registry.defaults('stripes.nets')
    fields.darkness = 0.1  # the weight of the generator's own term
    return fields


def make(config: Any, spec: Spec) -> Game:
    loss = losses.make(config.loss, config.label_smoothing)
    networks, scorer = registry.pair(config, spec)
    game = players.two_player_game(config, loss, networks, scorer)

    def brightness(context: Context, out: Any) -> Array:
        return jnp.mean(context.fakes['image'])

    dark = terms.stateless(brightness, weight=config.darkness)
    return game._replace(players={**game.players, 'g': players.generator(config, loss, dark=dark)})
