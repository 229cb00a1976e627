"""CUT: unpaired translation in one direction, by a contrastive loss between patches in place of a way back.

Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation", 2020, eq. 6. G minimises
adversarial_weight times its adversarial loss, plus nce.weight times PatchNCE (objectives/contrastive.py)
between the features of the translated image and those of its source, a mean over layers. With nce.identity
also the same between a target image and its translation, each with half the weight, as in their code. The
features are those of G's own encoder; net 'f', a perceptron for each layer, maps them to unit vectors and is
trained with G. Their FastCUT is nce.weight=10, nce.identity=False.

The target is the data's: 'b', made from 'a', with config.data.direction='ab'. D's loss is halved.
config.loss='least_squares' here has a factor of one half that the authors' code has not: hence
adversarial_weight 2.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import ema, rng
from gax.core.forward import scorer_of
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Key, Term, not_zero
from gax.nets import registry
from gax.nets.patch_head import PatchHead
from gax.objectives import losses, players
from gax.objectives.contrastive import at_places, patch_nce, places
from gax.objectives.regularizers import Generate
from gax.objectives.terms import stateless

ROLES = {'g': 'Translator'}


def defaults() -> ConfigDict:
    """A residual translator, a PatchGAN of 16 pixels, and the weights of the paper."""
    fields = registry.defaults('resnet_translator', 'patchgan', 'Translator')
    fields.d.net.receptive_field = 16
    fields.loss = 'least_squares'
    fields.adversarial_weight = 2.0
    # identity: whether target images are translated too; patches: places of a layer, all if it has fewer;
    # width: the size of the vectors
    fields.nce = {'weight': 1.0, 'identity': True, 'patches': 256, 'temperature': 0.07, 'width': 256}
    return fields


def source_of(config: Any, spec: Spec) -> str:
    """The field that is translated to the target.

    Raises:
      GaxError: The data are not two domains of images of one size.
    """
    others = [name for name in ('a', 'b') if name in spec.fields and name != spec.target]
    if spec.target not in ('a', 'b') or not others:
        raise errors.GaxError(
            f'{config.gan} needs two domains, and {spec.name} has {", ".join(spec.fields)}: have '
            '--config.data.name=domains:PATH or zip:NAME,NAME'
        )
    if (other := spec.fields[others[0]].shape) != spec.target_shape:
        raise errors.GaxError(
            f'{config.gan} translates images of one shape, and those of {spec.name} are {other} and '
            f'{spec.target_shape}: give --config.data.image_size and --config.data.channels'
        )
    return others[0]


def make(config: Any, spec: Spec) -> Game:
    """CUT from one domain [H, W, C] to the target.

    Raises:
      GaxError: See `source_of`; or the translator gives no features.
    """
    field, shape, source = spec.target, spec.target_shape, source_of(config, spec)
    heads = registry.heads_for(config)
    g = registry.translator(config.g, shape, shape, outputs='both')
    layers = registry.features_of(g, shape)
    nets = {
        'g': g,
        'd': registry.discriminator(config.d, shape, heads=heads),
        'f': registry.lifted(
            PatchHead(config.nce.width), *(registry.example(1, x.shape[-1]) for x in layers)
        ),
    }

    generate, synthesize = passes(config.nce.identity, field, source)
    loss, scorer = losses.make(config.loss, config.label_smoothing), scorer_of(field)
    scorer = scorer._replace(logits=registry.answer(heads))
    d = players.discriminator(config, loss, scorer)
    g_player = players.generator(config, loss, scorer, generate, nce=contrastive(config.nce, field))
    halved = d.terms['adversarial']._replace(weight=0.5)
    weighted = g_player.terms['adversarial']._replace(weight=config.adversarial_weight)
    return Game(
        nets,
        players={
            'd': d._replace(terms={**d.terms, 'adversarial': halved}),
            'g': g_player._replace(
                nets=('g', 'f') if not_zero(config.nce.weight) else ('g',),
                terms={**g_player.terms, 'adversarial': weighted},
            ),
        },
        conditions=(source,),
        generate=generate,
        synthesize=synthesize,
        generator=('g',),
        ema={'g': ema.from_config(config)},
    )


def passes(identity: bool, field: str, source: str) -> tuple[Generate, Generate]:
    """G's pass in training, which keeps its encoder's features, and that outside of it.

    Args:
      identity: Whether the batch's target images are translated too, in training.
      field: The target.
      source: The field that is translated to it.

    Returns:
      (context -> ({field, 'keys_i', and with `identity` 'identity', 'identity_keys_i'}, context), context ->
      ({field}, context)).
    """

    def generate(context: Context) -> tuple[Batch, Context]:
        (fake, keys), context = context.apply_and_update('g', context.latents[source])
        fakes = {field: fake, **named('keys', keys)}
        if identity:
            (again, keys), context = context.apply_and_update('g', context.batch[field], stream='identity')
            fakes |= {'identity': again, **named('identity_keys', keys)}
        return fakes, context

    def synthesize(context: Context) -> tuple[Batch, Context]:
        (fake, _), context = context.apply_and_update('g', context.latents[source])
        return {field: fake}, context

    return generate, synthesize


def contrastive(nce: Any, field: str) -> Term:
    """The term of PatchNCE that the section `nce` of a config describes."""

    def fn(context: Context, out: Any) -> Array:
        total = contrast(nce, context, field, 'keys')
        if not nce.identity:
            return total
        return 0.5 * (total + contrast(nce, context, 'identity', 'identity_keys'))

    return stateless(fn, weight=nce.weight)


def named(prefix: str, features: tuple[Array, ...]) -> dict[str, Array]:
    """{prefix_i: the features of layer i}."""
    return {f'{prefix}_{i}': x for i, x in enumerate(features)}


def contrast(nce: Any, context: Context, image: str, keys: str) -> Array:
    """The mean PatchNCE over layers, examples and places of fakes[image] against the features `keys`."""
    _, queries = context.apply('g', context.fakes[image], stream=image)  # its decoder is not compiled
    compared = [context.fakes[f'{keys}_{i}'] for i in range(len(queries))]
    where = [places(at(context, keys, i), x, nce.patches) for i, x in enumerate(queries)]
    vectors = [
        context.apply('f', *(at_places(x, w) for x, w in zip(features, where, strict=True)))
        for features in (queries, compared)
    ]
    losses = [jnp.mean(patch_nce(q, k, nce.temperature)) for q, k in zip(*vectors, strict=True)]
    return jnp.mean(jnp.stack(losses))


def at(context: Context, name: str, layer: int) -> Key:
    """The key of the places of one layer."""
    return rng.stream(context.rng(f'places/{name}'), str(layer))
