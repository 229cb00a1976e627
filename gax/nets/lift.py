"""From a Flax (Linen) module to a `Net`: two pure functions. The only file that knows how Flax runs a module."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax

from gax import rng
from gax.types import Key, Net, PyTree


def lift(module: nn.Module, *examples: jax.ShapeDtypeStruct) -> Net:
    """`module` as a Net. Its `__call__` takes the inputs, then a keyword `train`; shapes come from `examples`.

    Collections other than 'params' (batch statistics, power-iteration vectors) are the model_state. Modules that
    draw random numbers while training do so from the stream 'dropout'.
    """

    def init(key: Key) -> tuple[PyTree, PyTree]:
        keys = {'params': rng.stream(key, 'params'), 'dropout': rng.stream(key, 'dropout')}
        inputs = [jax.numpy.zeros(x.shape, x.dtype) for x in examples]
        variables = dict(module.init(keys, *inputs, train=False))
        return variables.pop('params', {}), variables

    def apply(params: PyTree, model_state: PyTree, *inputs: Any, train: bool, key: Key) -> tuple[Any, PyTree]:
        variables = {'params': params, **model_state}
        if not train:
            return module.apply(variables, *inputs, train=False), model_state
        return module.apply(variables, *inputs, train=True, rngs={'dropout': key}, mutable=list(model_state))

    return Net(init, apply)
