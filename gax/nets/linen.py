"""From a Flax (Linen) module to a `Net`: two pure functions.

Only this file knows how Flax runs a module.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gax import errors
from gax.core import rng
from gax.core.types import Key, Net, PyTree
from gax.nets.minibatch import MinibatchDiscrimination, MinibatchStd


def from_linen(module: nn.Module, *examples: jax.ShapeDtypeStruct, average_state: bool = True) -> Net:
    """Makes a Net of a Flax module.

    Collections other than 'params' (batch statistics, power-iteration vectors) are the model_state. The
    random stream 'dropout' exists in training only, the stream 'noise' and those of other names always.

    Args:
      module: Its `__call__` takes the inputs, then a keyword `train`.
      *examples: The shapes and dtypes of the inputs.
      average_state: See `Net`.

    Returns:
      The net.
    """

    def init(key: Key) -> tuple[PyTree, PyTree]:
        keys = {name: rng.stream(key, name) for name in ('params', 'dropout', 'noise')}
        inputs = [jax.numpy.zeros(x.shape, x.dtype) for x in examples]
        variables = dict(module.init(keys, *inputs, train=False))
        return variables.pop('params', {}), variables

    def apply(params: PyTree, model_state: PyTree, *inputs: Any, train: bool, key: Key) -> tuple[Any, PyTree]:
        variables = {'params': params, **model_state}
        if not train:
            return module.apply(variables, *inputs, train=False, rngs=streams(key)), model_state
        with nn.intercept_methods(check_statistics):
            rngs = {**streams(key), 'dropout': key}
            return module.apply(variables, *inputs, train=True, rngs=rngs, mutable=list(model_state))

    return Net(init, apply, average_state)


def streams(key: Key) -> dict[str, Key]:
    """The random streams that a module has in training and outside of it.

    Flax derives streams of other names from 'params'.
    """
    return {} if key is None else {name: rng.stream(key, name) for name in ('noise', 'params')}


def check_statistics(call: Callable[..., Any], inputs: Any, options: Any, context: Any) -> Any:
    """Refuses a layer that compares the examples of a batch of one. For nn.intercept_methods, in training.

    A batch-norm of one number for each channel returns its bias for any input, with gradient 0, and a layer
    that compares examples has nothing to compare. A batch may be split over replicas, microbatches or packs;
    then the layer sees one part.

    Args:
      call: The method.
      inputs: Its positional arguments.
      options: Its keyword arguments.
      context: Flax' record of the call.

    Returns:
      What the method returns.

    Raises:
      GaxError: The layer compares examples, and its input has a single one.
    """
    layer, values = context.module, 2
    if context.method_name == '__call__' and inputs:
        if isinstance(layer, nn.BatchNorm):
            shape = jnp.shape(inputs[0])
            still = any(
                [*inputs[1:], options.get('use_running_average'), layer.use_running_average, layer.axis_name]
            )
            axes = layer.axis if isinstance(layer.axis, Sequence) else (layer.axis,)
            values = 2 if still else math.prod(shape) // math.prod(shape[axis] for axis in axes)
        elif isinstance(layer, (MinibatchStd, MinibatchDiscrimination)):
            shape = jnp.shape(inputs[0])
            values = shape[0]
    if values < 2:
        raise errors.GaxError(
            f'{type(layer).__name__} ({"/".join(layer.path)}) has 1 example at a time, {list(shape)}, '
            'and needs at least 2: what a network sees at a time is batch_size, less by `accumulate`, packs, '
            'and replicas (config.parallel other than jit); raise batch_size, lower these, '
            'or take the layer out (batch_norm, minibatch)'
        )
    return call(*inputs, **options)
