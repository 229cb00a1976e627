"""Wrappers of a network, of a player's gradient and of the whole step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from gax import errors
from gax.core import freeze, rng
from gax.core import step as steps
from gax.core.types import Batch, Game, Key, Metrics, Net, PyTree, Step, TrainState

# The dtype that networks compute in; None: that of their inputs and parameters.
PRECISIONS: dict[str, Any] = {'float32': None, 'bfloat16': jnp.bfloat16}


def from_config(config: Any, game: Game) -> Game:
    """Applies what a config sets for all networks, and for the step as a whole.

    Args:
      config: Its fields `precision`, `remat`, `extragradient` and the players' `freeze` are read.
      game: The game.

    Returns:
      The game with wrapped networks and step.

    Raises:
      GaxError: config.precision is unknown, or config.remat or a player's `freeze` names what the game does
        not have.
    """
    nets = dict(game.nets)
    dtype = errors.lookup('config.precision', config.precision, PRECISIONS)
    if dtype is not None:
        nets = {name: computing_in(dtype, net) for name, net in nets.items()}
    for name in named('config.remat', config.remat, game):
        nets[name] = remat(nets[name])
    game = freeze.from_config(config, game)._replace(nets=nets)
    return game._replace(wrap=extragradient(game)) if config.extragradient else game


def named(where: str, text: str, game: Game) -> list[str]:
    """The nets that a text names, each once: by their own names, or by that of the player that trains them.

    Args:
      where: The field, for messages.
      text: Names, separated by commas: 'g,d', 'synthesis'. A net's name goes before a player's.
      game: The game.

    Returns:
      The names of the nets.

    Raises:
      GaxError: There is no such net or player.
    """
    table = {name: player.nets for name, player in game.players.items()}
    table |= {name: (name,) for name in game.nets}
    names = [part.strip() for part in text.split(',') if part.strip()]
    return list(
        dict.fromkeys(net for name in names for net in errors.lookup(f'network in {where}', name, table))
    )


def computing_in(dtype: Any, net: Net) -> Net:
    """Makes `net` compute in `dtype`.

    Float parameters and inputs are cast to `dtype`, and float outputs to float32. Parameters stay float32,
    and so do gradients, optimizers and model_state: Flax' batch-norm computes its means in float32, and
    spectral normalisation its singular vectors (of the rounded kernel). Losses and penalties are computed
    from outputs and from gradients with respect to inputs, as float32 sums. This is the mixed precision of
    Micikevicius et al., "Mixed Precision Training", 2018, without loss scaling: bfloat16 does not need it,
    because it has the exponents of float32.

    Args:
      dtype: A float dtype.
      net: The network.

    Returns:
      The wrapped network.
    """

    def apply(params: PyTree, model_state: PyTree, *inputs: Any, train: bool, key: Key) -> tuple[Any, PyTree]:
        rounded_params, rounded_inputs = _to(dtype, params), _to(dtype, inputs)
        # Batch-norm's statistics are float32, and its inputs bfloat16.
        with jax.numpy_dtype_promotion('standard'):
            out, state = net.apply(rounded_params, model_state, *rounded_inputs, train=train, key=key)
        return _to(jnp.float32, out), jax.tree.map(_cast_like, state, model_state)

    return net._replace(apply=apply)


def _cast_like(new: jax.Array, old: jax.Array) -> jax.Array:
    return new if new.dtype == old.dtype else new.astype(old.dtype)


def _to(dtype: Any, tree: PyTree) -> PyTree:
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)


def remat(net: Net) -> Net:
    """Rematerialises `net`.

    The forward pass stores only its inputs, and is recomputed during the backward pass. Chen et al.,
    "Training Deep Nets with Sublinear Memory Cost", 2016, by `jax.checkpoint`, with the whole net as one
    segment. During its own backward pass the net needs as much memory as without; the saving is before that.
    The generator's backward pass comes after the whole update of the discriminator, and a discriminator runs
    on reals, on fakes and for penalties before its backward pass.

    Temporary memory of the compiled step of configs/dcgan_emoji.py, batch 64, on CPU: 120 MiB; 91 with the
    generator rematerialised, 79 with both nets, and 136 with the discriminator alone.
    """

    def apply(params: PyTree, model_state: PyTree, *inputs: Any, train: bool, key: Key) -> tuple[Any, PyTree]:
        @jax.checkpoint
        def run(params: PyTree, model_state: PyTree, inputs: tuple[Any, ...], key: Key) -> tuple[Any, PyTree]:
            return net.apply(params, model_state, *inputs, train=train, key=key)

        return run(params, model_state, inputs, key)

    return net._replace(apply=apply)


def extragradient(game: Game) -> Callable[[Step], Step]:
    """The extragradient method, for Game.wrap: applies the update of the next point at the current one.

    p' = p + u(p), then p <- p + u(p'), both on the same batch and the same random numbers. Korpelevich, "The
    extragradient method for finding saddle points and other problems", 1976; Gidel et al., "A Variational
    Inequality Perspective on Generative Adversarial Networks", 2019; one sample for both gradients as in
    Mishchenko et al., "Revisiting Stochastic Extragradient", 2020. Players that are updated in turn look
    ahead in turn.

    Only the parameters look ahead. Optimizers (so that schedules count a step once; Gidel et al. let Adam's
    moments see both gradients), statistics of normalisation and states of terms advance once, with the second
    step. Moving averages follow the final parameters, metrics are those of the second step, and the step
    counts once. It costs two steps. A wrap that the game already has is applied first. Do not use it with
    optimizers that project: p + u may leave the box.

    Args:
      game: The game.

    Returns:
      step -> step.
    """

    def wrap(step: Step) -> Step:
        step = game.wrap(step)

        def extra(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
            ahead, _ = step(state, batch)
            after, metrics = step(replace(state, params=ahead.params), batch)
            params = jax.tree.map(lambda p, q, a: p + (q - a), state.params, after.params, ahead.params)
            after = replace(after, params=params, step=state.step, ema=state.ema)
            return steps.finish(game, after), metrics

        return extra

    return wrap


def accumulate(count: int) -> Callable[..., Any]:
    """Runs a batch as `count` microbatches, one after the other, to save memory.

    The result is the mean of the microbatches' gradients, values, metrics and states (integers: the last
    one's). It equals that of the whole batch where a term is a mean over examples that do not depend on one
    another. Batch-norm sees microbatches, and its averages advance once, by the mean. Random numbers are
    drawn for each microbatch. Memory is saved in the player's own forward pass; the generator still runs on
    the whole batch, once for each draw, and the players share it.

    Args:
      count: The number of microbatches; 1 is `jax.value_and_grad`.

    Returns:
      A function for Player.grad. It raises GaxError where `count` does not divide the batch.
    """
    if count == 1:
        return jax.value_and_grad

    def grad(loss: Callable[..., Any], argnums: tuple[int, ...], has_aux: bool = True) -> Callable[..., Any]:
        inner = jax.value_and_grad(loss, argnums, has_aux=has_aux)

        def mean(params: PyTree, fakes: Batch, data: PyTree, key: jax.Array) -> tuple[Any, Any]:
            def microbatch(_: None, part: Any) -> tuple[None, Any]:
                i, fakes, data = part
                return None, inner(params, fakes, data, jax.random.fold_in(rng.stream(key, 'microbatch'), i))

            parts = (jnp.arange(count), *jax.tree.map(lambda x: _split(x, count), (fakes, data)))
            _, (value, grads) = jax.lax.scan(microbatch, None, parts)
            value, direct = jax.tree.map(_mean, (value, grads[0]))
            pulled = jax.tree.map(
                lambda x: jnp.swapaxes(x, 0, 1).reshape(-1, *x.shape[2:]) / count, grads[1:]
            )
            return value, (direct, *pulled)

        return mean

    return grad


def only_above(least: float, grad: Callable[..., Any] = jax.value_and_grad) -> Callable[..., Any]:
    """Sets gradients to 0 where the loss is not above `least`; see `transforms.unless_zero`.

    Args:
      least: The largest loss without a gradient.
      grad: A function for Player.grad.

    Returns:
      A function for Player.grad. Each replica decides by its own loss.
    """

    def gated(loss: Callable[..., Any], argnums: tuple[int, ...], has_aux: bool = True) -> Callable[..., Any]:
        inner = grad(loss, argnums=argnums, has_aux=has_aux)

        def run(*arguments: Any) -> tuple[Any, Any]:
            (total, aux), grads = inner(*arguments)
            keep = total > least
            return (total, aux), jax.tree.map(lambda g: jnp.where(keep, g, jnp.zeros_like(g)), grads)

        return run

    return gated


def _split(x: jax.Array, count: int) -> jax.Array:
    """[B, ...] -> [count, B / count, ...].

    Part i has examples i, i + count, ..., so that shards stay on their devices.
    """
    if x.shape[0] % count:
        raise errors.GaxError(f'config.accumulate={count} must divide the {x.shape[0]} rows of a batch')
    return jnp.swapaxes(x.reshape(-1, count, *x.shape[1:]), 0, 1)


def _mean(x: jax.Array) -> jax.Array:
    return jnp.mean(x, axis=0) if jnp.issubdtype(x.dtype, jnp.inexact) else x[-1]
