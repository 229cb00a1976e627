"""Projection: the latents whose fake is nearest to an image, by gradient descent. Pure functions.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, appendix D, in w; in z, for a
generator without a mapping network, Lipton and Tripathi, "Precise Recovery of Latent Vectors from Generative
Adversarial Networks", 2017. Every image has several restarts, which are optimised together under `vmap`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gax.core import rng
from gax.core.types import Array, Batch, Key

RISE, FALL, NOISY = 0.05, 0.25, 0.75  # shares of all steps: rate rises, rate falls, noise fades
NOISE = 0.05  # the noise at the first step, in standard deviations of the latents

Render = Callable[[Batch, Batch], Array]  # free latents, held latents, [1, ...] -> an image [1, H, W, C]
Distance = Callable[[Array, Array, Batch], Array]  # fake, target [1, H, W, C], held latents -> [1]


class Space(NamedTuple):
    """The latents that are optimised.

    Attributes:
      start: The first guess of every restart, float by field, [N, R, ...]: N images, R restarts.
      held: The other latents and the conditions, by field, [N, R, ...].
      spread: The standard deviation of each field, float32 scalars: the unit of rate and noise.
      radius: field -> the largest length of its vectors; a longer one is scaled down. Fields that have none
        are not bounded.
    """

    start: Batch
    held: Batch
    spread: dict[str, Array]
    radius: dict[str, Array]


class Carry(NamedTuple):
    """What changes from step to step.

    Attributes:
      latents: The latents, by field, [N, R, ...].
      moments: The state of Adam.
      step: int32 scalar.
    """

    latents: Batch
    moments: Any
    step: Array


class Descent(NamedTuple):
    """How latents are optimised.

    Attributes:
      steps: The number of steps.
      rate: The largest learning rate of Adam, in standard deviations of the latents.
      noise: The noise that is added to the latents at the first step, in the same unit.
    """

    steps: int = 500
    rate: float = 0.1
    noise: float = NOISE


def rate_at(descent: Descent, step: Array) -> Array:
    """The learning rate: a linear rise, a plateau, and half a cosine down to 0. Scalar -> scalar.

    As the authors' projector: 5 % of the steps rise, 25 % fall.
    """
    t = step / descent.steps
    fall = jnp.minimum(1.0, (1.0 - t) / FALL)
    return descent.rate * (0.5 - 0.5 * jnp.cos(jnp.pi * fall)) * jnp.minimum(1.0, t / RISE)


def noise_at(descent: Descent, step: Array) -> Array:
    """The noise's standard deviation: a parabola down to 0 at 75 % of the steps. Scalar -> scalar."""
    return descent.noise * jnp.square(jnp.maximum(0.0, 1.0 - step / descent.steps / NOISY))


def within(latents: Batch, radius: dict[str, Array]) -> Batch:
    """Scales vectors [..., D] that are longer than the radius of their field down to it."""

    def clipped(name: str, x: Array) -> Array:
        if name not in radius:
            return x
        length = jnp.linalg.norm(x, axis=-1, keepdims=True)
        return x * jnp.minimum(1.0, radius[name] / jnp.maximum(length, 1e-12))

    return {name: clipped(name, x) for name, x in latents.items()}


def begin(space: Space) -> Carry:
    """The state before the first step."""
    return Carry(space.start, _adam().init(space.start), jnp.zeros((), jnp.int32))


def advance(
    carry: Carry,
    space: Space,
    targets: Array,
    key: Key,
    render: Render,
    distance: Distance,
    descent: Descent,
    count: int,
) -> Carry:
    """Takes `count` steps of Adam for all restarts of all images.

    A row does not depend on the others: its gradient is taken by itself, in a batch of one.

    Args:
      carry: The state.
      space: The latents that are optimised.
      targets: Float [N, H, W, C] in [-1, 1].
      key: The key of the noise.
      render: Makes an image of latents.
      distance: What is minimised.
      descent: The steps, the rate, the noise.
      count: How many steps.

    Returns:
      The new state.
    """

    def loss(latents: Batch, held: Batch, target: Array) -> Array:
        one_latents, one_held = jax.tree.map(lambda x: x[None], (latents, held))
        return distance(render(one_latents, one_held), target[None], one_held)[0]

    gradient = jax.vmap(jax.vmap(jax.grad(loss), (0, 0, None)))

    def step(carry: Carry, _: None) -> tuple[Carry, None]:
        step_key = jax.random.fold_in(key, carry.step)
        scale = noise_at(descent, carry.step)
        moved = {
            name: x
            + scale * space.spread[name] * jax.random.normal(rng.stream(step_key, name), x.shape, x.dtype)
            for name, x in carry.latents.items()
        }
        updates, moments = _adam().update(gradient(moved, space.held, targets), carry.moments)
        rate = rate_at(descent, carry.step + 1)
        latents = {name: x - rate * space.spread[name] * updates[name] for name, x in carry.latents.items()}
        return Carry(within(latents, space.radius), moments, carry.step + 1), None

    return jax.lax.scan(step, carry, None, length=count)[0]


def render_all(latents: Batch, held: Batch, render: Render) -> Array:
    """The images of all rows: leaves [N, R, ...] -> float [N, R, H, W, C]."""

    def one(latents: Batch, held: Batch) -> Array:
        return render(*jax.tree.map(lambda x: x[None], (latents, held)))[0]

    return jax.vmap(jax.vmap(one))(latents, held)


def distances(images: Array, targets: Array, held: Batch, distance: Distance) -> Array:
    """The distance of every image [N, R, H, W, C] to its target [N, H, W, C], float32 [N, R]."""

    def one(image: Array, target: Array, held: Batch) -> Array:
        return distance(image[None], target[None], jax.tree.map(lambda x: x[None], held))[0]

    return jax.vmap(jax.vmap(one, (0, None, 0)))(images, targets, held)


def weighted(parts: list[tuple[float, Distance]]) -> Distance:
    """The weighted sum of several distances."""

    def distance(image: Array, target: Array, held: Batch) -> Array:
        total = jnp.zeros(image.shape[0])
        for weight, part in parts:
            total = total + weight * part(image, target, held)
        return total

    return distance


def squared(image: Array, target: Array, held: Batch) -> Array:
    """The mean squared difference over pixels and channels, [B] of [B, H, W, C]; from 0 to 4 in [-1, 1]."""
    return jnp.mean(jnp.square(image - target), axis=tuple(range(1, image.ndim)))


def _adam() -> optax.GradientTransformation:
    return optax.scale_by_adam(b1=0.9, b2=0.999)
