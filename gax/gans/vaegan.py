"""VAE/GAN: an autoencoder whose reconstructions are compared by the discriminator's features.

Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016, algorithm 1: one forward
pass makes fakes from the prior and reconstructions. Then D descends L_GAN, E L_prior + L_llike, and G gamma
L_llike + its side of L_GAN.

Conventions: L_llike = |D_l(x) - D_l(G(E(x)))|^2 / 2, summed over D's last hidden layer (a Gaussian of unit
variance, as in the paper, without its constant); L_prior = KL summed over the code; both are means over the
batch. L_GAN is the config's loss (the paper's is 'minimax') of reals against fakes, plus that of reals
against reconstructions: D's loss counts the reals twice, where the paper counts them once. Features are of
D's inputs, augmented where the config augments them.
"""

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax.core import ema, forward, optimizers, trees
from gax.core.optimizers import section
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Net, Term
from gax.nets import encoder, families, registry
from gax.objectives import augment, losses, players, terms
from gax.objectives.losses import LossFn

ROLES = {'d': 'Trunk', 'e': 'Trunk'}


def defaults() -> ConfigDict:
    """DCGAN's networks, with trunks for D and E, the encoder's optimizer, and gamma."""
    fields = registry.defaults('dcgan')
    fields.d.net = families.section('dcgan', 'Trunk')
    fields.d.head = encoder.head()
    fields.e = {'net': families.section('dcgan', 'Trunk'), 'updates': 1, 'optimizer': section()}
    fields.gamma = 0.2  # the weight of L_llike in G's loss
    return fields


def similarity(context: Context, out: Any) -> Array:
    """L_llike: half the squared distance of reals and reconstructions in D's features."""
    sides = out['real_out']['features'], out['again_out']['features']
    return 0.5 * trees.mean(jax.tree.map(lambda x, y: jnp.sum(jnp.square(x - y), axis=-1), *sides))


def again(side: LossFn) -> Term:
    """The adversarial loss on reconstructions."""
    return terms.stateless(lambda context, out: trees.mean(trees.pairwise(side, out['real'], out['again'])))


def make(config: Any, spec: Spec) -> Game:
    """VAE/GAN on images [H, W, C] or points [D]."""
    field, shape = spec.target, spec.target_shape
    dim = config.latent_dim

    def feature_discriminator(*shape: int) -> Net:
        trunk = families.build(config.d.net, 'Trunk', shape)
        return registry.lifted(
            encoder.TrunkDiscriminator(trunk, heads={}, **config.d.head), registry.example(*shape)
        )

    code = encoder.Encoder(families.build(config.e.net, 'Trunk', shape), {'mean': dim, 'log_variance': dim})
    nets = {
        'g': registry.generator(config, spec),
        'd': registry.several(config.d, feature_discriminator, shape, heads={}),
        'e': registry.lifted(code, registry.example(*shape)),
    }
    scorer = forward.scorer_of(field)._replace(logits=registry.logits_of)
    augmented = augment.from_config(config, scorer)

    def generate(context: Context) -> tuple[Batch, Context]:
        fake, context = context.apply_and_update('g', context.latents['z'])
        code, context = context.apply_and_update('e', context.batch[field])
        rebuilt, context = context.apply_and_update(
            'g', encoder.noisy(code, context.rng('code')), stream='again'
        )
        return {field: fake, 'again': rebuilt, **code}, context

    def score(context: Context) -> tuple[Any, Context]:
        """Scores reals, fakes from the prior, and reconstructions."""
        out, context = forward.score_both(augmented)(context)
        rebuilt, context = augmented.apply_and_update(context, {field: context.fakes['again']}, 'again')
        return {**out, 'again': augmented.logits(rebuilt), 'again_out': rebuilt}, context

    def error(context: Context, out: Any) -> dict[str, Array]:
        """Metric: the mean squared error of reconstructions, per pixel or coordinate."""
        gap = jax.lax.stop_gradient(context.fakes['again']) - context.batch[field]
        return {'reconstruction': jnp.mean(jnp.square(gap))}

    loss = losses.make(config.loss, config.label_smoothing)
    alike = terms.stateless(similarity)
    prior = terms.stateless(lambda context, out: jnp.mean(encoder.divergence(context.fakes)))
    d = players.discriminator(config, loss, scorer, again=again(loss.d))
    g = players.generator(
        config, loss, scorer, again=again(loss.g), similarity=alike._replace(weight=config.gamma)
    )
    e = g._replace(nets=('e',), terms={'prior': prior, 'similarity': alike}, updates=config.e.updates)
    return Game(
        nets,
        players={
            'd': d._replace(forward=score),
            'e': e._replace(
                forward=score, optimizer=optimizers.make(config.e.optimizer, config.steps), summary=error
            ),
            'g': g._replace(forward=score),
        },
        latents=forward.normal_latents(dim),
        generate=generate,
        synthesize=forward.generate(field),
        generator=('g', 'e'),
        ema={name: ema.from_config(config) for name in ('g', 'e')},
    )
