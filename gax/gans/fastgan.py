"""FastGAN: few images, a discriminator that must also remember what it was shown.

Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis", 2021,
sections 3.1 to 3.3, with what their code adds. D minimises the hinge loss with margins m drawn anew for
each logit, m ~ U[1 - margin_softness, 1), E max(0, m - D(x)) + E max(0, m + D(G(z))), plus
reconstruction.weight times the distances of three reconstructions of the reals from D's features: of the
image, of the smaller image, and of a random quarter. G minimises -E D(G(z)). The means run over both maps of
logits. D sees all images through DiffAugment (config.augment), and reconstructs what it saw.

Other than in their code: reconstruction.net is 'l1', the mean |difference|, and not LPIPS, whose weights are
an extra ('lpips_vgg'; perceptual.distance has the other choices). Theirs sums LPIPS over a batch of 8, which
is a weight of 8 here. The smaller image of a real is its mean over squares (there: every other pixel), and G
ends in tanh at every size. Class-conditional where `conditional` is set, which theirs is not.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import ema, forward, optimizers, rng
from gax.core.forward import Scorer
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Net, Player, Term, not_zero
from gax.nets import families, fastgan, perceptual, registry
from gax.nets.fastgan_blocks import quarter, shrunk
from gax.nets.spectral_norm import spectral_norm
from gax.objectives import augment, losses, players, terms

ROLES = {'decoder': 'Decoder'}
SMALL = 'small'  # the field of the smaller fakes


def defaults() -> ConfigDict:
    """FastGAN's networks, the hinge loss, DiffAugment, Adam, and how reconstructions are compared."""
    fields = registry.defaults('fastgan')
    fields.decoder = {'net': families.section('fastgan', 'Decoder'), 'spectral_norm': True}
    fields.reconstruction = {'net': 'l1', 'layers': '', 'weight': 1.0}
    fields.margin_softness = 0.2
    fields.update({'loss': 'hinge', 'latent_dim': 256, 'batch_size': 8, 'conditional': False})
    fields.augment = 'color,translation'
    for player in (fields.d, fields.g):
        player.optimizer = optimizers.section('adam', 2e-4, b1=0.5, b2=0.999)
    return fields


def shown(config: Any, field: str, reduction: int, conditional: bool) -> Scorer:
    """D's calling convention: an image and the smaller one, which fakes bring and reals do not."""
    alone = augment.from_config(config, Scorer('d', SMALL, forward.fields(SMALL)))

    def inputs(context: Context, batch: Batch) -> tuple[Any, ...]:
        if SMALL in batch:
            (small,) = alone.inputs(context.with_stream(SMALL), batch)
        else:
            small = shrunk(batch[field], reduction)
        return ((batch[field], small), *([batch['label']] if conditional else []))

    return Scorer('d', field, inputs, registry.logits_of)


