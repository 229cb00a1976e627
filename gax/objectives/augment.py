"""Transforms of a discriminator's inputs: noise that fades, and augmented images.

They wrap `Scorer.inputs`, so that reals, fakes and penalties are treated alike, in D's updates and in G's.
Gradients pass through them, to the generator and to the input that a penalty differentiates with respect to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gax.core import rng, schedules, trees
from gax.core.forward import Scorer
from gax.core.types import Array, Batch, Context, PyTree, Schedule, Term, not_zero
from gax.objectives import image_transforms

Change = Callable[[Context, Array], Array]

# A subset of the paper's pipeline: see `adaptive`.
ADAPTIVE = ('flip', 'rotation', 'translation', 'color')


def from_config(config: Any, scorer: Scorer) -> Scorer:
    """Wraps the scorer in config.augment, config.ada and config.instance_noise, each if it is on.

    Args:
      config: The config of the run.
      scorer: The calling convention of the discriminator.

    Returns:
      The wrapped scorer.

    Raises:
      GaxError: An augmentation is unknown, or the data are not images.
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
    """The term that controls the strength of `adaptive`.

    Returns:
      {'ada': the term of player 'd'} where config.ada is on, else {}.
    """
    if not adapted(config):
        return {}
    return {'ada': ada(config.batch_size, config.ada.kimg, config.ada.target)}


def adapted(config: Any) -> bool:
    """Whether the config has a section `ada` that is on."""
    return 'ada' in config and not_zero(config.ada.kimg)


def changed(scorer: Scorer, change: Change) -> Scorer:
    """A scorer whose discriminator gets change(context, x) in place of the field x that it scores.

    Of several wrapped changes the last one is applied first.
    """

    def inputs(context: Context, batch: Batch) -> tuple[Array, ...]:
        return scorer.inputs(context, {**batch, scorer.field: change(context, batch[scorer.field])})

    return scorer._replace(inputs=inputs)


def instance_noise(std: float | Schedule, steps: int = 0) -> Change:
    """Adds N(0, s^2). s falls linearly from `std` at step 0 to 0 at step `steps`.

    Sonderby et al., "Amortised MAP Inference for Image Super-resolution", 2017; Arjovsky and Bottou, "Towards
    Principled Methods for Training Generative Adversarial Networks", 2017, section 3.

    Args:
      std: In units of the data; or a function of the training step.
      steps: The number of steps in which the noise fades; with 0 it stays.

    Returns:
      (context, x) -> x of the same shape and dtype.
    """

    def change(context: Context, x: Array) -> Array:
        left = jnp.maximum(0.0, 1.0 - context.step / steps) if steps else 1.0
        now = schedules.at(std, context.step) * left
        return x + jnp.asarray(now, x.dtype) * jax.random.normal(context.rng('noise'), x.shape, x.dtype)

    return change


def diff_augment(policy: str = 'color,translation,cutout') -> Change:
    """Applies the transforms of `policy` to every image, with gradients.

    Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020, section 3.2 and their
    code. image_transforms.py has the strengths of the transforms.
    """
    return lambda context, x: image_transforms.apply(policy, context.rng('augment'), x)


def adaptive(player: str = 'd', term: str = 'ada') -> Change:
    """Applies each transform of ADAPTIVE to each image with probability p.

    Of the pipeline of Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020,
    appendix B, these are pixel blitting (flips, turns by 90 degrees, shifts by whole pixels) and part of the
    colour group (brightness, contrast, saturation). The colours are uniform, and one draw decides on all
    three, as in image_transforms.py; in the paper they are normal and log-normal, with a draw for each. Not
    here: scaling and rotation by any angle, hue, luma flip, filters, noise, cutout. Reals and fakes use the
    same p, that of before the update.

    Args:
      player: The player whose term holds p.
      term: The name of that term, see `ada`.

    Returns:
      (context, images) -> images.
    """

    def change(context: Context, x: Array) -> Array:
        p, key = context.term_state[player][term]['p'], context.rng('adaptive')
        for name in ADAPTIVE:
            transform_key = rng.stream(key, name)
            chosen = jax.random.bernoulli(rng.stream(transform_key, 'chosen'), p, (x.shape[0], 1, 1, 1))
            x = jnp.where(chosen, image_transforms.TRANSFORMS[name](transform_key, x), x)
        return x

    return change


def ada(rows: int, kimg: float = 500.0, target: float = 0.6, **fields: Any) -> Term:
    """The controller of `adaptive`: adds 0 to the loss, and updates p in [0, 1].

    p rises where E sign(D(x)) over reals is above `target`, else it falls, by rows / (1000 kimg) in each
    update. Karras et al., 2020, section 3 (r_t, eq. 1; they average the sign over 4 batches and change p
    after those, and p may exceed 1).

    Args:
      rows: The number of reals in an update.
      kimg: The thousands of images in which p rises from 0 to 1 at the fastest.
      target: The target of E sign(D(x)), from -1 to 1.
      **fields: The other fields of `Term`.

    Returns:
      The term.
    """

    def fn(context: Context, out: Any, state: PyTree) -> tuple[Array, PyTree]:
        overfit = trees.mean(jax.tree.map(jnp.sign, jax.lax.stop_gradient(out['real'])))
        p = state['p'] + jnp.sign(overfit - target) * rows / (1000.0 * kimg)
        return jnp.zeros(()), {'p': jnp.clip(p, 0.0, 1.0)}

    return Term(fn, init=lambda: {'p': jnp.zeros(())}, **fields)
