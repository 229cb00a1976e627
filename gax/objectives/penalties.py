"""Gradient penalties as terms of a player.

Their functions of plain callables are in gradients.py. A term asks a net of the game for its logits by a
`forward.Scorer`; only the gradient of a discriminator that judges each example by itself is per example.

In the examples D(x) = 3 x_1 + 4 x_2, whose gradient has norm 5 everywhere: `scorer` asks a net of a game for
it, and `context` holds two reals and two fakes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from gax import errors
from gax.core import bounds
from gax.core.forward import IMAGES, Scorer, fakes_of
from gax.core.types import Array, Batch, Context, Term
from gax.objectives import differences, gradients
from gax.objectives.gradients import Score
from gax.objectives.terms import stateless


def _score(context: Context, scorer: Scorer, batch: Batch) -> Score:
    """The scorer as a function of its field alone, the batch's other inputs (labels) held."""
    return lambda x: scorer.score(context, {**batch, scorer.field: x})


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
        return gradients.zero_centered(score, x)
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

    Mescheder et al., 2018, eq. 9; see `gradients.zero_centered`.

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
        return gradients.one_centered(score, real, fake, context.rng('epsilon'), target, one_sided)

    return stateless(fn, **fields)


def dragan(scorer: Scorer = IMAGES, *, target: float = 1.0, noise: float = 0.5, **fields: Any) -> Term:
    """DRAGAN, see `gradients.near_reals`; the term's weight is lambda (10 in the paper).

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
        return gradients.near_reals(score, context.batch[scorer.field], context.rng('noise'), target, noise)

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
        return gradients.zero_centered(
            _score(context, scorer, context.batch), gradients.between(real, fake, context.rng('epsilon'))
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
