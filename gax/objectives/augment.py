"""Transforms of a discriminator's inputs: noise that fades, and augmented images.

They wrap `Scorer.inputs`, so that reals, fakes and penalties are treated alike, in D's updates and in G's.
Gradients pass through them, to the generator and to the input that a penalty differentiates with respect to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gax.core import schedules
from gax.core.forward import Scorer
from gax.core.types import Array, Batch, Context, Schedule, Summary, Term, not_zero
from gax.objectives import image_transforms
from gax.objectives.ada import control, pipeline
from gax.objectives.ada.control import Controller, Strength

Change = Callable[[Context, Array], Array]
CONTROLS = ('adaptive', 'fixed')  # of p, for config.ada.control


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
        image_transforms.refuse_others('config.ada', scorer.field)
        scorer = changed(scorer, adaptive(config.ada.pipeline, strength(config)))
    if image_transforms.parse(config.augment, scorer.field):
        scorer = changed(scorer, diff_augment(config.augment))
    return scorer


def controller(config: Any) -> dict[str, Term]:
    """The term that moves the p of ADA's pipeline.

    Returns:
      {'ada': the term of player 'd'} where config.ada is on and its p adapts, else {}.
    """
    moving = adapted(config) and config.ada.control == 'adaptive'
    return {'ada': controller_of(config).as_term()} if moving else {}


def controller_of(config: Any) -> Controller:
    """The controller that the section `ada` describes."""
    section = config.ada
    return Controller(config.batch_size, section.kimg, section.target, section.every)


def strength(config: Any) -> Strength:
    """context -> p of ADA's pipeline, by config.ada.control: moved by the term, or constant."""
    return controller_of(config).strength if config.ada.control == 'adaptive' else control.given(config.ada.p)


def summary(config: Any) -> Summary:
    """The metric 'ada_p' where config.ada is on, else none."""
    return control.summary(strength(config)) if adapted(config) else lambda context, out: {}


def adapted(config: Any) -> bool:
    """Whether the config has a section `ada` that is on: 0 kimg, or a fixed p of 0, turn it off."""
    if 'ada' not in config:
        return False
    return not_zero(config.ada.kimg if config.ada.control == 'adaptive' else config.ada.p)


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


def adaptive(preset: str, strength: Strength) -> Change:
    """Applies a preset of ADA's pipeline, each transform with probability p times its multiplier.

    Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020, appendix B; see
    gax.objectives.ada.

    Args:
      preset: One of ada.pipeline.PRESETS.
      strength: context -> p; `Controller.strength` or `control.given`.

    Returns:
      (context, images) -> images.

    Raises:
      GaxError: There is no such preset.
    """
    weights = pipeline.preset(preset)
    return lambda context, x: pipeline.apply(weights, context.rng('adaptive'), strength(context), x)
