"""From a config to an optax chain.

Any optimizer and schedule of optax, by its optax name and argument names.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict, config_dict

from gax import errors
from gax.core import rng
from gax.core.bounds import POSITIVE, SCHEDULED, Bound, between
from gax.core.schedules import at as value_at
from gax.core.schedules import mapped
from gax.core.transforms import at_training_step, historical_averaging, project_to_box

# Fields of `config.PLAYER.optimizer` that are not arguments of the optax function of that name.
WRAPPERS = ('name', 'schedule', 'clip_norm', 'clip_weights', 'lazy_interval', 'historical')
OFF = {'clip_norm': 0.0, 'clip_weights': 0.0, 'lazy_interval': 0, 'historical': 0.0}
# Whole numbers of steps, or shares of config.steps, see `lengths`.
SCHEDULE_LENGTHS = ('decay_steps', 'transition_steps', 'transition_begin', 'warmup_steps')
BOUNDS = {
    'learning_rate': (POSITIVE, SCHEDULED),
    'b1': (SCHEDULED,),  # negative in Gidel et al., "Negative Momentum for Improved Game Dynamics", 2019
    'b2': (Bound('from 0 to below 1', lambda x: 0 <= x < 1), SCHEDULED),
    'weight_decay': (SCHEDULED,),
    **dict.fromkeys(OFF, (between(0),)),
}

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


def section(name: str = 'adam', learning_rate: float | str = 1e-4, **arguments: Any) -> ConfigDict:
    """The config section of one player's optimizer.

    Args:
      name: The name of an optax optimizer.
      learning_rate: The learning rate, or a schedule of it (`schedules.parse`).
      **arguments: Arguments of the optax function, fields of OFF, and `schedule`, a section (see `schedule`).

    Returns:
      The section: the name, the rate, and the arguments that differ from the defaults of optax.

    Raises:
      GaxError: The optimizer or an argument is unknown.
    """
    fields = {'name': name, 'learning_rate': learning_rate, **AS_PUBLISHED.get(name, {})}
    offers = {**offered(name), 'schedule': None}
    for key in arguments:
        errors.lookup(f'argument of optimizer {name!r}:', key, offers)
    return ConfigDict({**fields, **arguments})


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


def offered(name: str) -> dict[str, Any]:
    """The fields that an optimizer may have in addition to its name and rate.

    Args:
      name: The name of the optimizer.

    Returns:
      {field: the value that holds while it is not set}.

    Raises:
      GaxError: The optimizer is unknown.
    """
    plain = _plain(factory_of(name))
    return {**OFF, **plain, **AS_PUBLISHED.get(name, {})}


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


def offered_to_schedule(name: str) -> dict[str, Any]:
    """As `offered`, for a schedule; {} for ''."""
    return _plain(errors.lookup('schedule', name, schedules())) if name else {}


def _plain(factory: Callable[..., Any]) -> dict[str, Any]:
    """The plain numbers and switches of an optax function: {argument: default or typed placeholder}."""
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


def make(config: Mapping[str, Any], steps: int = 0) -> optax.GradientTransformation:
    """The optimizer that a config section describes.

    Optimism (Daskalakis et al., "Training GANs with Optimism", 2018) is chosen by name:
    'optimistic_gradient_descent', and 'optimistic_adam_v2' as in their algorithm 1 (see AS_PUBLISHED). On the
    game xy the latter with b1=0 converges, where Adam does not; with b1=0.9 it diverges as Adam does
    (tests/core/test_wrappers.py has both).

    Args:
      config: The `optimizer` section of a player. Numbers may be traced arrays.
        name: An optax optimizer ('adam', 'rmsprop', 'sgd', 'adamw' ...).
        clip_norm: If positive, gradients are first scaled down to that global norm.
        clip_weights: If positive, c: parameters are projected onto [-c, c] after the update (Arjovsky et al.,
          "Wasserstein GAN", 2017).
        lazy_interval: See `lazy`.
        historical: If positive, the weight of `historical_averaging`.
        schedule: `name` is an optax schedule of the training step that multiplies learning_rate (see
          `at_training_step`); its lengths may be shares of `steps` (see `lengths`).
        All other fields that are not None are arguments of the optax function: learning_rate, b1, b2, eps ...
          Those may be functions of the training step, see `at_training_step`.
      steps: The number of training steps; 0 if it is not known.

    Returns:
      The optimizer.

    Raises:
      GaxError: An optimizer, a schedule or an argument is unknown.
    """
    name = config['name']
    factory = factory_of(name)
    arguments = _arguments('optimizer', name, factory, config, WRAPPERS)
    # The key of noise: the default of optax has no named implementation.
    if 'key' in inspect.signature(factory).parameters:
        arguments['key'] = rng.key(0)
    arguments = {**AS_PUBLISHED.get(name, {}), **arguments}
    if arguments.get('nesterov') and 'momentum' in _plain(factory) and arguments.get('momentum') is None:
        raise errors.GaxError(f'optimizer {name!r} reads nesterov beside momentum only: set momentum, too')
    arguments['learning_rate'] = config['learning_rate']
    if interval := config.get('lazy_interval'):
        arguments |= lazy(factory, arguments, interval)
    rate = _scheduled(arguments.pop('learning_rate'), config, steps)
    varying = {field: value for field, value in arguments.items() if callable(value)}

    def build(rate: Any, **numbers: Any) -> optax.GradientTransformation:
        return _call('optimizer', name, factory, {'learning_rate': rate, **arguments, **numbers})

    chain = [at_training_step(build, rate, varying)]
    if _positive(config.get('clip_norm')):
        chain.insert(0, optax.clip_by_global_norm(config['clip_norm']))
    if _positive(config.get('historical')):
        chain.insert(0, historical_averaging(config['historical']))
    if _positive(config.get('clip_weights')):
        chain.append(project_to_box(config['clip_weights']))
    return optax.chain(*chain) if len(chain) > 1 else chain[0]


def lazy(factory: Callable[..., Any], arguments: Mapping[str, Any], interval: int) -> dict[str, Any]:
    """The arguments learning_rate c, b1 ** c and b2 ** c, with c = k / (k + 1), of an optimizer.

    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, appendix B. Their lazy
    regulariser takes a separate step every k steps, so that k steps make k + 1 updates, and the correction
    undoes that. In gax the scaled term is added to the one update of the step: k steps make k updates. Set
    this to reproduce a published setting number by number, not because a term is lazy.

    Args:
      factory: The optax function.
      arguments: Its arguments; b1 and b2 default to those of the optimizer.
      interval: k, positive.

    Returns:
      The arguments to change. An optimizer without betas has none here.
    """
    ratio, valid = interval / (interval + 1), inspect.signature(factory).parameters
    betas = {name: arguments.get(name, valid[name].default) for name in ('b1', 'b2') if name in valid}
    rate = mapped(arguments['learning_rate'], lambda x: x * ratio)
    return {'learning_rate': rate, **{n: mapped(b, lambda x: x**ratio) for n, b in betas.items()}}


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


def lengths(arguments: Mapping[str, Any], steps: int) -> dict[str, int]:
    """The SCHEDULE_LENGTHS among a schedule's arguments, in training steps.

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
    for name in SCHEDULE_LENGTHS:
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
        rate = _scheduled(1.0, optimizer or {}, config['steps'])
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


