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
from gax.core.bounds import POSITIVE, between
from gax.core.transforms import at_training_step, historical_averaging, project_to_box

# Fields of `config.PLAYER.optimizer` that are not arguments of the optax function of that name.
WRAPPERS = ('name', 'schedule', 'clip_norm', 'clip_weights', 'lazy_interval', 'historical')
OFF = {'clip_norm': 0.0, 'clip_weights': 0.0, 'lazy_interval': 0, 'historical': 0.0}
# Whole numbers of steps, or shares of config.steps: `lengths`.
SCHEDULE_LENGTHS = ('decay_steps', 'transition_steps', 'transition_begin', 'warmup_steps')
BOUNDS = {'learning_rate': (POSITIVE,), **dict.fromkeys(OFF, (between(0),))}

# Where optax's default is not what the paper has. Daskalakis et al., 2018, algorithm 1: Adam's own update,
# without Nesterov.
AS_PUBLISHED: dict[str, dict[str, Any]] = {
    'optimistic_adam': {'nesterov': False},
    'optimistic_adam_v2': {'nesterov': False},
}

# What an update in a game cannot give: another player moves in between.
UNFIT = {
    'lbfgs': 'the value of the loss along a line of search',
    'polyak_sgd': 'the value of the loss, and its smallest value',
}


def section(name: str = 'adam', learning_rate: float = 1e-4, **arguments: Any) -> ConfigDict:
    """The config section of one player's optimizer: its name, its rate, and the arguments that are not as
    optax has them.

    arguments: those of the optax function, those of OFF, and `schedule`, a section of its own (see
    `schedule`). Raises GaxError for an unknown optimizer or argument.
    """
    fields = {'name': name, 'learning_rate': learning_rate, **AS_PUBLISHED.get(name, {})}
    offers = {**offered(name), 'schedule': None}
    for key in arguments:
        errors.lookup(f'argument of optimizer {name!r}:', key, offers)
    return ConfigDict({**fields, **arguments})


def schedule(name: str = '', **arguments: Any) -> ConfigDict:
    """The section `schedule` of an optimizer: an optax schedule that multiplies the learning rate; '' for
    none.
    """
    offers = offered_to_schedule(name)
    for key in arguments:
        errors.lookup(f'argument of schedule {name!r}:', key, offers)
    made = ConfigDict({'name': name, **{key: offers[key] for key in arguments}})
    made.update(arguments)  # after their types, as lengths may be of two
    return made


def offered(name: str) -> dict[str, Any]:
    """{field: its value where it is not set} that an optimizer of this name may have beside its name and
    rate.
    """
    plain = _plain(factory_of(name))
    return {**OFF, **plain, **AS_PUBLISHED.get(name, {})}


def factory_of(name: str) -> Callable[..., optax.GradientTransformation]:
    """The optax function. Raises GaxError for an unknown one, and for one that an update in a game cannot feed."""
    if more := UNFIT.get(name):
        raise errors.GaxError(
            f'optimizer {name!r} of optax needs {more}; those that work: {", ".join(optimizers())}'
        )
    return errors.lookup('optimizer', name, optimizers())


def offered_to_schedule(name: str) -> dict[str, Any]:
    """As `offered`, of a schedule."""
    return _plain(errors.lookup('schedule', name, schedules())) if name else {}