def networks(config: Any, shape: tuple[int, ...], classes: int) -> dict[str, Net]:
    """The nets 'g', 'd' and 'decoder'.

    Raises:
      GaxError: G's or D's family does not give two sizes.
    """
    for name, role in (('g', 'Generator'), ('d', 'Discriminator')):
        kind = config[name].net.kind
        if 'outputs' not in families.family(kind, role).__dataclass_fields__:
            raise errors.GaxError(
                f'fastgan has images of two sizes, and config.{name}.net.kind={kind} has one'
            )
    more = {'num_classes': classes, 'outputs': 'both'}

    def discriminator(*shape: int) -> Net:
        return registry.network(config.d.net, 'Discriminator', shape, **more)

    g = registry.lifted(
        families.build(config.g.net, 'Generator', shape, **more),
        registry.example(config.latent_dim),
        *registry.labels(classes),
    )
    d = registry.several(config.d, discriminator, shape, heads={'maps': 0})
    last, small, before = maps_of(d, shape, classes)
    part = (before.shape[1] // 2, before.shape[2] // 2, before.shape[3])
    decoder = registry.lifted(
        families.build(config.decoder.net, 'Decoder', shape),
        *(registry.example(*size) for size in (last.shape[1:], small.shape[1:], part)),
    )
    return {
        'g': spectral_norm(g) if config.g.spectral_norm else g,
        'd': d,
        'decoder': spectral_norm(decoder) if config.decoder.spectral_norm else decoder,
    }


def maps_of(d: Net, shape: tuple[int, ...], classes: int) -> tuple[jax.ShapeDtypeStruct, ...]:
    """The shapes [2, h, w, C] of the feature maps that D gives for two images."""

    def run(*inputs: Array) -> Any:
        return d.apply(*d.init(rng.key(0)), *inputs, train=False, key=rng.key(0))[0]['maps']

    return jax.eval_shape(run, registry.example(*shape), *registry.labels(classes))


def rebuilding(scorer: Scorer, reduction: int) -> Any:
    """D's forward pass: logits, and the reconstructions of the reals that D saw, with their targets."""
    score = forward.score_both(scorer)

    def run(context: Context) -> tuple[Any, Context]:
        out, context = score(context)
        last, small, before = out['real_out']['maps']
        index = jax.random.randint(context.rng('quarter'), (), 0, 4)
        rebuilt, context = context.apply_and_update('decoder', last, small, quarter(before, index))
        whole = shrunk(out['real_out']['image'], reduction)
        part = shrunk(quarter(out['real_out']['image'], index), reduction - 1)
        return {**out, 'rebuilt': rebuilt, 'targets': (whole, whole, part)}, context

    return run


def reconstruction(compared: dict[str, Any], weight: Any) -> Term:
    """The sum of the three reconstructions' mean distances from their targets."""

    def fn(context: Context, out: Any) -> Array:
        pairs = list(zip(out['rebuilt'], out['targets'], strict=True))
        if not compared:
            return sum((jnp.mean(jnp.abs(x - y)) for x, y in pairs), start=jnp.zeros(()))
        return sum((jnp.mean(context.apply(*compared, x, y)) for x, y in pairs), start=jnp.zeros(()))

    return terms.stateless(fn, weight=weight)


def discriminator(config: Any, loss: losses.Loss, scorer: Scorer, reduction: int) -> Player:
    """The player that trains D and, unless reconstruction.weight is 0, the decoders."""
    player = players.discriminator(config, loss, scorer)
    player = player._replace(terms={**player.terms, 'adversarial': terms.soft_hinge(config.margin_softness)})
    if not not_zero(config.reconstruction.weight):
        return player
    term = reconstruction(
        perceptual.distance(config.reconstruction, 'reconstruction'), config.reconstruction.weight
    )
    return player._replace(
        nets=('d', 'decoder'),
        forward=rebuilding(augment.from_config(config, scorer), reduction),
        terms={**player.terms, 'reconstruction': term},
    )


def make(config: Any, spec: Spec) -> Game:
    """FastGAN on images [H, W, C] whose sides can be halved, see nets/fastgan.py.

    Raises:
      GaxError: The data are no images, or have no labels where `conditional` is set; another loss; see
        `networks` and `perceptual.distance`.
    """
    classes = spec.classes_if(config.conditional)
    field, loss = spec.target, losses.only('hinge', config)
    nets = networks(config, spec.target_shape, classes)
    compared, conditions = (
        perceptual.distance(config.reconstruction, 'reconstruction'),
        ('label',) * bool(classes),
    )
    reduction = fastgan.reduction(spec.target_shape)
    scorer = shown(config, field, reduction, bool(classes))

    def generate(context: Context) -> tuple[Batch, Context]:
        labels = [context.latents[name] for name in conditions]
        (image, small), context = context.apply_and_update('g', context.latents['z'], *labels)
        return {field: image, SMALL: small}, context

    return Game(
        {**nets, **{name: net for name, (net, _) in compared.items()}},
        players={
            'd': discriminator(config, loss, scorer, reduction),
            'g': players.generator(config, loss, scorer, generate),
        },
        latents=forward.normal_latents(config.latent_dim),
        conditions=conditions,
        generate=generate,
        generator=('g',),
        frozen={name: arrays for name, (_, arrays) in compared.items()},
        ema={'g': ema.from_config(config)},
    )
