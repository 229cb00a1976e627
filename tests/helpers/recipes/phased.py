"""A recipe of two phases: G learns to make the mean of the data, then the adversarial game begins."""

import jax.numpy as jnp

from gax.core.types import Phase
from gax.nets import registry
from gax.objectives import losses, players, terms


def defaults():
    fields = registry.defaults('mlp')
    fields.warmup = 3
    return fields


def make(config, spec):
    loss = losses.make(config.loss, config.label_smoothing)
    nets, scorer = registry.pair(config, spec)
    game = players.two_player_game(config, loss, nets, scorer)
    field = spec.target

    def distance(context, out):
        return jnp.mean(jnp.square(context.fakes[field] - jnp.mean(context.batch[field], axis=0)))

    g, d = game.players['g'], game.players['d']
    first = g._replace(
        phases=('warmup',),
        forward=lambda context: ({}, context),
        terms={'distance': terms.stateless(distance)},
    )
    second = {name: player._replace(phases=('adversarial',)) for name, player in (('d', d), ('g', g))}
    phases = (Phase('warmup', 0), Phase('adversarial', config.warmup))
    return game._replace(players={'first': first, **second}, phases=phases)
