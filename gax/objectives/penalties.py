"""Gradient penalties on callables.

A scorer is a function from a batch [B, ...] to logits whose leading axis is B, each logit a function of its
own example alone (no batch-norm): only then is the gradient of the summed logits the per-example gradient.
Every penalty is differentiable through that gradient.

In the examples D(x) = 3 x_1 + 4 x_2, whose gradient has norm 5 everywhere: `score` is that function, `scorer`
asks a net of a game for it, and `context` holds two reals and two fakes.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from gax import errors
from gax.core import bounds, lookup, trees
from gax.core.forward import IMAGES, Scorer, fakes_of
from gax.core.types import Array, Batch, Context, Key, PyTree, Term, not_zero
from gax.objectives import differences, regularizers
from gax.objectives.terms import stateless

Score = Callable[[Array], PyTree]


def input_gradient(scorer: Score, x: Array) -> Array:
    """d sum(scorer(x)) / dx.

    Args:
        scorer: float [B, ...] -> logits [B, ...].
        x: float [B, ...].

    Returns:
        The shape of x, float32 or better.

    >>> input_gradient(score, jnp.zeros((2, 2))).tolist()
    [[3.0, 4.0], [3.0, 4.0]]
    """
    wide = jnp.promote_types(x.dtype, jnp.float32)
    return jax.grad(lambda inputs: trees.total(scorer(inputs), dtype=wide))(x).astype(wide)


def squared_norms(gradient: Array) -> Array:
    """|gradient|^2 per example: the sum over pixels and channels.

    Args:
        gradient: float [B, ...].

    Returns:
        float [B].

    >>> squared_norms(jnp.array([[3.0, 4.0], [0.0, 1.0]])).tolist()
    [25.0, 1.0]
    """
    return jnp.sum(jnp.square(gradient), axis=tuple(range(1, gradient.ndim)))


def zero_centered(scorer: Score, x: Array) -> Array:
    """E |grad_x D(x)|^2, the mean over the batch of the sum over pixels. With weight gamma / 2 and x real
    this is R1.

    Mescheder et al., "Which Training Methods for GANs do actually Converge?", 2018, eq. 9. Convention: no
    factor here; the terms below multiply by gamma / 2. (The authors' code has no half: its reg_param 10 is
    gamma 20.)

    Args:
        scorer: float [B, ...] -> logits [B, ...].
        x: float [B, ...].

    Returns:
        A scalar, >= 0.

    >>> print(zero_centered(score, jnp.ones((2, 2))))
    25.0
    """
    return jnp.mean(squared_norms(input_gradient(scorer, x)))


def gap(norms: Array, target: float, one_sided: bool = False) -> Array:
    """Mean squared distance of gradient norms [B] from `target`; with `one_sided` of those above it only.

    >>> print(gap(jnp.array([0.0, 3.0]), 1.0), gap(jnp.array([0.0, 3.0]), 1.0, one_sided=True))
    2.5 2.0
    """
    over = norms - target
    return jnp.mean(jnp.square(jnp.maximum(over, 0.0) if one_sided else over))


def norms(gradient: Array) -> Array:
    """sqrt(|gradient|^2 + 1e-12), [B] of [B, ...]: the root alone has a NaN gradient where the gradient
    is zero.

    >>> norms(jnp.array([[3.0, 4.0]])).tolist()
    [5.0]
    """
    return jnp.sqrt(squared_norms(gradient) + 1e-12)


def between(real: Array, fake: Array, key: Key) -> Array:
    """real + e (fake - real), with one e ~ U[0, 1) per example.

    >>> points = between(jnp.zeros((4, 2)), jnp.ones((4, 2)), jax.random.key(0))
    >>> bool(jnp.all((points >= 0) & (points < 1) & (points[:, :1] == points)))
    True
    """
    epsilon = jax.random.uniform(key, (real.shape[0],) + (1,) * (real.ndim - 1), real.dtype)
    return real + epsilon * (fake - real)


def one_centered(
    scorer: Score, real: Array, fake: Array, key: Key, target: float = 1.0, one_sided: bool = False
) -> Array:
    """E (|grad D(x')| - target)^2 with x' = real + e (fake - real), e ~ U[0, 1) per example.

    Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, eq. 3 (their lambda is the term's
    weight). With `one_sided` E max(0, |grad D(x')| - target)^2: Petzka et al., "On the Regularization of
    Wasserstein GANs", 2018.

    Args:
        scorer: float [B, ...] -> logits [B, ...].
        real, fake: float [B, ...], paired by position.
        key: of the places in between.
        target: the norm without a penalty.
        one_sided: whether only norms above it are penalised.

    Returns:
        A scalar, >= 0. In the example (5 - 1)^2.

    >>> print(one_centered(score, jnp.zeros((2, 2)), jnp.ones((2, 2)), jax.random.key(0)))
    16.0
    """
    return gap(norms(input_gradient(scorer, between(real, fake, key))), target, one_sided)


def around(real: Array, key: Key, noise: float = 0.5) -> Array:
    """x + a noise std u: u ~ U[0, 1) per pixel, a ~ U[0, 1) per example, std that of all pixels of the
    batch.

    >>> around(jnp.ones((2, 2)), jax.random.key(0)).tolist()  # the standard deviation is 0
    [[1.0, 1.0], [1.0, 1.0]]
    """
    far, along = jax.random.split(key)
    moved = real + noise * jnp.std(real) * jax.random.uniform(far, real.shape, real.dtype)
    return between(real, moved, along)


def near_reals(scorer: Score, real: Array, key: Key, target: float = 1.0, noise: float = 0.5) -> Array:
    """E (|grad D(x')| - target)^2 with x' = `around`(x).

    Kodali et al., "On Convergence and Stability of GANs" (DRAGAN), 2017, as their code perturbs
    (kodalinaveen3/DRAGAN on GitHub, get_perturbed_batch in DRAGAN.ipynb): only upwards, up to half a standard
    deviation, and somewhere on the way there. (The paper writes x + delta with delta ~ N(0, c I).)

    Args:
        scorer: float [B, ...] -> logits [B, ...].
        real: float [B, ...].
        key: of the noise.
        target: the norm without a penalty.
        noise: how far the places are, in standard deviations.

    Returns:
        A scalar, >= 0. In the example (5 - 2)^2.

    >>> print(near_reals(score, jnp.ones((2, 2)), jax.random.key(0), target=2.0))
    9.0
    """
    return gap(norms(input_gradient(scorer, around(real, key, noise))), target)


def _score(context: Context, scorer: Scorer, batch: Batch) -> Score:
    """The scorer as a function of its field alone, the batch's other inputs (labels) held."""
    return lambda x: scorer.score(context, {**batch, scorer.field: x})


def suggested_gamma(height: int, width: int, batch_size: int) -> float:
    """A weight of R1 to begin with: 2e-4 H W / batch_size.

    The heuristic of the configuration `auto` of StyleGAN2-ADA (Karras et al., "Training Generative
    Adversarial Networks with Limited Data", 2020, and its code), made for that network and its loss on square
    images, with R1 on every 16th step times 16. It is no rule: the authors of R3GAN use 0.05 where it gives
    0.0004, and 150 where it gives 0.0512.

    Args:
        height, width: of the images, in pixels.
        batch_size: the images of a step.

    >>> round(suggested_gamma(256, 256, 16), 6), round(suggested_gamma(1024, 1024, 32), 6)
    (0.8192, 6.5536)
    """
    return 2e-4 * height * width / batch_size


METHODS = ('gradient', 'difference')
Method = Annotated[str, bounds.one_of(METHODS)]
Distance = Annotated[float, bounds.POSITIVE, bounds.Only('method', 'difference')]
Part = Annotated[float, bounds.Bound('above 0, up to 1', lambda x: 0.0 < x <= 1.0)]


def _zero_centered_at(
    context: Context, scorer: Scorer, batch: Batch, method: str, distance: float, fraction: float
) -> Array:
    """E |grad D|^2 at a share of a batch, by the gradient or by differences."""
    part = differences.share(batch, fraction)
    score, x = _score(context, scorer, part), part[scorer.field]
    if errors.lookup('method', method, dict.fromkeys(METHODS, method)) == 'gradient':
        return zero_centered(score, x)
    return differences.zero_centered(score, x, context.rng('direction'), distance)


def r1(
    scorer: Scorer = IMAGES,
    *,
    method: Method = 'gradient',
    distance: Distance = 0.01,
    fraction: Part = 1.0,
    **fields: Any,
) -> Term:
    """R1: (1/2) E |grad D(x)|^2 on reals; the term's weight is gamma.

    Mescheder et al., 2018, eq. 9; see `zero_centered`.

    Args:
        scorer: which net is asked about which field.
        method: 'gradient', or 'difference' for `differences.zero_centered`, which has no second derivative.
        distance: of the differences, in units of the data.
        fraction: the share of the batch that is penalised.
        fields: `weight` and `every` of the term.

    Returns:
        The term, without state.

    Raises:
        GaxError: for an unknown method.

    >>> print(r1(scorer).fn(context, {}, ())[0])
    12.5
    """

    def fn(context: Context, out: Any) -> Array:
        return 0.5 * _zero_centered_at(context, scorer, context.batch, method, distance, fraction)

    return stateless(fn, **fields)


def r2(
    scorer: Scorer = IMAGES,
    *,
    method: Method = 'gradient',
    distance: Distance = 0.01,
    fraction: Part = 1.0,
    **fields: Any,
) -> Term:
    """R2: (1/2) E |grad D(G(z))|^2 on fakes; the term's weight is gamma.

    Mescheder et al., 2018, eq. 10; arguments as of `r1`.

    >>> print(r2(scorer).fn(context, {}, ())[0])
    12.5
    """

    def fn(context: Context, out: Any) -> Array:
        return 0.5 * _zero_centered_at(context, scorer, fakes_of(context), method, distance, fraction)

    return stateless(fn, **fields)


def wgan_gp(scorer: Scorer = IMAGES, *, target: float = 1.0, one_sided: bool = False, **fields: Any) -> Term:
    """WGAN-GP, two-sided unless `one_sided`; the term's weight is lambda (10 in the paper).

    Labels, if any, are those of the reals.

    Args:
        scorer: which net is asked about which field.
        target: the norm without a penalty.
        one_sided: whether only norms above it are penalised.
        fields: `weight` and `every` of the term.

    Returns:
        The term, without state.

    >>> print(wgan_gp(scorer).fn(context, {}, ())[0])
    16.0
    """

    def fn(context: Context, out: Any) -> Array:
        real, fake = context.batch[scorer.field], context.fakes[scorer.field]
        score = _score(context, scorer, context.batch)
        return one_centered(score, real, fake, context.rng('epsilon'), target, one_sided)

    return stateless(fn, **fields)


def dragan(scorer: Scorer = IMAGES, *, target: float = 1.0, noise: float = 0.5, **fields: Any) -> Term:
    """DRAGAN, see `near_reals`; the term's weight is lambda (10 in the paper).

    Args:
        scorer: which net is asked about which field.
        target: the norm without a penalty.
        noise: how far the places are, in standard deviations.
        fields: `weight` and `every` of the term.

    Returns:
        The term, without state.

    >>> print(dragan(scorer).fn(context, {}, ())[0])
    16.0
    """

    def fn(context: Context, out: Any) -> Array:
        score = _score(context, scorer, context.batch)
        return near_reals(score, context.batch[scorer.field], context.rng('noise'), target, noise)

    return stateless(fn, **fields)


def zero_gp(scorer: Scorer = IMAGES, **fields: Any) -> Term:
    """E |grad D(x')|^2 between reals and fakes; no factor of one half, the term's weight is lambda.

    Thanh-Tung et al., "Improving Generalization and Stability of Generative Adversarial Networks" (0-GP),
    2019; cal_gradpen with center 0 in their code (htt210/GeneralizationAndStabilityInGANs on GitHub,
    GradientPenaltiesGAN.py), whose weight is 10 by default. There D ends in a sigmoid unless the loss is
    WGAN's; here the gradient is that of the logits. Arguments as of `r1`.

    >>> print(zero_gp(scorer).fn(context, {}, ())[0])
    25.0
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
ALWAYS = {
    'weight': Annotated[float, bounds.between(0.0), bounds.SCHEDULED],
    'every': Annotated[int, bounds.between(1)],
}


def section(name: str, path: str = '', **changes: Any) -> dict[str, Any]:
    """The section config.terms.NAME: weight 1, every 1, and the term's own numbers with their defaults.

    Args:
        name: of D_TERMS or G_TERMS, or any where `path` is given.
        path: of a term outside gax, 'package.module:function'; its field `player` says whose it is, 'd' or
            'g'.
        changes: fields with other values.

    Returns:
        {field: value}.

    Raises:
        GaxError: for an unknown name.

    >>> section('wgan_gp', weight=10.0)
    {'weight': 10.0, 'every': 1, 'target': 1.0, 'one_sided': False}
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


def known(name: str) -> bool:
    """Whether there is a term of this name for every recipe; a recipe may have others for itself.

    >>> known('r1'), known('pulling_away')
    (True, False)
    """
    return name in D_TERMS | G_TERMS


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
    config: Any,
    scorer: Scorer = IMAGES,
    generate: regularizers.Generate | None = None,
    nets: Sequence[str] = ('g',),
) -> dict[str, Term]:
    """The terms of 'g' in `config` (config.terms) whose weight is not the number 0.

    generate: the game's own pass, for the terms that make fakes anew; `forward.generate` where it is None.
    nets: the generator's nets, for the terms of its parameters.
    """
    bound = {
        'path_length': partial(regularizers.path_length, synthesis=generate),
        'orthogonal_g': partial(regularizers.orthogonal_g, nets=nets),
    }
    return _chosen('g', {**G_TERMS, **bound}, config, scorer)


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
