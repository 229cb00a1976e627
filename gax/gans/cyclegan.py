"""CycleGAN: from one domain of images to another and back, learnt without pairs.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017, eq. 3:
two translators, g_ab and g_ba, and a discriminator of each domain. One player trains both translators, on
adversarial_weight times the sum of their adversarial losses, cycle_weight times the mean |g_ba(g_ab(a)) - a|
and the same of b (eq. 2), and cycle_weight times identity_weight times the mean |g_ab(b) - b| and the same of
a (section 5.2, for paintings; the default of the authors' PyTorch code, 0.5). The translators move first.
Then one player trains both discriminators, at half their loss, on fakes from a pool of pool_size images for
each domain (nets/pool.py); 0 for the new fakes alone.

config.loss='least_squares' here has a factor of one half that the authors' code has not: hence
adversarial_weight 2. A moving average of the translators is kept, as everywhere in gax; they keep none.

Both domains' images are conditions: `fakes['b']` is made from 'a', and `fakes['a']` from 'b'. Evaluation and
pictures are of the data's target, see config.data.direction. `Game.synthesize` translates whichever of 'a'
and 'b' the latents hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import ema
from gax.core.forward import scorer_of
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Net, Player, Term, not_zero
from gax.nets import registry
from gax.nets.pool import image_pool
from gax.objectives import losses, players
from gax.objectives.joined import joined
from gax.objectives.terms import stateless

ROLES = {'g': 'Translator'}
FROM = {'b': 'a', 'a': 'b'}  # a domain -> that from which it is translated


def defaults() -> ConfigDict:
    """A residual translator, a PatchGAN of 16 pixels, and the weights of the paper."""
    fields = registry.defaults('resnet_translator', 'patchgan', 'Translator')
    fields.d.net.receptive_field = 16
    fields.loss = 'least_squares'
    fields.adversarial_weight = 2.0
    fields.cycle_weight = 10.0
    fields.identity_weight = 0.5  # times cycle_weight
    fields.pool_size = 50
    return fields


def translator_to(side: str) -> str:
    """The name of the net that translates to a domain."""
    return f'g_{FROM[side]}{side}'


def check(config: Any, spec: Spec) -> tuple[int, ...]:
    """The shape of the images of both domains.

    Raises:
      GaxError: The data are not two domains of images of one shape, or the pool's size is negative.
    """
    if lacking := [side for side in FROM if side not in spec.fields]:
        raise errors.GaxError(
            f'{config.gan} needs two domains, and {spec.name} has no field {lacking[0]!r}: have '
            '--config.data.name=domains:PATH or zip:NAME,NAME'
        )
    shapes = {side: spec.fields[side].shape for side in FROM}
    if shapes['a'] != shapes['b']:
        raise errors.GaxError(
            f'{config.gan} translates images of one shape, and those of {spec.name} are {shapes["a"]} and '
            f'{shapes["b"]}: give --config.data.image_size and --config.data.channels'
        )
    return shapes['a']


def make(config: Any, spec: Spec) -> Game:
    """CycleGAN on images 'a' and 'b' [H, W, C].

    Raises:
      GaxError: See `check`.
    """
    shape, heads = check(config, spec), registry.heads_for(config)
    nets: dict[str, Net] = {}
    for side in FROM:
        nets[translator_to(side)] = registry.translator(config.g, shape, shape)
        nets[f'd_{side}'] = registry.discriminator(config.d, shape, heads=heads)
        if config.pool_size:
            nets[f'pool_{side}'] = image_pool(config.pool_size, shape)
    scorers = {
        side: scorer_of(side, net=f'd_{side}')._replace(logits=registry.answer(heads)) for side in FROM
    }
    loss = losses.make(config.loss, config.label_smoothing)
    d = joined(
        {s: players.discriminator(config, loss, at)._replace(nets=(at.net,)) for s, at in scorers.items()}
    )
    g = joined(
        {s: players.generator(config, loss, at, None, (translator_to(s),)) for s, at in scorers.items()}
    )
    halved = d.terms['adversarial']._replace(weight=0.5)
    weighted = g.terms['adversarial']._replace(weight=config.adversarial_weight)
    translators = tuple(translator_to(side) for side in FROM)
    return Game(
        nets,
        players={
            'g': g._replace(terms={**g.terms, 'adversarial': weighted, **reconstructions(config)}),
            'd': d._replace(
                forward=pooled(d, bool(config.pool_size)), terms={**d.terms, 'adversarial': halved}
            ),
        },
        conditions=tuple(FROM.values()),
        generate=translated(bool(not_zero(config.identity_weight))),
        synthesize=synthesize,
        generator=translators,
        ema={name: ema.from_config(config) for name in translators},
    )


def translated(identity: bool) -> Callable[[Context], tuple[Batch, Context]]:
    """The translators' pass: both domains translated ('a', 'b'), and back ('cycle_a', 'cycle_b').

    With `identity` also each domain by the translator to itself ('identity_a', 'identity_b').
    """

    def generate(context: Context) -> tuple[Batch, Context]:
        real, fakes = context.latents, {}
        for side, source in FROM.items():
            net = translator_to(side)
            fakes[side], context = context.apply_and_update(net, real[source])
            if identity:
                fakes[f'identity_{side}'], context = context.apply_and_update(
                    net, real[side], stream=f'identity/{side}'
                )
        for side, source in FROM.items():
            fakes[f'cycle_{side}'], context = context.apply_and_update(
                translator_to(side), fakes[source], stream=f'cycle/{side}'
            )
        return fakes, context

    return generate


def synthesize(context: Context) -> tuple[Batch, Context]:
    """Translates each domain that the latents hold: {'b': from 'a', 'a': from 'b'}."""
    fakes = {}
    for side, source in FROM.items():
        if source in context.latents:
            fakes[side], context = context.apply_and_update(translator_to(side), context.latents[source])
    return fakes, context


def reconstructions(config: Any) -> dict[str, Term]:
    """The terms 'cycle' and 'identity' of the translators: sums over both domains of mean distances."""

    def distance(kind: str) -> Callable[[Context, Any], Array]:
        def fn(context: Context, out: Any) -> Array:
            gaps = [jnp.abs(context.fakes[f'{kind}_{side}'] - context.batch[side]) for side in FROM]
            return jnp.mean(gaps[0]) + jnp.mean(gaps[1])

        return fn

    cycle = stateless(distance('cycle'), weight=config.cycle_weight)
    if not not_zero(config.identity_weight):
        return {'cycle': cycle}
    weight = config.cycle_weight * config.identity_weight
    return {'cycle': cycle, 'identity': stateless(distance('identity'), weight=weight)}


def pooled(d: Player, pools: bool) -> Callable[[Context], tuple[Any, Context]]:
    """The forward pass of `d` with fakes that went through the pools, if there are any."""

    def forward(context: Context) -> tuple[Any, Context]:
        fakes = dict(context.fakes)
        for side in FROM if pools else ():
            fakes[side], context = context.apply_and_update(f'pool_{side}', fakes[side])
        return d.forward(context._replace(fakes=fakes))

    return forward
