"""The optimizers and schedules of optax by name, and which of their arguments a config may set."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import config_dict

from gax import errors

# Whole numbers of steps, or shares of config.steps, see `learning_rates.lengths`.
SCHEDULE_LENGTHS = ('decay_steps', 'transition_steps', 'transition_begin', 'warmup_steps')

# Where the default of optax differs from the paper. Daskalakis et al., 2018, algorithm 1: Adam's update,
# without Nesterov momentum.
AS_PUBLISHED: dict[str, dict[str, Any]] = {
    'optimistic_adam': {'nesterov': False},
    'optimistic_adam_v2': {'nesterov': False},
}

# What an update in a game does not have: another player is updated in between.
UNFIT = {
    'lbfgs': 'the value of the loss along a line of search',
    'polyak_sgd': 'the value of the loss, and its smallest value',
}


def factory_of(name: str) -> Callable[..., optax.GradientTransformation]:
    """The optax function of an optimizer.

    Args:
      name: The name of the optimizer.

    Returns:
      The function.

    Raises:
      GaxError: The optimizer is unknown, or needs what an update in a game does not have, see UNFIT.
    """
    if more := UNFIT.get(name):
        raise errors.GaxError(
            f'optimizer {name!r} of optax needs {more}; those that work: {", ".join(optimizers())}'
        )
    return errors.lookup('optimizer', name, optimizers())


def plain_arguments(factory: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of an optax function that are numbers, switches or words.

    Left out are the learning rate, keys and seeds, masks, dtypes and dicts.

    Args:
      factory: The optax function.

    Returns:
      {argument: its default, or a typed placeholder where it has none}.
    """
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        default, hint = parameter.default, str(parameter.annotation)
        if name in ('learning_rate', 'key', 'seed') or name.endswith(('mask', 'dtype')) or 'dict' in hint:
            continue
        if name in SCHEDULE_LENGTHS:
            arguments[name] = config_dict.placeholder(object)
            continue
        if isinstance(default, (bool, int, float)):
            arguments[name] = default
        elif default in (None, parameter.empty):
            kinds = {"<class 'int'>": int, 'int | None': int, "<class 'str'>": str}
            kind = kinds.get(hint, float)
            arguments[name] = config_dict.placeholder(kind)
    return arguments


def optimizers() -> dict[str, Callable[..., optax.GradientTransformation]]:
    """Every public optax function that takes a learning rate, by name."""
    with_rate = {}
    for name in dir(optax):
        fn = getattr(optax, name)
        if inspect.isfunction(fn) and 'learning_rate' in inspect.signature(fn).parameters and name[0] != '_':
            with_rate[name] = fn
    return {n: fn for n, fn in with_rate.items() if not n.startswith(('scale_by', 'inject', 'make', *UNFIT))}


@functools.cache
def takes_schedule(name: str) -> bool:
    """Whether the optimizer's learning rate may be a schedule.

    Some optimizers fail only at their first update, so one is traced.
    """

    def one(params: Any) -> Any:
        chain = optimizers()[name](learning_rate=lambda count: 0.1)
        return chain.update(params, chain.init(params), params)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with jax.numpy_dtype_promotion('standard'):  # as step.py updates
                jax.eval_shape(one, {'w': jax.ShapeDtypeStruct((2, 2), jnp.float32)})
    except Exception:  # optimizers raise various errors
        return False
    return True


def schedules() -> dict[str, Callable[..., optax.Schedule]]:
    """Every optax schedule, by name."""
    names = [n for n in dir(optax.schedules) if n.endswith(('_schedule', '_decay')) and n[0] != '_']
    return {name: getattr(optax.schedules, name) for name in names}


def given_arguments(
    kind: str, name: str, factory: Callable[..., Any], config: Mapping[str, Any], skip: tuple[str, ...]
) -> dict[str, Any]:
    """The arguments of an optax function that a config section gives: its fields that are not None.

    Args:
      kind: 'optimizer' or 'schedule', for messages.
      name: The name of the function.
      factory: The function.
      config: The section.
      skip: Fields of the section that are no arguments.

    Returns:
      {argument: value}.

    Raises:
      GaxError: A field is no argument of the function.
    """
    arguments = {key: value for key, value in config.items() if key not in skip and value is not None}
    valid = inspect.signature(factory).parameters
    for key in arguments:
        if key not in valid:
            raise errors.GaxError(errors.choices(f'argument of {kind} {name!r}:', key, valid))
    return arguments


def call(kind: str, name: str, factory: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """`factory(**arguments)`.

    Args:
      kind: 'optimizer' or 'schedule', for messages.
      name: The name of the function.
      factory: The function.
      arguments: Its arguments.

    Returns:
      What the function returns.

    Raises:
      GaxError: A required argument is missing; the message names it.
    """
    needed = [n for n, p in inspect.signature(factory).parameters.items() if p.default is p.empty]
    missing = [n for n in needed if n not in arguments]
    if missing:
        raise errors.GaxError(f'{kind} {name!r} needs {", ".join(missing)}')
    return factory(**arguments)
