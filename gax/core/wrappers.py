"""Functions around a network, around a player's gradient and around the whole step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from gax import errors
from gax.core import rng
from gax.core import step as steps
from gax.core.types import Batch, Game, Key, Metrics, Net, PyTree, Step, TrainState

# What networks compute in; None: as they are.
PRECISIONS: dict[str, Any] = {'float32': None, 'bfloat16': jnp.bfloat16}


def from_config(config: Any, game: Game) -> Game:
    """The game with what config says of all its networks, and of the step as a whole.

    Raises GaxError where config.remat names a network that the game has not.
    """
    nets = dict(game.nets)
    dtype = errors.lookup('config.precision', config.precision, PRECISIONS)
    if dtype is not None:
        nets = {name: computing_in(dtype, net) for name, net in nets.items()}
    for name in filter(None, config.remat.split(',')):
        nets[name] = remat(errors.lookup('network in config.remat', name, nets))
    game = game._replace(nets=nets)
    return game._replace(wrap=extragradient(game)) if config.extragradient else game


def computing_in(dtype: Any, net: Net) -> Net:
    """`net` with float parameters and inputs rounded to `dtype` before its pass, and what it returns made
    float32.

    Parameters, and so gradients and optimizers, stay float32, and so does model_state: Flax' batch-norm takes
    its means in float32, and spectral normalisation its singular vectors (of the rounded kernel). Losses and
    penalties, which are made of outputs and of gradients with respect to inputs, are float32 sums. The mixed
    precision of Micikevicius et al., "Mixed Precision Training", 2018, without loss scaling, which bfloat16
    has no need of: its exponents are float32's.
    """

    def apply(params: PyTree, model_state: PyTree, *inputs: Any, train: bool, key: Key) -> tuple[Any, PyTree]:
        rounded, given = _to(dtype, params), _to(dtype, inputs)
        with jax.numpy_dtype_promotion(
            'standard'
        ):  # batch-norm's means are float32 beside inputs of bfloat16
            out, state = net.apply(rounded, model_state, *given, train=train, key=key)
        return _to(jnp.float32, out), jax.tree.map(_as_before, state, model_state)

    return Net(net.init, apply)


def _as_before(new: jax.Array, old: jax.Array) -> jax.Array:
    return new if new.dtype == old.dtype else new.astype(old.dtype)


def _to(dtype: Any, tree: PyTree) -> PyTree:
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)


def remat(net: Net) -> Net:
    """`net`, of whose pass only the inputs are kept for the way back, when the pass is made once more.

    Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016, with the whole net as one segment: it
    takes no less at the height of its own way back, but nothing until then. The generator's pass waits for
    its way back all through the discriminator's move, and a discriminator makes a pass of reals, one of fakes
    and some for penalties.

    Temporary memory of the compiled step of configs/dcgan_emoji.py, batch 64, on CPU: 120 MiB; 91 with the
    generator's pass made again, 79 with both nets', and 136 with the discriminator's alone.
    """

    def apply(params: PyTree, model_state: PyTree, *inputs: Any, train: bool, key: Key) -> tuple[Any, PyTree]:
        @jax.checkpoint
        def run(params: PyTree, model_state: PyTree, inputs: tuple[Any, ...], key: Key) -> tuple[Any, PyTree]:
            return net.apply(params, model_state, *inputs, train=train, key=key)

        return run(params, model_state, inputs, key)

    return Net(net.init, apply)


def extragradient(game: Game) -> Callable[[Step], Step]:
    """For Game.wrap: a step ahead, then the step from there, applied to the parameters of the start.

    p' = p + u(p), then p <- p + u(p'), both on the same batch and the same random numbers. Korpelevich, "The
    extragradient method for finding saddle points and other problems", 1976; Gidel et al., "A Variational
    Inequality Perspective on Generative Adversarial Networks", 2019; one sample for both gradients as in
    Mishchenko et al., "Revisiting Stochastic Extragradient", 2020. Players in turn look ahead in turn.

    All but the parameters starts from the start: optimizers (so that schedules count a step once; Gidel et
    al. let Adam's moments see both gradients), statistics of normalisation and terms' states advance once,
    with the second step. Moving averages follow the final parameters; metrics are those of the second step;
    the step counts once. It costs two steps. A game's own wrap is applied first. Not for optimizers that
    project: p + u may leave the box.
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
    """A Player.grad that goes through the rows in `count` microbatches, one after the other: less memory at a
    time.

    The mean of the microbatches' gradients, values, metrics and states (integers: the last one's): the large
    batch, where a term is a mean over examples that do not see one another. Batch-norm sees microbatches, and
    its averages move once, by the mean; random numbers are drawn per microbatch. What is saved is the memory
    of the player's
    own forward pass: the generator's pass over the whole batch is made once per draw, and shared.
    Raises GaxError where the rows cannot be divided.
    """
    if count == 1:
        return jax.value_and_grad

    def grad(loss: Callable[..., Any], argnums: tuple[int, ...], has_aux: bool = True) -> Callable[..., Any]:
        inner = jax.value_and_grad(loss, argnums, has_aux=has_aux)

        def mean(own: PyTree, fakes: Batch, data: PyTree, key: jax.Array) -> tuple[Any, Any]:
            def one(_: None, part: Any) -> tuple[None, Any]:
                i, fakes, data = part
                return None, inner(own, fakes, data, jax.random.fold_in(rng.stream(key, 'microbatch'), i))

            parts = (jnp.arange(count), *jax.tree.map(lambda x: _deal(x, count), (fakes, data)))
            _, (value, grads) = jax.lax.scan(one, None, parts)
            value, direct = jax.tree.map(_mean, (value, grads[0]))
            pulled = jax.tree.map(
                lambda x: jnp.swapaxes(x, 0, 1).reshape(-1, *x.shape[2:]) / count, grads[1:]
            )
            return value, (direct, *pulled)

        return mean

    return grad


def _deal(x: jax.Array, count: int) -> jax.Array:
    """[B, ...] -> [count, B / count, ...]; part i has rows i, i + count, ...: sharded rows stay where they
    are.
    """
    if x.shape[0] % count:
        raise errors.GaxError(f'config.accumulate={count} must divide the {x.shape[0]} rows of a batch')
    return jnp.swapaxes(x.reshape(-1, count, *x.shape[1:]), 0, 1)


def _mean(x: jax.Array) -> jax.Array:
    return jnp.mean(x, axis=0) if jnp.issubdtype(x.dtype, jnp.inexact) else x[-1]
