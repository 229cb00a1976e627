"""Gradient penalties on callables.

A scorer is a function from a batch [B, ...] to logits whose leading axis is B, each logit a function of its
own
example alone (no batch-norm): only then is the gradient of the summed logits the per-example gradient. Every
penalty is differentiable through that gradient.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from gax import errors
from gax.core import bounds, lookup, trees
from gax.core.forward import IMAGES, Scorer, fakes_of
from gax.core.types import Array, Batch, Context, Key, PyTree, Term, not_zero
from gax.objectives import regularizers
from gax.objectives.terms import stateless

Score = Callable[[Array], PyTree]


def input_gradient(scorer: Score, x: Array) -> Array:
    """d sum(scorer(x)) / dx, shape of x, in float32 or better."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    return jax.grad(lambda inputs: trees.total(scorer(inputs), dtype=wide))(x).astype(wide)


def squared_norms(gradient: Array) -> Array:
    """|gradient|^2 per example, shape [B]: the sum over pixels and channels."""
    return jnp.sum(jnp.square(gradient), axis=tuple(range(1, gradient.ndim)))


def zero_centered(scorer: Score, x: Array) -> Array:
    """E |grad_x D(x)|^2, the mean over the batch of the sum over pixels. With weight gamma / 2 and x real
    this is R1.

    Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018, eq. 9. Convention: no
    factor here; the terms below multiply by gamma / 2. (The authors' code has no half: its reg_param 10 is
    gamma 20.)
    """
    return jnp.mean(squared_norms(input_gradient(scorer, x)))


def gap(norms: Array, target: float, one_sided: bool = False) -> Array:
    """Mean squared distance of gradient norms [B] from `target`; with `one_sided` of those above it only."""
    over = norms - target
    return jnp.mean(jnp.square(jnp.maximum(over, 0.0) if one_sided else over))


def norms(gradient: Array) -> Array:
    """sqrt(|gradient|^2 + 1e-12), [B]: the square root alone has a NaN gradient where the gradient is
    zero.
    """
    return jnp.sqrt(squared_norms(gradient) + 1e-12)


def between(real: Array, fake: Array, key: Key) -> Array:
    """real + e (fake - real), with one e ~ U[0, 1) per example."""
    epsilon = jax.random.uniform(key, (real.shape[0],) + (1,) * (real.ndim - 1), real.dtype)
    return real + epsilon * (fake - real)


def one_centered(
    scorer: Score, real: Array, fake: Array, key: Key, target: float = 1.0, one_sided: bool = False
) -> Array:
    """E (|grad D(x')| - target)^2 with x' = real + e (fake - real), e ~ U[0, 1) per example.

    Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, eq. 3 (their lambda is the term's
    weight). With `one_sided` E max(0, |grad D(x')| - target)^2: Petzka et al., "On the Regularization of
    Wasserstein GANs", 2018.
    """
    return gap(norms(input_gradient(scorer, between(real, fake, key))), target, one_sided)


def around(real: Array, key: Key, noise: float = 0.5) -> Array:
    """x + a noise std u: u ~ U[0, 1) per pixel, a ~ U[0, 1) per example, std that of all pixels of the
    batch.
    """
    far, along = jax.random.split(key)
    moved = real + noise * jnp.std(real) * jax.random.uniform(far, real.shape, real.dtype)
    return between(real, moved, along)


def near_reals(scorer: Score, real: Array, key: Key, target: float = 1.0, noise: float = 0.5) -> Array:
    """E (|grad D(x')| - target)^2 with x' = `around`(x).

    Kodali et al., "On Convergence and Stability of GANs" (DRAGAN), 2017, as their code perturbs
    (kodalinaveen3/DRAGAN on GitHub, get_perturbed_batch in DRAGAN.ipynb): only upwards, up to half a standard
    deviation, and somewhere on the way there. (The paper writes x + delta with delta ~ N(0, c I).)
    """
    return gap(norms(input_gradient(scorer, around(real, key, noise))), target)


def _score(context: Context, scorer: Scorer, batch: Batch) -> Score:
    """The scorer as a function of its field alone, the batch's other inputs (labels) held."""
    return lambda x: scorer.score(context, {**batch, scorer.field: x})


def r1(scorer: Scorer = IMAGES, **fields: Any) -> Term:
    """R1: (1/2) E |grad D(x)|^2 on reals; the term's weight is gamma."""

    def fn(context: Context, out: Any) -> Array:
        return 0.5 * zero_centered(_score(context, scorer, context.batch), context.batch[scorer.field])

    return stateless(fn, **fields)


def r2(scorer: Scorer = IMAGES, **fields: Any) -> Term:
    """R2: (1/2) E |grad D(G(z))|^2 on fakes; the term's weight is gamma."""

    def fn(context: Context, out: Any) -> Array:
        fakes = fakes_of(context)
        return 0.5 * zero_centered(_score(context, scorer, fakes), fakes[scorer.field])

    return stateless(fn, **fields)


