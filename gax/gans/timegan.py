"""TimeGAN: an autoencoder of series, and a GAN in its latent space whose steps must follow one another.

Yoon, Jarrett and van der Schaar, "Time-series Generative Adversarial Networks", 2019, eq. 6 to 10, with the
terms, weights and optimizers of the authors' code (jsyoon0823/TimeGAN): five recurrent networks and three
phases.

1. 'autoencoder': embedder e and recovery r minimise 10 sqrt(mean |x - r(e(x))|^2).
2. 'supervised': the supervisor s minimises the mean |h_(t+1) - s(h)_t|^2 of real latents h = e(x).
3. 'joint': fakes are r(s(g(z))). g and s minimise the adversarial losses of d on s(g(z)) and on g(z), plus
   100 times the root of the supervised loss, plus 100 times the gap of the means and standard deviations of
   every column at every step over the batch. e and r minimise 10 sqrt(mean |x - r(e(x))|^2) plus 0.1 times
   the supervised loss. d scores e(x), s(g(z)) and g(z), and is updated only where its loss is above 0.15.

Each phase's players have optimizers of their own. In a step of the last phase g and s are updated twice, then
e and r twice, each on a batch of its own (the code alternates, and e has g's batch), then d on another one.
z is uniform in [0, 1), config.latent_dim numbers at every step: as many as the data have columns. The moving
average (ema.decay) is gax's; 0 is none, as in the code.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gax import errors
from gax.core import ema, forward, optimizers, transforms, wrappers
from gax.core.optimizers import section
from gax.core.spec import Spec
from gax.core.types import Array, Batch, Context, Game, Key, Net, Phase, Player
from gax.nets import families, registry, sequences
from gax.objectives import augment, losses, players, terms

LATENT = 'latent'  # the field that d scores: e(x) of reals, s(g(z)) of fakes
EARLY = 'early'  # g(z) of fakes
ROLES = {'d': sequences.DISCRIMINATOR, 'g': sequences.GENERATOR, **dict.fromkeys('ers', sequences.ENCODER)}


def defaults() -> ConfigDict:
    """Three layers of 24 GRUs, two in the supervisor; 5,000 steps of each of the first two phases."""
    fields = sequences.defaults('recurrent')
    adam = section('adam', 1e-3)
    fields.hidden = 24  # columns of the latent series
    for name in ('e', 'r', 's'):
        fields[name] = {'net': families.section('recurrent', sequences.ENCODER)}
    fields.s.net.widths = (24, 24)
    fields.e.update({'updates': 2, 'optimizer': adam, 'reconstruction': 10.0, 'supervised': 0.1})
    fields.g.update({'updates': 2, 'optimizer': adam, 'early': 1.0, 'supervised': 100.0, 'moments': 100.0})
    fields.d.update({'optimizer': adam, 'early': 1.0, 'least_loss': 0.15})
    fields.autoencoder = {'steps': 5000, 'optimizer': adam}
    fields.supervised = {'steps': 5000, 'optimizer': adam}
    fields.steps = 15_000
    return fields


def make(config: Any, spec: Spec) -> Game:
    """TimeGAN on series [steps, columns] in [0, 1]; labels are ignored.

    Raises:
      GaxError: The data are no series, the loss is another, or no step is left for the last phase.
    """
    field, shape = spec.target, sequences.shape_of(config, spec)
    nets, scorer, steps = networks(config, shape)
    loss = losses.only('non_saturating', config)

    def generate(context: Context) -> tuple[Batch, Context]:
        early, context = context.apply_and_update('g', context.latents['z'])
        latent, context = context.apply_and_update('s', early)
        fake, context = context.apply_and_update('r', latent)
        return {field: fake, LATENT: latent, EARLY: early}, context

    def synthesize(context: Context) -> tuple[Batch, Context]:
        fakes, context = generate(context)
        return {field: fakes[field]}, context

    def latents(key: Key, num: int, batch: Batch) -> Batch:
        return {'z': jax.random.uniform(key, (num, steps, config.latent_dim))}

    moves = joint(config, loss, scorer, field, generate)
    return Game(
        nets,
        players={**alone(config, field), **moves},
        latents=latents,
        generate=generate,
        synthesize=synthesize,
        generator=('g', 's'),
        phases=phases(config),
        ema={name: ema.from_config(config) for name in ('g', 's', 'r')},
    )


def phases(config: Any) -> tuple[Phase, ...]:
    """The three phases.

    Raises:
      GaxError: One has no steps.
    """
    first, second = config.autoencoder.steps, config.supervised.steps
    if first < 1 or second < 1 or first + second >= config.steps:
        raise errors.GaxError(
            f'config.autoencoder.steps={first} and config.supervised.steps={second} must be positive, '
            f'and leave '
            f'some of config.steps={config.steps} for the joint phase'
        )
    return Phase('autoencoder', 0), Phase('supervised', first), Phase('joint', first + second)


def networks(config: Any, shape: tuple[int, int]) -> tuple[dict[str, Net], forward.Scorer, int]:
    """The five nets, the scorer of 'd' in the latent space, and the steps of noise."""
    hidden = (shape[0], config.hidden)
    heads = registry.heads_for(config)
    g, steps = sequences.generator(config, hidden)

    def encoder(name: str, shape: tuple[int, int], outputs: int) -> Net:
        module = families.build(config[name].net, sequences.ENCODER, shape, outputs=outputs)
        return registry.lifted(module, registry.example(*shape))

    nets = {
        'e': encoder('e', shape, config.hidden),
        'r': encoder('r', hidden, shape[1]),
        's': encoder('s', hidden, config.hidden),
        'g': g,
        'd': sequences.discriminator(config.d, hidden, heads=heads),
    }
    return nets, forward.scorer_of(LATENT)._replace(logits=registry.answer(heads)), steps


def alone(config: Any, field: str) -> dict[str, Player]:
    """The players of the first two phases."""
    return {
        'autoencoder': Player(
            nets=('e', 'r'),
            forward=rebuild(field),
            terms={'reconstruction': terms.stateless(reconstruction(field), weight=config.e.reconstruction)},
            optimizer=optimizers.make(config.autoencoder.optimizer, config.steps),
            grad=wrappers.accumulate(config.accumulate),
            phases=('autoencoder',),
        ),
        'supervisor': Player(
            nets=('s',),
            forward=embed(field),
            terms={'supervised': terms.stateless(supervised)},
            optimizer=optimizers.make(config.supervised.optimizer, config.steps),
            grad=wrappers.accumulate(config.accumulate),
            phases=('supervised',),
        ),
    }


def joint(
    config: Any, loss: losses.Loss, scorer: forward.Scorer, field: str, generate: Any
) -> dict[str, Player]:
    """The players of the last phase, in the order of their updates."""
    augmented = augment.from_config(config, scorer)
    d = players.discriminator(config, loss, scorer, early=terms.stateless(early_fakes, weight=config.d.early))
    g = players.generator(
        config,
        loss,
        scorer,
        generate,
        early=terms.stateless(early_reals, weight=config.g.early),
        supervised=terms.stateless(root_supervised, weight=config.g.supervised),
        moments=terms.stateless(moments(field), weight=config.g.moments),
    )
    return {
        'g': g._replace(nets=('g', 's'), forward=score(augmented, field, reals=False), phases=('joint',)),
        'e': Player(
            nets=('e', 'r'),
            forward=rebuild(field),
            terms={
                'reconstruction': terms.stateless(reconstruction(field), weight=config.e.reconstruction),
                'supervised': terms.stateless(supervised, weight=config.e.supervised),
            },
            optimizer=optimizers.make(config.e.optimizer, config.steps),
            updates=config.e.updates,
            grad=wrappers.accumulate(config.accumulate),
            resample=True,
            phases=('joint',),
        ),
        'd': d._replace(
            forward=score(augmented, field, reals=True),
            optimizer=transforms.unless_zero(d.optimizer),
            grad=wrappers.only_above(config.d.least_loss, d.grad),
            resample=True,
            phases=('joint',),
        ),
    }


def embed(field: str) -> Any:
    """context -> ({'latent': e(x)}, the context with it in the batch, where penalties read it)."""

    def forward(context: Context) -> tuple[dict[str, Array], Context]:
        latent, context = context.apply_and_update('e', context.batch[field])
        return {LATENT: latent}, context._replace(batch={**context.batch, LATENT: latent})

    return forward


def rebuild(field: str) -> Any:
    """context -> ({'latent': e(x), 'again': r(e(x))}, context)."""
    embedding = embed(field)

    def forward(context: Context) -> tuple[dict[str, Array], Context]:
        out, context = embedding(context)
        again, context = context.apply_and_update('r', out[LATENT])
        return {**out, 'again': again}, context

    return forward


def score(scorer: forward.Scorer, field: str, reals: bool) -> Any:
    """The forward pass of d, or with reals=False of g: all latents are scored in one batch.

    A recurrent network costs hardly more for three times the examples. d so must not have batch-norm.
    """
    embedding = embed(field)

    def forward(context: Context) -> tuple[dict[str, Any], Context]:
        out, context = embedding(context)
        parts = {'real': out[LATENT]} if reals else {}
        parts |= {'fake': context.fakes[LATENT], EARLY: context.fakes[EARLY]}
        batch = {LATENT: jnp.concatenate(list(parts.values()))}
        scores, context = scorer.apply_and_update(context, batch, 'latents')
        pieces = jax.tree.map(lambda x: jnp.split(x, len(parts)), scores)
        split = {name: nth(scores, pieces, i) for i, name in enumerate(parts)}
        logits: dict[str, Any] = {'real': None, **{name: scorer.logits(one) for name, one in split.items()}}
        return {**out, **logits, **{f'{name}_out': one for name, one in split.items()}}, context

    return forward


def nth(like: Any, pieces: Any, i: int) -> Any:
    """Leaf by leaf, the i-th of the list that `pieces` has in the place of each leaf of `like`."""
    return jax.tree.map(lambda _, parts: parts[i], like, pieces)


def early_fakes(context: Context, out: Any) -> Array:
    """d's cross-entropy of g(z) as fakes."""
    return jnp.mean(jnp.stack([jnp.mean(jax.nn.softplus(x)) for x in jax.tree.leaves(out[EARLY])]))


