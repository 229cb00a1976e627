"""Learning rates that follow an optax schedule of the training step."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gax import errors
from gax.core import optax_functions
from gax.core.schedules import at as value_at


def schedule(name: str = '', **arguments: Any) -> ConfigDict:
    """The section `schedule` of an optimizer: an optax schedule that multiplies the learning rate.

    Args:
      name: The name of an optax schedule; '' for none.
      **arguments: Arguments of the optax function.

    Returns:
      The section.

    Raises:
      GaxError: The schedule or an argument is unknown.
    """
    offers = offered_to_schedule(name)
    for key in arguments:
        errors.lookup(f'argument of schedule {name!r}:', key, offers)
    chosen = ConfigDict({'name': name, **{key: offers[key] for key in arguments}})
    chosen.update(arguments)  # after the placeholders, which set the types; a length may have two types
    return chosen


def offered_to_schedule(name: str) -> dict[str, Any]:
    """The fields that a schedule may have in addition to its name.

    Args:
      name: The name of an optax schedule; '' for none.

    Returns:
      {field: the value that holds while it is not set}; {} for ''.

    Raises:
      GaxError: The schedule is unknown.
    """
    if not name:
        return {}
    return optax_functions.plain_arguments(errors.lookup('schedule', name, optax_functions.schedules()))


def lengths(arguments: Mapping[str, Any], steps: int) -> dict[str, int]:
    """The `optax_functions.SCHEDULE_LENGTHS` among a schedule's arguments, in training steps.

    Args:
      arguments: The arguments of a schedule. An int is a number of steps; a float is a share of `steps`: 7000
        are 7,000 steps, 0.5 is half of `steps`, and 1.0 all of them.
      steps: The number of training steps; 0: not known, and shares are refused.

    Returns:
      {name: steps}.

    Raises:
      GaxError: A length is not a whole number from 0, nor a float from 0.0 to 1.0.
    """
    result = {}
    for name in optax_functions.SCHEDULE_LENGTHS:
        value = arguments.get(name)
        check_length(f'schedule.{name}', value)
        if isinstance(value, float):
            if not steps:
                raise errors.GaxError(
                    f'schedule.{name}={value} is a share of config.steps: give make() those, too'
                )
            value = max(1, round(value * steps)) if value else 0  # optax refuses a decay of no step
        if value is not None:
            result[name] = value
    return result


def check_length(path: str, value: Any) -> None:
    """Checks the length of a schedule.

    Args:
      path: The path of the field, for messages.
      value: None, a whole number of steps, or a share of them.

    Raises:
      GaxError: It is something else.
    """
    steps = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not (value is None or steps or (isinstance(value, float) and 0.0 <= value <= 1.0)):
        raise errors.GaxError(
            f'{path} must be a whole number of steps, or a share of config.steps from 0.0 to 1.0, and is '
            f'{value!r}'
        )


def idle(config: Mapping[str, Any]) -> list[str]:
    """Finds players whose learning rate is 0 for several successive steps, so that they learn nothing there.

    Args:
      config: The config of a run; its players are the sections that have an `optimizer`.

    Returns:
      A line per player.
    """
    lines = []
    at = np.unique(np.linspace(0, config['steps'] - 1, min(config['steps'], 100_000)).astype(np.int32))
    for name, section in config.items():
        optimizer = section.get('optimizer') if hasattr(section, 'get') else None
        rate = scheduled(1.0, optimizer or {}, config['steps'])
        if callable(rate):
            zero = np.asarray(jax.vmap(lambda step: jnp.asarray(rate(step)))(at)) == 0  # noqa: B023
            stretch = at[zero & (np.append(zero[1:], False) | np.append(False, zero[:-1]))]
            if len(stretch):
                lines.append(
                    f'config.{name}.optimizer.schedule: the learning rate is 0 at '
                    f'{len(stretch) / len(at):.3g} of all steps, from step {stretch[0]} to {stretch[-1]}: '
                    f'{name} learns nothing there'
                )
    return lines


def scheduled(rate: Any, config: Mapping[str, Any], steps: int) -> Any:
    """The learning rate times the schedule of the section, if it has one.

    Args:
      rate: The learning rate.
      config: The `optimizer` section of a player.
      steps: The number of training steps; 0 if it is not known.

    Returns:
      The rate, or a function of the training step.

    Raises:
      GaxError: The schedule or an argument is unknown, or the optimizer takes no schedule.
    """
    schedule = config.get('schedule') or {}
    chosen = schedule.get('name') or ('learning_rate' if callable(rate) else '')
    if chosen and not optax_functions.takes_schedule(config['name']):
        others = ', '.join(sorted(filter(optax_functions.takes_schedule, optax_functions.optimizers())))
        raise errors.GaxError(
            f'optimizer {config["name"]!r} of optax takes a number as its learning rate, and no schedule '
            f'({chosen!r}); those that take one: {others}'
        )
    if not schedule.get('name'):
        return rate
    factory = errors.lookup('schedule', schedule['name'], optax_functions.schedules())
    arguments = optax_functions.given_arguments('schedule', schedule['name'], factory, schedule, ('name',))
    arguments |= lengths(arguments, steps)
    # Schedules are multipliers, so that a sweep over learning_rate scales the whole curve.
    valid = inspect.signature(factory).parameters
    for field in ('init_value', 'peak_value', 'value'):
        if field in valid:
            warmup = field == 'init_value' and 'peak_value' in valid
            arguments.setdefault(field, 0.0 if warmup else 1.0)
    fn = optax_functions.call('schedule', schedule['name'], factory, arguments)

    def rate_at(step: Any) -> Any:
        with jax.numpy_dtype_promotion('standard'):  # optax's schedules mix int32 and floats
            return value_at(rate, step) * fn(step)

    return rate_at
