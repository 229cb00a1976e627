"""The fields that every config has, and the checks made before anything is compiled or written."""

from __future__ import annotations

import json
import math
from typing import Any

from ml_collections import ConfigDict

from gax import errors, gans
from gax.optim import section as optimizer


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
            'ema': {'decay': 0.999},  # of the generator's average, reached gradually: ema.with_warmup
            'checkpoint': {'every': 1000, 'keep': 3},
            # Training steps per compiled call: a tenth of the host's work, and XLA's memory reused between steps.
            'steps_per_call': 10,
        }
    )
    config.update(gans.recipe(gan).defaults())
    return config


POSITIVE: tuple[str, ...] = (
    *('steps', 'batch_size', 'latent_dim', 'log_every', 'sample_every', 'steps_per_call'),
    *('checkpoint.every', 'checkpoint.keep'),
)
# Fields by their last name, wherever a recipe has them: of players, and of networks.
POSITIVE_LAST = ('updates', 'learning_rate')
POSITIVE_NAMES = ('widths', 'strides', 'kernel')
FRACTION_NAMES = ('dropout', 'momentum')


def check(config: ConfigDict) -> None:
    """Raises GaxError, naming the field, for a field that is unknown and for a value that cannot be meant."""
    check_fields(config)
    fields = flat(config)
    for path, value in fields.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise errors.GaxError(f'config.{path} must be finite, and is {value}')
    for path in (*POSITIVE, *(p for p in fields if p.rpartition('.')[2] in POSITIVE_LAST)):
        if fields[path] <= 0:
            raise errors.GaxError(f'config.{path} must be positive, and is {fields[path]}')
    for path, low, high in (('seed', 0, 2**32 - 1), ('data.image_size', 0, 2**16), ('ema.decay', 0.0, 1.0)):
        if not low <= fields[path] <= high:
            raise errors.GaxError(f'config.{path} must be from {low} to {high}, and is {fields[path]}')
    if not 0.0 <= config.label_smoothing < 0.5:
        raise errors.GaxError(
            f'config.label_smoothing must be from 0 to below 0.5, and is {config.label_smoothing}'
        )
    for name, term in config.terms.items():
        if term.weight < 0 or term.every < 1:
            raise errors.GaxError(
                f'config.terms.{name}: weight must be >= 0 and every >= 1; {term.to_dict()}'
            )
    for path, value in fields.items():
        check_network_field(path, value)


def check_network_field(path: str, value: Any) -> None:
    """Widths, strides and kernels are positive whole numbers; rates of dropout and of averages lie in [0, 1)."""
    name, optimizer = path.rpartition('.')[2], '.optimizer.' in path
    if name in POSITIVE_NAMES:
        numbers = value if isinstance(value, list) else [value]
        if not numbers or not all(isinstance(n, int) and n > 0 for n in numbers):
            raise errors.GaxError(f'config.{path} must be positive whole numbers, and is {value}')
    if name in FRACTION_NAMES and value is not None and not optimizer and not 0 <= value < 1:
        raise errors.GaxError(f'config.{path} must be from 0 to below 1, and is {value}')


def check_fields(config: ConfigDict) -> None:
    """Raises GaxError unless `config` has exactly the fields of its recipe, with values of their types."""
    model = base(config.get('gan', ''))
    valid, given = fields_of(model), fields_of(config)
    for path in given:
        if path not in valid:
            raise errors.GaxError(unknown_field(path, model, f' of gan {config.gan!r}'))
    for path, kind in valid.items():
        if path not in given:
            raise errors.GaxError(
                f'config.{path} is missing, which gan {config.gan!r} has: begin from a config file of that gan'
            )
        value = get(config, path)
        if not is_a(value, kind) and not (value is None and get(model, path) is None):
            raise errors.GaxError(f'config.{path} must be {SAID[kind]}, and is {value!r}')


SAID = {int: 'a whole number', float: 'a number', bool: 'true or false', str: 'a text', tuple: 'a tuple'}


def is_a(value: Any, kind: type) -> bool:
    """Whether a field of type `kind` may hold `value`. A whole number will do for a float; a bool is no number."""
    if kind in (int, float) and isinstance(value, bool):
        return False
    also = {float: (float, int), tuple: (tuple, list)}.get(kind, kind)  # JSON makes lists of tuples
    return isinstance(value, also)


def fields_of(config: ConfigDict, prefix: str = '') -> dict[str, type]:
    """{'d.optimizer.name': str, ...}: every field that is no section, and its type."""
    result: dict[str, type] = {}
    for key in config:
        value = config[key]
        if isinstance(value, ConfigDict):
            result |= fields_of(value, f'{prefix}{key}.')
        else:
            result[f'{prefix}{key}'] = config.get_type(key)
    return result


def unknown_field(path: str, config: ConfigDict, where: str = '') -> str:
    """What to say of a field that `config` does not have: the nearest, or the fields of the section it would be in."""
    near = nearest_field(path, list(fields_of(config)))
    section, parts = config, path.split('.')
    while len(parts) > 1 and isinstance(section.get(parts[0]), ConfigDict):
        section = section[parts.pop(0)]
    inside = f'config.{path}'.removesuffix('.' + '.'.join(parts))
    hint = f' (nearest: config.{near})' if near else ''
    return f'unknown field config.{path}{where}{hint}; {inside} has: {", ".join(sorted(section))}'


def nearest_field(path: str, fields: list[str]) -> str:
    """The field most like `path`; or one whose last name is like that of `path`, wherever it stands; or ''."""
    by_last = {field.rpartition('.')[2]: field for field in fields}
    last = errors.nearest(path.rpartition('.')[2], by_last, 0.75)
    return errors.nearest(path, fields, 0.7) or by_last.get(last, '')


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
