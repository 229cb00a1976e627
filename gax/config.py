"""The fields that every config has, and the checks made before anything is compiled or written."""

from __future__ import annotations

import json
from typing import Any

from ml_collections import ConfigDict, config_dict

from gax import errors, gans

OPTIONAL_FLOATS = (
    *('b1', 'b2', 'b3', 'eps', 'eps_root', 'momentum', 'decay', 'initial_scale', 'weight_decay'),
    'weight_decay_rate',
)
SCHEDULE_INTS = ('decay_steps', 'transition_steps', 'transition_begin', 'warmup_steps')
SCHEDULE_FLOATS = ('init_value', 'peak_value', 'end_value', 'alpha', 'exponent', 'power', 'decay_rate')


def base(gan: str) -> ConfigDict:
    """The fields of every config, with defaults, and those of the recipe `gan`. A config file changes some."""
    config = ConfigDict(
        {
            'gan': gan,
            'loss': 'non_saturating',
            'label_smoothing': 0.0,  # one-sided: the target for reals is 1 - label_smoothing
            'seed': 0,
            'steps': 5000,
            'batch_size': 64,
            'latent_dim': 100,
            'log_every': 100,
            'sample_every': 500,
            'data': {'name': 'embedded:mnist', 'image_size': 0},  # 0: as large as the images are
            'd': {'updates': 1, 'optimizer': optimizer()},
            'g': {'updates': 1, 'optimizer': optimizer()},
            'terms': {name: {'weight': 0.0, 'every': 1} for name in ('r1', 'r2', 'wgan_gp')},
            'ema': {'decay': 0.999},
            'checkpoint': {'every': 1000, 'keep': 3},
            'steps_per_call': 1,  # training steps per compiled call
        }
    )
    config.update(gans.recipe(gan).defaults())
    return config


def optimizer(name: str = 'adam', learning_rate: float = 1e-4, **arguments: float) -> ConfigDict:
    """The section of one player's optimizer. Fields that stay None are left to optax's defaults."""
    fields: dict[str, Any] = {
        'name': name,
        'learning_rate': learning_rate,
        'clip_norm': 0.0,
        'clip_weights': 0.0,
    }
    fields |= {key: config_dict.placeholder(float) for key in OPTIONAL_FLOATS}
    fields |= {key: config_dict.placeholder(bool) for key in ('nesterov', 'centered')}
    schedule: dict[str, Any] = {'name': ''}
    schedule |= {key: config_dict.placeholder(int) for key in SCHEDULE_INTS}
    schedule |= {key: config_dict.placeholder(float) for key in SCHEDULE_FLOATS}
    section = ConfigDict({**fields, 'schedule': schedule})
    section.update(arguments)
    return section


POSITIVE: tuple[str, ...] = (
    'steps',
    'batch_size',
    'latent_dim',
    'log_every',
    'sample_every',
    'checkpoint.every',
    'steps_per_call',
)
POSITIVE += (
    'checkpoint.keep',
    'd.updates',
    'g.updates',
    'd.optimizer.learning_rate',
    'g.optimizer.learning_rate',
)


def check(config: ConfigDict) -> None:
    """Raises GaxError, naming the field, for a value that cannot be meant."""
    for path in POSITIVE:
        value = get(config, path)
        if value is not None and value <= 0:
            raise errors.GaxError(f'config.{path} must be positive, and is {value}')
    for path, low, high in (('seed', 0, 2**32 - 1), ('data.image_size', 0, 2**16), ('ema.decay', 0.0, 1.0)):
        if not low <= get(config, path) <= high:
            raise errors.GaxError(f'config.{path} must be from {low} to {high}, and is {get(config, path)}')
    if not 0.0 <= config.label_smoothing < 0.5:
        raise errors.GaxError(
            f'config.label_smoothing must be from 0 to below 0.5, and is {config.label_smoothing}'
        )
    for name, term in config.terms.items():
        if term.weight < 0 or term.every < 1:
            raise errors.GaxError(
                f'config.terms.{name}: weight must be >= 0 and every >= 1; {term.to_dict()}'
            )


def get(config: Any, path: str) -> Any:
    """`get(config, 'd.optimizer.name')`, or None where there is no such field."""
    for part in path.split('.'):
        if part not in config:
            return None
        config = config[part]
    return config


def flat(config: Any, prefix: str = '') -> dict[str, Any]:
    """{'d.optimizer.name': 'adam', ...}, values as JSON has them (tuples become lists)."""
    result: dict[str, Any] = {}
    for key, value in config.items():
        if hasattr(value, 'items'):
            result |= flat(value, f'{prefix}{key}.')
        else:
            result[f'{prefix}{key}'] = json.loads(json.dumps(value))
    return result