def early_reals(context: Context, out: Any) -> Array:
    """g's cross-entropy of g(z) as reals."""
    return jnp.mean(jnp.stack([jnp.mean(jax.nn.softplus(-x)) for x in jax.tree.leaves(out[EARLY])]))


def supervised(context: Context, out: Any) -> Array:
    """The mean |h_(t+1) - s(h)_t|^2 of real latents h."""
    latent = out[LATENT]
    return jnp.mean(jnp.square(latent[:, 1:] - context.apply('s', latent)[:, :-1]))


def root_supervised(context: Context, out: Any) -> Array:
    """sqrt of `supervised`."""
    return jnp.sqrt(supervised(context, out))


def reconstruction(field: str) -> Any:
    """sqrt(mean |x - r(e(x))|^2)."""

    def fn(context: Context, out: Any) -> Array:
        return jnp.sqrt(jnp.mean(jnp.square(context.batch[field] - out['again'])))

    return fn


def moments(field: str) -> Any:
    """The mean gap, over columns and steps, of the batch's means, plus that of its standard deviations."""

    def spread(x: Array) -> Array:
        return jnp.sqrt(jnp.var(x, axis=0) + 1e-6)

    def fn(context: Context, out: Any) -> Array:
        real, fake = context.batch[field], context.fakes[field]
        means = jnp.mean(jnp.abs(jnp.mean(fake, axis=0) - jnp.mean(real, axis=0)))
        return means + jnp.mean(jnp.abs(spread(fake) - spread(real)))

    return fn
