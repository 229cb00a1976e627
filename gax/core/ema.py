"""Exponential moving averages of networks.

Convention: new = decay * old + (1 - decay) * value, so that after n updates towards a constant p the average
is p + decay^n (p0 - p). No bias correction (Karras et al., "Progressive Growing of GANs", 2018, use the same
form).
"""

from typing import Any

import jax
import jax.numpy as jnp

from gax import errors
from gax.core import schedules
from gax.core.bounds import SCHEDULED, between
from gax.core.types import Array, PyTree, Schedule, not_zero

# The fields of config.ema for each config.ema.name.
SECTIONS: dict[str, dict[str, float]] = {
    'decay': {'decay': 0.999},  # `with_warmup`
    'half_life': {'kimg': 10.0, 'ramp': 0.0},  # `half_life`
}
BOUNDS = {
    'decay': (between(0.0, 1.0), SCHEDULED),
    'kimg': (between(0.0), SCHEDULED),
    'ramp': (between(0.0),),
}


def section(name: str = 'decay', **fields: float | str) -> dict[str, Any]:
    """The section config.ema.

    Args:
      name: 'decay' or 'half_life'.
      **fields: Its fields with other values.

    Returns:
      {field: value}.

    Raises:
      GaxError: The name or a field is unknown.

    >>> section('half_life', kimg=500.0)
    {'name': 'half_life', 'kimg': 500.0, 'ramp': 0.0}
    """
    usual = errors.lookup('config.ema.name', name, SECTIONS)
    for field in fields:
        errors.lookup(f'field of config.ema of name {name!r}:', field, usual)
    return {'name': name, **usual, **fields}


def from_config(config: Any) -> Schedule:
    """The decay of the averages that config.ema describes.

    Args:
      config: The config of a run: its section `ema` and, for half-lives, `batch_size`, the images that a step
        counts.

    Returns:
      step -> decay.
    """
    if config.ema.name == 'half_life':
        return half_life(config.ema.kimg, config.batch_size, config.ema.ramp)
    return with_warmup(config.ema.decay)


def update(old: PyTree, value: PyTree, decay: float | Array) -> PyTree:
    """One step of the average, leaf by leaf.

    Args:
      old: The average.
      value: A pytree of the same structure.
      decay: From 0 to 1.

    Returns:
      The new average. Leaves that are not floats are copied from `value`.
    """

    def leaf(average: Array, new: Array) -> Array:
        return average + (1.0 - decay) * (new - average) if jnp.issubdtype(new.dtype, jnp.floating) else new

    return jax.tree.map(leaf, old, value)


def with_warmup(decay: float | Schedule) -> Schedule:
    """The schedule min(decay, (1 + t) / (10 + t)): a short memory while the network still changes fast.

    It is the schedule of TensorFlow's `ExponentialMovingAverage(num_updates=...)`.

    Args:
      decay: From 0 to 1, or a function of the training step.
    """

    def at(step: Array) -> Array:
        count = jnp.asarray(step, jnp.float32)
        return jnp.minimum(schedules.at(decay, step), (1.0 + count) / (10.0 + count))

    return at


def half_life(kimg: float | Schedule, batch_size: int, ramp: float = 0.0) -> Schedule:
    """The decay (1/2)^(batch_size / n), by which a network counts half as much after n more images.

    n = 1000 kimg; with a ramp min(1000 kimg, ramp * images), the images counted before the step, so that the
    average is the network itself at step 0. Karras et al., "Training Generative Adversarial Networks with
    Limited Data", 2020, appendix C, and their code (ema_kimg, ema_rampup).

    Args:
      kimg: The half-life in thousands of images, at least 0, or a function of the training step. At 0 the
        average is the network.
      batch_size: The images that a step counts.
      ramp: At least 0; 0: none. StyleGAN2-ADA's 'auto' and 'cifar' have 0.05.

    Returns:
      step -> decay, float32 ().

    >>> print(half_life(500.0, 64)(0))
    0.9999113
    """

    def at(step: Array) -> Array:
        images = 1000.0 * jnp.asarray(schedules.at(kimg, step), jnp.float32)
        if not_zero(ramp):
            images = jnp.minimum(images, ramp * batch_size * jnp.asarray(step, jnp.float32))
        return jnp.exp2(-batch_size / jnp.maximum(images, 1e-8))

    return at
