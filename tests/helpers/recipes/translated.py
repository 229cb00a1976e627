"""A game on two images: G makes 'image' from noise and 'condition', and D scores an image beside its condition."""

import flax.linen as nn
import jax.numpy as jnp

from gax.core.forward import scorer_of
from gax.nets import registry
from gax.objectives import losses, players, terms


class Generator(nn.Module):
    channels: int

    @nn.compact
    def __call__(self, z, condition, train):
        bias = nn.Dense(self.channels)(z)[:, None, None, :]
        return jnp.tanh(nn.Dense(self.channels)(condition) + bias)


class Discriminator(nn.Module):
    @nn.compact
    def __call__(self, image, condition, train):
        both = jnp.concatenate([image, condition], axis=-1)
        return nn.Dense(1)(jnp.tanh(nn.Dense(4)(both)))[..., 0]  # a logit a pixel


def defaults():
    fields = registry.defaults('mlp')
    fields.l1_weight = 1.0
    return fields


def make(config, spec):
    image, condition = (registry.example(*spec.fields[name].shape) for name in ('image', 'condition'))
    nets = {
        'g': registry.lifted(
            Generator(spec.target_shape[-1]), registry.example(config.latent_dim), condition
        ),
        'd': registry.lifted(Discriminator(), image, condition),
    }
    loss, scorer = losses.make(config.loss, config.label_smoothing), scorer_of('image', 'condition')
    l1 = terms.reconstruction(
        lambda context, out: context.fakes['image'],
        lambda context, out: context.batch['image'],
        weight=config.l1_weight,
    )
    game = players.two_player_game(config, loss, nets, scorer, conditions=('condition',))
    return game._replace(players={**game.players, 'g': players.generator(config, loss, scorer, l1=l1)})