def _plain(factory: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of an optax function that are plain numbers and switches: {name: default, or a typed
    placeholder}.
    """
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        default, hint = parameter.default, str(parameter.annotation)
        if name in ('learning_rate', 'key', 'seed') or name.endswith(('mask', 'dtype')) or 'dict' in hint:
            continue
        if name in SCHEDULE_LENGTHS:
            found[name] = config_dict.placeholder(object)
            continue
        if isinstance(default, (bool, int, float)):
            found[name] = default
        elif default in (None, parameter.empty):
            kinds = {"<class 'int'>": int, 'int | None': int, "<class 'str'>": str}
            kind = kinds.get(hint, float)
            found[name] = config_dict.placeholder(kind)
    return found


def make(config: Mapping[str, Any], steps: int = 0) -> optax.GradientTransformation:
    """The optimizer that `config` (a player's `optimizer` section) describes, in a training of `steps` steps.

    name: an optax optimizer ('adam', 'rmsprop', 'sgd', 'adamw' ...). clip_norm: if positive, gradients are
    first scaled down to that global norm. clip_weights: if positive, parameters are projected onto [-c, c]
    after the update (Arjovsky et al., "Wasserstein GAN", 2017). lazy_interval: see `lazy`. historical: if
    positive, the weight of `historical_averaging`. schedule.name: an optax schedule of the training step that
    multiplies learning_rate (see `at_training_step`); its lengths may be shares of `steps` (see `lengths`).
    Everything else that is not None goes to the optax function: learning_rate, b1, b2, eps, momentum, weight_decay ... Numbers may be
    traced arrays. Optimism (Daskalakis et al., "Training GANs with Optimism", 2018) is by name, too:
    'optimistic_gradient_descent', and 'optimistic_adam_v2' as in their algorithm 1 (see AS_PUBLISHED).
    On the game xy that with b1=0 converges, where Adam does not; with b1=0.9 it runs away as Adam does
    (tests/core/test_wrappers.py has both).
    Raises GaxError for an unknown optimizer, schedule or argument.
    """
    name = config['name']
    factory = factory_of(name)
    arguments = _arguments('optimizer', name, factory, config, WRAPPERS)
    if (
        'key' in inspect.signature(factory).parameters
    ):  # of noise; optax's default has no named implementation
        arguments['key'] = rng.key(0)
    arguments = {**AS_PUBLISHED.get(name, {}), **arguments}
    if arguments.get('nesterov') and 'momentum' in _plain(factory) and arguments.get('momentum') is None:
        raise errors.GaxError(f'optimizer {name!r} reads nesterov beside momentum only: set momentum, too')
    arguments['learning_rate'] = config['learning_rate']
    if interval := config.get('lazy_interval'):
        arguments |= lazy(factory, arguments, interval)
    rate = _scheduled(arguments['learning_rate'], config, steps)
    build = lambda rate: _call('optimizer', name, factory, {**arguments, 'learning_rate': rate})  # noqa: E731
    chain = [at_training_step(build, rate)]
    if _positive(config.get('clip_norm')):
        chain.insert(0, optax.clip_by_global_norm(config['clip_norm']))
    if _positive(config.get('historical')):
        chain.insert(0, historical_averaging(config['historical']))
    if _positive(config.get('clip_weights')):
        chain.append(project_to_box(config['clip_weights']))
    return optax.chain(*chain) if len(chain) > 1 else chain[0]


def lazy(factory: Callable[..., Any], arguments: Mapping[str, Any], interval: int) -> dict[str, Any]:
    """learning_rate c, b1 ** c and b2 ** c with c = k / (k + 1): of an optimizer's arguments, those to
    change.

    Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, appendix B. Their lazy
    regulariser takes a step of its own every k, so that k steps make k + 1 updates, and the correction undoes
    that. Here the scaled
    term is added into the step's one update: k steps make k updates. Set this to meet a published setting
    number by number, not because a term is lazy. b1 and b2 are those of the optimizer by default; one without
    has none.
    """
    ratio, valid = interval / (interval + 1), inspect.signature(factory).parameters
    betas = {name: arguments.get(name, valid[name].default) for name in ('b1', 'b2') if name in valid}
    return {'learning_rate': arguments['learning_rate'] * ratio, **{n: b**ratio for n, b in betas.items()}}


def optimizers() -> dict[str, Callable[..., optax.GradientTransformation]]:
    """Every public optax function that takes a learning rate."""
    found = {}
    for name in dir(optax):
        fn = getattr(optax, name)
        if inspect.isfunction(fn) and 'learning_rate' in inspect.signature(fn).parameters and name[0] != '_':
            found[name] = fn
    return {n: fn for n, fn in found.items() if not n.startswith(('scale_by', 'inject', 'make', *UNFIT))}


@functools.cache
def takes_schedule(name: str) -> bool:
    """Whether the optimizer's learning rate may be a schedule.

    Some fail only at their first update, so one is traced.
    """

    def one(params: Any) -> Any:
        chain = optimizers()[name](learning_rate=lambda count: 0.1)
        return chain.update(params, chain.init(params), params)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with jax.numpy_dtype_promotion('standard'):  # as step.py updates
                jax.eval_shape(one, {'w': jax.ShapeDtypeStruct((2, 2), jnp.float32)})
    except Exception:  # each of them says it in its own way
        return False
    return True


def schedules() -> dict[str, Callable[..., optax.Schedule]]:
    """Every optax schedule, by name."""
    names = [n for n in dir(optax.schedules) if n.endswith(('_schedule', '_decay')) and n[0] != '_']
    return {name: getattr(optax.schedules, name) for name in names}


def lengths(arguments: Mapping[str, Any], steps: int) -> dict[str, int]:
    """The SCHEDULE_LENGTHS among a schedule's arguments, in training steps: a float is a share of `steps`.

    Args:
        arguments: of a schedule: 7000 are 7,000 steps, 0.5 is half of `steps`, and 1.0 all of them.
        steps: of the whole training; 0: not known, and shares are refused.

    Raises:
        GaxError: for anything but whole numbers from 0 and floats from 0.0 to 1.0.
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
    """Raises GaxError, naming `path`, unless `value` is unset, a whole number of steps, or a share of
    them.
    """
    steps = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not (value is None or steps or (isinstance(value, float) and 0.0 <= value <= 1.0)):
        raise errors.GaxError(
            f'{path} must be a whole number of steps, or a share of config.steps from 0.0 to 1.0, and is {value!r}'
        )


def idle(config: Mapping[str, Any]) -> list[str]:
    """A line for each player whose learning rate is 0 for some steps on end, so that it learns nothing there.

    Args:
        config: of a run; its players are the sections that have an `optimizer`.
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
                    f'config.{name}.optimizer.schedule: the learning rate is 0 at {len(stretch) / len(at):.3g} of all steps, '
                    f'from step {stretch[0]} to {stretch[-1]}: {name} learns nothing there'
                )
    return lines


def _scheduled(rate: Any, config: Mapping[str, Any], steps: int) -> Any:
    schedule = config.get('schedule') or {}
    if not schedule.get('name'):
        return rate
    if not takes_schedule(config['name']):
        others = ', '.join(sorted(filter(takes_schedule, optimizers())))
        raise errors.GaxError(
            f'optimizer {config["name"]!r} of optax takes a number as its learning rate, and no schedule '
            f'({schedule["name"]!r}); those that take one: {others}'
        )
    factory = errors.lookup('schedule', schedule['name'], schedules())
    arguments = _arguments('schedule', schedule['name'], factory, schedule, ('name',))
    arguments |= lengths(arguments, steps)
    # Schedules are written as multipliers, so that a sweep over learning_rate scales the whole curve.
    valid = inspect.signature(factory).parameters
    for field in ('init_value', 'peak_value', 'value'):
        if field in valid:
            warmup = field == 'init_value' and 'peak_value' in valid
            arguments.setdefault(field, 0.0 if warmup else 1.0)
    fn = _call('schedule', schedule['name'], factory, arguments)

    def rate_at(step: Any) -> Any:
        with jax.numpy_dtype_promotion('standard'):  # optax's schedules mix int32 and floats
            return rate * fn(step)

    return rate_at


def _arguments(
    kind: str, name: str, factory: Callable[..., Any], config: Mapping[str, Any], skip: tuple[str, ...]
) -> dict[str, Any]:
    given = {key: value for key, value in config.items() if key not in skip and value is not None}
    valid = inspect.signature(factory).parameters
    for key in given:
        if key not in valid:
            raise errors.GaxError(errors.choices(f'argument of {kind} {name!r}:', key, valid))
    return given


def _call(kind: str, name: str, factory: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """`factory(**arguments)`, or a GaxError that names the arguments it needs and has not got."""
    needed = [n for n, p in inspect.signature(factory).parameters.items() if p.default is p.empty]
    missing = [n for n in needed if n not in arguments]
    if missing:
        raise errors.GaxError(f'{kind} {name!r} needs {", ".join(missing)}')
    return factory(**arguments)


def _positive(value: Any) -> bool:
    return value is not None and not (isinstance(value, (int, float)) and value <= 0)
