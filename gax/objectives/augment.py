"""What a discriminator is shown instead of its examples: noise that fades, and augmented images.

These wrap `Scorer.inputs`, so that reals, fakes and penalties, in D's moves and in G's, are all treated
alike; gradients go through, to the generator and to what a penalty differentiates by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gax.core import rng, trees
from gax.core.forward import Scorer
from gax.core.types import Array, Batch, Context, PyTree, Term, not_zero
from gax.objectives import image_transforms

Change = Callable[[Context, Array], Array]

# A subset of the paper's pipeline: see `adaptive`.
ADAPTIVE = ('flip', 'rotation', 'translation', 'color')


def from_config(config: Any, scorer: Scorer) -> Scorer:
    """The scorer as the config wants it: config.augment, config.ada, then config.instance_noise, each where
    it is on.

    Raises GaxError for an unknown augmentation, or one of data that are no images.
    """
    noise = config.get('instance_noise', {'std': 0.0})
    if not_zero(noise['std']):
        scorer = changed(scorer, instance_noise(**noise))
    if adapted(config):
        image_transforms.parse(','.join(ADAPTIVE), scorer.field)
        scorer = changed(scorer, adaptive())
    if image_transforms.parse(config.augment, scorer.field):
        scorer = changed(scorer, diff_augment(config.augment))
    return scorer


def controller(config: Any) -> dict[str, Term]:
    """{'ada': the term of 'd' that moves the strength of `adaptive`} where config.ada is on, or {}."""
    if not adapted(config):
        return {}
    return {'ada': ada(config.batch_size, config.ada.kimg, config.ada.target)}


def adapted(config: Any) -> bool:
    """Whether config.ada is there, and on."""
    return 'ada' in config and not_zero(config.ada.kimg)


def changed(scorer: Scorer, change: Change) -> Scorer:
    """A scorer that is shown change(context, x) for its field x.

    The last one to be wrapped around is the first applied.
    """

    def inputs(context: Context, batch: Batch) -> tuple[Array, ...]:
        return scorer.inputs(context, {**batch, scorer.field: change(context, batch[scorer.field])})

    return scorer._replace(inputs=inputs)


def instance_noise(std: float, steps: int = 0) -> Change:
    """x + N(0, s^2), s falling linearly from `std` at step 0 to 0 at step `steps`; it stays where `steps` is
    0.

    Sonderby et al., "Amortised MAP Inference for Image Super-resolution", 2017; Arjovsky and Bottou, "Towards
    Principled Methods for Training Generative Adversarial Networks", 2017, section 3. std is in units of the
    data.
    """

    def change(context: Context, x: Array) -> Array:
        left = jnp.maximum(0.0, 1.0 - context.step / steps) if steps else 1.0
        return x + jnp.asarray(std * left, x.dtype) * jax.random.normal(
            context.rng('noise'), x.shape, x.dtype
        )

    return change


def diff_augment(policy: str = 'color,translation,cutout') -> Change:
    """Every image through the transforms of `policy`, with gradients. See image_transforms.py for their
    strengths.

    Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020, section 3.2 and their
    code.
    """
    return lambda context, x: image_transforms.apply(policy, context.rng('augment'), x)


def adaptive(player: str = 'd', term: str = 'ada') -> Change:
    """Each transform of ADAPTIVE on each image with probability p, the state of `player`'s term `term` (see
    `ada`).

    Of the pipeline of Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020,
    appendix B, these are pixel blitting (flips, turns by 90 degrees, shifts by whole pixels) and part of the
    colour group (brightness, contrast, saturation; uniform and one draw for the three, as in
    image_transforms.py, where the paper's are normal and
    log-normal, and drawn apart). Not here: scaling and rotation by any angle, hue, luma flip, filters, noise,
    cutout. p is that of before the move, for reals and fakes alike.
    """

    def change(context: Context, x: Array) -> Array:
        p, key = context.term_state[player][term]['p'], context.rng('adaptive')
        for name in ADAPTIVE:
            own = rng.stream(key, name)
            chosen = jax.random.bernoulli(rng.stream(own, 'chosen'), p, (x.shape[0], 1, 1, 1))
            x = jnp.where(chosen, image_transforms.TRANSFORMS[name](own, x), x)
        return x

    return change


def ada(rows: int, kimg: float = 500.0, target: float = 0.6, **fields: Any) -> Term:
    """Adds nothing to the loss, and moves p: up where E sign(D(x)) over reals is above `target`, else down;
    in [0, 1].

    Each move sees `rows` reals and changes p by rows / (1000 kimg): from 0 to 1 in `kimg` thousand images at
    the fastest. Karras et al., 2020, section 3 (r_t, eq. 1; they average the sign over 4 batches and move p
    after those, and p may exceed 1).
    """

    def fn(context: Context, out: Any, state: PyTree) -> tuple[Array, PyTree]:
        overfit = trees.mean(jax.tree.map(jnp.sign, jax.lax.stop_gradient(out['real'])))
        p = state['p'] + jnp.sign(overfit - target) * rows / (1000.0 * kimg)
        return jnp.zeros(()), {'p': jnp.clip(p, 0.0, 1.0)}

    return Term(fn, init=lambda: {'p': jnp.zeros(())}, **fields)
