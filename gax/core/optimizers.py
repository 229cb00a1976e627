"""From the section of an optimizer in a config to an optax chain.

Any optimizer of optax, by its optax name and argument names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import optax
from ml_collections import ConfigDict

from gax import errors
from gax.core import learning_rates, optax_functions, rng
from gax.core.bounds import POSITIVE, SCHEDULED, Bound, between
from gax.core.schedules import mapped
from gax.core.transforms import at_training_step, historical_averaging, project_to_box

# Fields of `config.PLAYER.optimizer` that are not arguments of the optax function of that name.
WRAPPERS = ('name', 'schedule', 'clip_norm', 'clip_weights', 'lazy_interval', 'historical')
OFF = {'clip_norm': 0.0, 'clip_weights': 0.0, 'lazy_interval': 0, 'historical': 0.0}
BOUNDS = {
    'learning_rate': (POSITIVE, SCHEDULED),
    'b1': (SCHEDULED,),  # negative in Gidel et al., "Negative Momentum for Improved Game Dynamics", 2019
    'b2': (Bound('from 0 to below 1', lambda x: 0 <= x < 1), SCHEDULED),
    'weight_decay': (SCHEDULED,),
    **dict.fromkeys(OFF, (between(0),)),
}


def section(name: str = 'adam', learning_rate: float | str = 1e-4, **arguments: Any) -> ConfigDict:
    """The config section of one player's optimizer.

    Args:
      name: The name of an optax optimizer.
      learning_rate: The learning rate, or a schedule of it (`schedules.parse`).
      **arguments: Arguments of the optax function, fields of OFF, and `schedule`, a section (see
        `learning_rates.schedule`).

    Returns:
      The section: the name, the rate, and the arguments that differ from the defaults of optax.

    Raises:
      GaxError: The optimizer or an argument is unknown.
    """
    fields = {'name': name, 'learning_rate': learning_rate, **optax_functions.AS_PUBLISHED.get(name, {})}
    offers = {**offered(name), 'schedule': None}
    for key in arguments:
        errors.lookup(f'argument of optimizer {name!r}:', key, offers)
    return ConfigDict({**fields, **arguments})


def offered(name: str) -> dict[str, Any]:
    """The fields that an optimizer may have in addition to its name and rate.

    Args:
      name: The name of the optimizer.

    Returns:
      {field: the value that holds while it is not set}.

    Raises:
      GaxError: The optimizer is unknown.
    """
    plain = optax_functions.plain_arguments(optax_functions.factory_of(name))
    return {**OFF, **plain, **optax_functions.AS_PUBLISHED.get(name, {})}


def make(config: Mapping[str, Any], steps: int = 0) -> optax.GradientTransformation:
    """The optimizer that a config section describes.

    Optimism (Daskalakis et al., "Training GANs with Optimism", 2018) is chosen by name:
    'optimistic_gradient_descent', and 'optimistic_adam_v2' as in their algorithm 1 (see
    `optax_functions.AS_PUBLISHED`). On the game xy the latter with b1=0 converges, where Adam does not; with
    b1=0.9 it diverges as Adam does (tests/core/test_wrappers.py has both).

    Args:
      config: The `optimizer` section of a player. Numbers may be traced arrays.
        name: An optax optimizer ('adam', 'rmsprop', 'sgd', 'adamw' ...).
        clip_norm: If positive, gradients are first scaled down to that global norm.
        clip_weights: If positive, c: parameters are projected onto [-c, c] after the update (Arjovsky et al.,
          "Wasserstein GAN", 2017).
        lazy_interval: See `lazy`.
        historical: If positive, the weight of `historical_averaging`.
        schedule: `name` is an optax schedule of the training step that multiplies learning_rate (see
          `at_training_step`); its lengths may be shares of `steps` (see `learning_rates.lengths`).
        All other fields that are not None are arguments of the optax function: learning_rate, b1, b2, eps ...
          Those may be functions of the training step, see `at_training_step`.
      steps: The number of training steps; 0 if it is not known.

    Returns:
      The optimizer.

    Raises:
      GaxError: An optimizer, a schedule or an argument is unknown.
    """
    name = config['name']
    factory = optax_functions.factory_of(name)
    arguments = optax_functions.given_arguments('optimizer', name, factory, config, WRAPPERS)
    # The key of noise: the default of optax has no named implementation.
    if 'key' in inspect.signature(factory).parameters:
        arguments['key'] = rng.key(0)
    arguments = {**optax_functions.AS_PUBLISHED.get(name, {}), **arguments}
    if (
        arguments.get('nesterov')
        and 'momentum' in optax_functions.plain_arguments(factory)
        and arguments.get('momentum') is None
    ):
        raise errors.GaxError(f'optimizer {name!r} reads nesterov beside momentum only: set momentum, too')
    arguments['learning_rate'] = config['learning_rate']
    if interval := config.get('lazy_interval'):
        arguments |= lazy(factory, arguments, interval)
    rate = learning_rates.scheduled(arguments.pop('learning_rate'), config, steps)
    varying = {field: value for field, value in arguments.items() if callable(value)}

    def build(rate: Any, **numbers: Any) -> optax.GradientTransformation:
        return optax_functions.call(
            'optimizer', name, factory, {'learning_rate': rate, **arguments, **numbers}
        )

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


def _positive(value: Any) -> bool:
    """Whether a value is set and not known to be zero or negative. Tracers count as positive."""
    return value is not None and not (isinstance(value, (int, float)) and value <= 0)