def _scheduled(rate: Any, config: Mapping[str, Any], steps: int) -> Any:
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
    if chosen and not takes_schedule(config['name']):
        others = ', '.join(sorted(filter(takes_schedule, optimizers())))
        raise errors.GaxError(
            f'optimizer {config["name"]!r} of optax takes a number as its learning rate, and no schedule '
            f'({chosen!r}); those that take one: {others}'
        )
    if not schedule.get('name'):
        return rate
    factory = errors.lookup('schedule', schedule['name'], schedules())
    arguments = _arguments('schedule', schedule['name'], factory, schedule, ('name',))
    arguments |= lengths(arguments, steps)
    # Schedules are multipliers, so that a sweep over learning_rate scales the whole curve.
    valid = inspect.signature(factory).parameters
    for field in ('init_value', 'peak_value', 'value'):
        if field in valid:
            warmup = field == 'init_value' and 'peak_value' in valid
            arguments.setdefault(field, 0.0 if warmup else 1.0)
    fn = _call('schedule', schedule['name'], factory, arguments)

    def rate_at(step: Any) -> Any:
        with jax.numpy_dtype_promotion('standard'):  # optax's schedules mix int32 and floats
            return value_at(rate, step) * fn(step)

    return rate_at


def _arguments(
    kind: str, name: str, factory: Callable[..., Any], config: Mapping[str, Any], skip: tuple[str, ...]
) -> dict[str, Any]:
    """The fields of a section that are set, without those in `skip`. Raises GaxError for unknown ones."""
    arguments = {key: value for key, value in config.items() if key not in skip and value is not None}
    valid = inspect.signature(factory).parameters
    for key in arguments:
        if key not in valid:
            raise errors.GaxError(errors.choices(f'argument of {kind} {name!r}:', key, valid))
    return arguments


def _call(kind: str, name: str, factory: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """`factory(**arguments)`. Raises a GaxError that names required arguments that are missing."""
    needed = [n for n, p in inspect.signature(factory).parameters.items() if p.default is p.empty]
    missing = [n for n in needed if n not in arguments]
    if missing:
        raise errors.GaxError(f'{kind} {name!r} needs {", ".join(missing)}')
    return factory(**arguments)


def _positive(value: Any) -> bool:
    """Whether a value is set and not known to be zero or negative. Tracers count as positive."""
    return value is not None and not (isinstance(value, (int, float)) and value <= 0)
