"""Exponential moving averages of networks.

Convention: new = decay * old + (1 - decay) * value, so that after n updates towards a constant p the average
is p + decay^n (p0 - p). No bias correction (Karras et al., "Progressive Growing of GANs", 2018, use the same
form).
"""

import jax
import jax.numpy as jnp

from gax.core.types import Array, PyTree, Schedule


def update(old: PyTree, value: PyTree, decay: float | Array) -> PyTree:
    """One step of the average, leaf by leaf.

    Args:
      old: The average.
      value: A pytree of the same structure.
      decay: From 0 to 1.

    Returns:
      The new average. Leaves that are not floats are copied from `value`.
    """

    def leaf(o: Array, v: Array) -> Array:
        return o + (1.0 - decay) * (v - o) if jnp.issubdtype(v.dtype, jnp.floating) else v

    return jax.tree.map(leaf, old, value)


def with_warmup(decay: float) -> Schedule:
    """The schedule min(decay, (1 + t) / (10 + t)): a short memory while the network still changes fast.

    It is the schedule of TensorFlow's `ExponentialMovingAverage(num_updates=...)`.
    """

    def at(step: Array) -> Array:
        count = jnp.asarray(step, jnp.float32)
        return jnp.minimum(decay, (1.0 + count) / (10.0 + count))

    return at
