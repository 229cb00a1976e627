"""Normalises the gradient that reaches the fakes, as a wrapper of Player.grad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gax.core.types import Array, Context, PyTree, Term


def average(**fields: Any) -> Term:
    """The term that holds the moving average of `normalized`. It adds 0 to the loss.

    Args:
      **fields: The other fields of `Term`.

    Returns:
      The term; its state is {'rms': float32 ()}, 0 before the first update.
    """

    def fn(context: Context, out: Any, state: PyTree) -> tuple[Array, PyTree]:
        return jnp.zeros(()), state

    return Term(fn, init=lambda: {'rms': jnp.zeros(())}, **fields)


def normalized(
    player: str, term: str, decay: float, grad: Callable[..., Any] = jax.value_and_grad
) -> Callable[..., Any]:
    """Divides the gradient with respect to the fakes by n times a moving average of its root mean square.

    n is the number of the fakes' values in the batch. What is pulled back to the generator so has a root mean
    square of about 1 / n, as the gradient of a mean of n numbers, however steep the discriminator is. Lin et
    al., "Adversarial Flow Models", 2025, whose decay is 0.9; there the gradient of the adversarial loss alone
    is divided, here that of all terms of the player. The average begins with the first gradient. Under
    `shard_map` and `pmap` each replica divides by the average that all have and its own gradient; the
    averages are then averaged.

    Args:
      player: The name of the player.
      term: The name of its term `average`. Its metric becomes the moving average.
      decay: Of the average, from 0 to below 1.
      grad: A function for Player.grad.

    Returns:
      A function for Player.grad. It changes nothing for a player that does not train the generator.
    """

    def wrapped(
        loss: Callable[..., Any], argnums: tuple[int, ...], has_aux: bool = True
    ) -> Callable[..., Any]:
        inner = grad(loss, argnums=argnums, has_aux=has_aux)

        def run(*arguments: Any) -> tuple[Any, Any]:
            (total, (model_state, states, metrics)), grads = inner(*arguments)
            if len(grads) < 2:
                return (total, (model_state, states, metrics)), grads
            leaves = [leaf.astype(jnp.float32) for leaf in jax.tree.leaves(grads[1])]
            size = sum(leaf.size for leaf in leaves)
            rms = jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in leaves) / size)
            before = states[term]['rms']
            after = jnp.where(before > 0, decay * before + (1.0 - decay) * rms, rms)
            divisor = jnp.maximum(after * size, 1e-20)  # of gradients that are 0 everywhere
            fakes = jax.tree.map(lambda g: (g / divisor).astype(g.dtype), grads[1])
            states = {**states, term: {'rms': after}}
            metrics = {**metrics, f'{player}/{term}': (after, jnp.ones(()))}
            return (total, (model_state, states, metrics)), (grads[0], fakes, *grads[2:])

        return run

    return wrapped