def wgan_gp(scorer: Scorer = IMAGES, *, target: float = 1.0, one_sided: bool = False, **fields: Any) -> Term:
    """WGAN-GP, two-sided unless `one_sided`; the term's weight is lambda (10 in the paper).

    Labels, if any, are those of the reals.
    """

    def fn(context: Context, out: Any) -> Array:
        real, fake = context.batch[scorer.field], context.fakes[scorer.field]
        score = _score(context, scorer, context.batch)
        return one_centered(score, real, fake, context.rng('epsilon'), target, one_sided)

    return stateless(fn, **fields)


def dragan(scorer: Scorer = IMAGES, *, target: float = 1.0, noise: float = 0.5, **fields: Any) -> Term:
    """DRAGAN, see `near_reals`; the term's weight is lambda (10 in the paper)."""

    def fn(context: Context, out: Any) -> Array:
        score = _score(context, scorer, context.batch)
        return near_reals(score, context.batch[scorer.field], context.rng('noise'), target, noise)

    return stateless(fn, **fields)


def zero_gp(scorer: Scorer = IMAGES, **fields: Any) -> Term:
    """E |grad D(x')|^2 between reals and fakes; no factor of one half, the term's weight is lambda.

    Thanh-Tung et al., "Improving Generalization and Stability of Generative Adversarial Networks" (0-GP),
    2019; cal_gradpen with center 0 in their code (htt210/GeneralizationAndStabilityInGANs on GitHub,
    GradientPenaltiesGAN.py), whose weight is 10 by default. There D ends in a sigmoid unless the loss is
    WGAN's; here the gradient is that of the logits.
    """

    def fn(context: Context, out: Any) -> Array:
        real, fake = context.batch[scorer.field], context.fakes[scorer.field]
        return zero_centered(
            _score(context, scorer, context.batch), between(real, fake, context.rng('epsilon'))
        )

    return stateless(fn, **fields)


# Gradient penalties: they ask for a discriminator that judges each example by itself.
PENALTIES: dict[str, Callable[..., Term]] = {
    'r1': r1,
    'r2': r2,
    'wgan_gp': wgan_gp,
    'dragan': dragan,
    'zero_gp': zero_gp,
}
# What config.terms can give to 'd' and to 'g'. Keyword-only arguments become fields of the config.
D_TERMS: dict[str, Callable[..., Term]] = {**PENALTIES, **regularizers.D_TERMS}
G_TERMS: dict[str, Callable[..., Term]] = regularizers.G_TERMS
ALWAYS = {'weight': Annotated[float, bounds.between(0.0)], 'every': Annotated[int, bounds.between(1)]}


def section(name: str, path: str = '', **changes: Any) -> dict[str, Any]:
    """The section config.terms.NAME: weight 1, every 1, and the term's own numbers with their defaults.

    path: of a term outside gax, 'package.module:function', for whatever NAME; `player` says whose it is, 'd'
    or 'g'. Raises GaxError for an unknown name.
    """
    always = {'weight': 1.0, 'every': 1}
    if path:
        return {
            'name': path,
            'player': 'd',
            **always,
            **bounds.defaults(lookup.load('term', path)),
            **changes,
        }
    return {**always, **bounds.defaults(errors.lookup('term', name, D_TERMS | G_TERMS)), **changes}


def declared(name: str, path: str = '') -> dict[str, tuple[Any, ...]]:
    """What is known of the values of these fields, see `bounds.check`."""
    make = lookup.load('term', path) if path else (D_TERMS | G_TERMS).get(name, stateless)
    always = {field: typing.get_args(hint)[1:] for field, hint in ALWAYS.items()}
    return {**bounds.declared(make), **always, 'player': (bounds.one_of('dg'),)}


def from_config(config: Any, scorer: Scorer = IMAGES) -> dict[str, Term]:
    """The terms of 'd' in `config` (config.terms) whose weight is not the number 0; `scorer` is whom they
    hold.
    """
    return _chosen('d', D_TERMS, config, scorer)


def for_generator(
    config: Any, scorer: Scorer = IMAGES, generate: regularizers.Generate | None = None
) -> dict[str, Term]:
    """The terms of 'g' in `config` (config.terms) whose weight is not the number 0.

    generate: the game's own pass, for the terms that make fakes anew; `forward.generate` where it is None.
    """
    anew = {'path_length': partial(regularizers.path_length, synthesis=generate)}
    return _chosen('g', {**G_TERMS, **anew}, config, scorer)


def _chosen(
    player: str, table: Mapping[str, Callable[..., Term]], config: Any, scorer: Scorer
) -> dict[str, Term]:
    outside = {n: fields for n, fields in config.items() if fields.get('name') and fields['player'] == player}
    makers = {**table, **{n: lookup.load('term', fields['name']) for n, fields in outside.items()}}
    chosen = {name: dict(config[name].items()) for name in makers if name in config}
    return {
        name: makers[name](scorer, **{k: v for k, v in fields.items() if k not in ('name', 'player')})
        for name, fields in chosen.items()
        if not_zero(fields['weight'])
    }
