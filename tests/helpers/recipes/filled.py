"""As `translated`, and G is told where the hole is: fakes are made from 'condition' and 'mask'."""

import flax.linen as nn

from gax.core.forward import scorer_of
from gax.nets import registry
from gax.objectives import losses, players
from tests.helpers.recipes import translated

defaults = translated.defaults


class Generator(nn.Module):
    channels: int

    @nn.compact
    def __call__(self, z, condition, mask, train):
        return mask * translated.Generator(self.channels)(z, condition, train) + (1 - mask) * condition


def make(config, spec):
    image, mask = (registry.example(*spec.fields[name].shape) for name in ('image', 'mask'))
    generator = Generator(spec.target_shape[-1])
    nets = {
        'g': registry.lifted(generator, registry.example(config.latent_dim), image, mask),
        'd': registry.lifted(translated.Discriminator(), image, image),
    }
    loss, scorer = losses.make(config.loss, config.label_smoothing), scorer_of('image', 'condition')
    return players.two_player_game(config, loss, nets, scorer, conditions=('condition', 'mask'))
