"""BiGAN and ALI: an encoder in addition to the generator, and a discriminator of pairs (data, code).

Donahue et al., "Adversarial Feature Learning", 2017, eq. 3; Dumoulin et al., "Adversarially Learned
Inference", 2017, algorithm 1. D distinguishes (x, E(x)), its reals, from (G(z), z), its fakes. One player
trains both G and E, and minimises D's loss with the two exchanged (the non-saturating form of both papers,
where the loss has one). With e.stochastic the code is drawn from N(mean, variance) of the encoder (ALI);
otherwise it is the mean (BiGAN). Of several discriminators (`d.members`, `d.scales`) each takes the code with
its input.
"""

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax.core import ema, forward
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Net
from gax.nets import encoder, families, registry
from gax.objectives import losses, players
from gax.objectives.losses import Loss

ROLES = {'d': 'Trunk', 'e': 'Trunk'}


def defaults() -> ConfigDict:
    """DCGAN's networks, with trunks for D and E."""
    fields = registry.defaults('dcgan')
    fields.d.net = families.section('dcgan', 'Trunk')
    fields.d.head = encoder.head(widths=(256,))  # on the trunk's features and the code together
    fields.e = {'net': families.section('dcgan', 'Trunk'), 'stochastic': False}
    return fields


def make(config: Any, spec: Spec) -> Game:
    """BiGAN or ALI on images [H, W, C] or points [D]. g.optimizer updates the encoder too."""
    field, shape = spec.target, spec.target_shape
    dim = config.latent_dim
    outputs = {'mean': dim, 'log_variance': dim} if config.e.stochastic else {'mean': dim}
    heads = registry.heads_for(config)

    def pair_discriminator(*shape: int) -> Net:
        trunk = families.build(config.d.net, 'Trunk', shape)
        module = encoder.TrunkDiscriminator(trunk, heads=heads, **config.d.head)
        return registry.lifted(module, registry.example(*shape), registry.example(dim))

    nets = {
        'g': registry.generator(config, spec),
        'e': registry.lifted(
            encoder.Encoder(families.build(config.e.net, 'Trunk', shape), outputs), registry.example(*shape)
        ),
        'd': registry.several(config.d, pair_discriminator, shape, heads),
    }
    scorer = forward.scorer_of(field, 'z')._replace(logits=registry.answer(heads))

    def generate(context: Context) -> tuple[Batch, Context]:
        fake, context = context.apply_and_update('g', context.latents['z'])
        out, context = context.apply_and_update('e', context.batch[field])
        return {field: fake, 'code': encoder.noisy(out, context.rng('code'))}, context

    def paired(context: Context) -> Context:
        """Adds the codes to the batch and to the fakes, where the discriminator and penalties read them."""
        real, fake = {'z': context.fakes['code']}, {'z': context.latents['z']}
        return context._replace(batch={**context.batch, **real}, fakes={**context.fakes, **fake})

    def watched(context: Context, out: Any) -> dict[str, Array]:
        """Metric: the mean squared error of G(E(x)), per pixel or coordinate."""
        rebuilt = context.apply('g', context.fakes['code'])
        return {'reconstruction': jnp.mean(jnp.square(jax.lax.stop_gradient(rebuilt) - context.batch[field]))}

    loss = losses.make(config.loss, config.label_smoothing)
    mirrored = Loss(loss.d, lambda real, fake: loss.d(fake, real), relativistic=True)
    d = players.discriminator(config, mirrored, scorer)
    g = players.generator(config, mirrored, scorer)
    return Game(
        nets,
        players={
            'd': d._replace(forward=lambda context: d.forward(paired(context))),
            'ge': g._replace(
                nets=('g', 'e'), forward=lambda context: g.forward(paired(context)), summary=watched
            ),
        },
        latents=forward.normal_latents(dim),
        generate=generate,
        synthesize=forward.generate(field),
        generator=('g', 'e'),
        ema={name: ema.from_config(config) for name in ('g', 'e')},
    )
