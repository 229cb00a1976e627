"""InfoGAN: part of the latents is a code that the discriminator's trunk has to recover from the fakes.

Chen et al., "InfoGAN: Interpretable Representation Learning by Information Maximizing Generative Adversarial
Nets", 2016, eq. 5 and 6: min over G and Q, max over D of V(D, G) - lambda L_I(G, Q). L_I = E log Q(c | G(z,
c)) + H(c); H is constant and left out. Q is two heads of D: logits of the category, and the means of the
continuous codes, whose Gaussian has unit variance (fixed, as in the authors' code for digits). As there, D's
player trains the trunk and Q's heads, and D and G both have the information terms, on fakes; the factor 1 / 2
of the Gaussian is kept, its constant is not.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from gax import errors
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Key
from gax.nets import registry
from gax.objectives import losses, players, terms


def defaults() -> ConfigDict:
    """DCGAN's networks, and the sizes and weights of the code."""
    fields = registry.defaults('dcgan')
    fields.code = {'categories': 10, 'category_weight': 1.0, 'continuous': 2, 'continuous_weight': 0.1}
    return fields


def category(context: Context, out: Any) -> Array:
    """-E log Q(category | fake), in nats: log(categories) where Q knows nothing."""
    logits, target = out['fake_out']['category'], context.latents['category']
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, target))


def continuous(context: Context, out: Any) -> Array:
    """-E log Q(code | fake) up to a constant.

    Half the squared error, summed over codes; the mean over the batch.
    """
    error = out['fake_out']['code'] - context.latents['code']
    return 0.5 * jnp.mean(jnp.sum(jnp.square(error), axis=-1))


def make(config: Any, spec: Spec) -> Game:
    """InfoGAN on images [H, W, C] or points [D]; labels are ignored.

    Latents: 'z' ~ N(0, I) [B, latent_dim], 'category' int [B] uniform, 'code' ~ U[-1, 1) [B, continuous].

    Raises:
      GaxError: A part of the code is empty.
    """
    code = config.code
    if code.categories < 1 or code.continuous < 1:
        raise errors.GaxError('config.code.categories and config.code.continuous must be positive')
    dim = config.latent_dim + code.categories + code.continuous
    heads = {'category': code.categories, 'code': code.continuous}
    nets, scorer = registry.pair(config, spec, heads=heads, latent_dim=dim)

    def latents(key: Key, num: int, batch: Batch) -> Batch:
        keys = jax.random.split(key, 3)
        return {
            'z': jax.random.normal(keys[0], (num, config.latent_dim)),
            'category': jax.random.randint(keys[1], (num,), 0, code.categories),
            'code': jax.random.uniform(keys[2], (num, code.continuous), minval=-1.0),
        }

    def generate(context: Context) -> tuple[Batch, Context]:
        one_hot = jax.nn.one_hot(context.latents['category'], code.categories)
        parts = [context.latents['z'], one_hot, context.latents['code']]
        fake, context = context.apply_and_update('g', jnp.concatenate(parts, axis=-1))
        return {scorer.field: fake}, context

    loss = losses.make(config.loss, config.label_smoothing)
    information = {
        'category': terms.stateless(category, weight=code.category_weight),
        'continuous': terms.stateless(continuous, weight=code.continuous_weight),
    }
    two_players = {
        'd': players.discriminator(config, loss, scorer, **information),
        'g': players.generator(config, loss, scorer, generate, **information),
    }
    game = players.two_player_game(config, loss, nets, scorer)
    return game._replace(players=two_players, latents=latents, generate=generate)
