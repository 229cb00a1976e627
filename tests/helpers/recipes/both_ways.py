"""A game on two unpaired domains: 'a' becomes 'b' and 'b' becomes 'a', each by a layer; only cycles are
trained.
"""

import flax.linen as nn
import jax.numpy as jnp

from gax.core import optimizers
from gax.core.types import Game, Player
from gax.nets import registry
from gax.objectives import terms


class Translator(nn.Module):
    channels: int

    @nn.compact
    def __call__(self, x, train):
        return jnp.tanh(nn.Dense(self.channels)(x))


def defaults():
    return registry.defaults('mlp')


def generate(context):
    b, context = context.apply_and_update('g_ab', context.latents['a'])
    a, context = context.apply_and_update('g_ba', context.latents['b'])
    return {'a': a, 'b': b}, context


def cycles(context):
    back = context.apply('g_ba', context.fakes['b'])
    return {'real': None, 'back': back}, context


def make(config, spec):
    nets = {
        name: registry.lifted(
            Translator(spec.fields[target].shape[-1]), registry.example(*spec.fields[source].shape)
        )
        for name, source, target in (('g_ab', 'a', 'b'), ('g_ba', 'b', 'a'))
    }
    cycle = terms.reconstruction(
        lambda context, out: out['back'], lambda context, out: context.batch['a'], weight=1.0
    )
    player = Player(tuple(nets), cycles, {'cycle': cycle}, optimizers.make(config.g.optimizer, config.steps))
    return Game(nets, {'g': player}, generate=generate, generator=tuple(nets), conditions=('a', 'b'))
