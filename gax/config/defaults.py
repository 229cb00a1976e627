"""The fields that every config has, and the checks made before anything is compiled or written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ml_collections import ConfigDict

from gax import errors, gans
from gax.config import choices
from gax.config.choices import choose as choose
from gax.config.fields import SAID, fields_of, flat, get, is_a, leaves, unknown_field
from gax.core import bounds, wrappers
from gax.core.optimizers import SCHEDULE_LENGTHS, check_length
from gax.core.optimizers import schedule as schedule
from gax.core.optimizers import section as optimizer
from gax.data.defaults import data_section
from gax.distributed import sharding
from gax.evals import registry
from gax.evals.defaults import eval_section
from gax.objectives import image_transforms, penalties


def base(gan: str) -> ConfigDict:
    """The fields of every config, with defaults, and those of the recipe `gan`.

    A config file changes some.
    """
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
            'data': data_section(),
            'd': {'updates': 1, 'optimizer': optimizer()},
            'g': {'updates': 1, 'optimizer': optimizer()},
            'terms': {},  # those that are on: penalties.section. More that is there where it is on: sections.SWITCHED
            'augment': '',  # of all that d is shown, e.g. 'color,translation,cutout': augment.diff_augment
            'accumulate': 1,  # microbatches a gradient is made of: wrappers.accumulate
            'extragradient': False,  # wrappers.extragradient
            'ema': {'decay': 0.999},  # of the generator's average, reached gradually: ema.with_warmup
            'checkpoint': {'every': 1000, 'keep': 3},
            'eval': {'every': eval_section()['every']},
            'parallel': 'jit',  # how the step is made for several devices: sharding.PARALLEL
            'remat': '',  # networks whose passes are made again on the way back, e.g. 'g,d': less memory. wrappers.remat
            'precision': 'float32',  # that networks compute in; all else stays float32: wrappers.PRECISIONS
            # The most training steps of a compiled call: less of the host's work, and XLA's memory reused
            # between steps. 0: as it suits the platform. experiment.longest_call, pace.Pace
            'steps_per_call': 0,
        }
    )
    config.update(gans.recipe(gan).defaults())
    return config


CHOICES: dict[str, Iterable[str]] = {'parallel': sharding.PARALLEL, 'precision': wrappers.PRECISIONS}


def check(config: ConfigDict) -> None:
    """Raises GaxError, naming the field, for a field that is unknown and for a value that cannot be meant."""
    check_fields(config)
    fields = flat(config)
    for path, value in fields.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise errors.GaxError(f'config.{path} must be finite, and is {value}')
    choices.check(config)
    for path, value in fields.items():
        if is_length(path):
            check_length(f'config.{path}', value)
    for path, valid in CHOICES.items():
        if fields[path] not in valid:
            raise errors.GaxError(errors.choices(f'config.{path}', fields[path], valid))
    check_together(config)


def check_together(config: ConfigDict) -> None:
    """What one field alone does not show: rows that cannot be divided, and pairs that have no meaning
    together.
    """
    image_transforms.parse(config.augment)
    registry.check(config.eval.get('metrics', ()))
    asked = config.eval
    if asked.get('patience') and not (asked.every and asked.get('best')):
        raise errors.GaxError(
            f'config.eval.patience={asked.patience} needs config.eval.every, and config.eval.best to say by which number'
        )
    if config.batch_size % config.accumulate:
        raise errors.GaxError(
            f'config.accumulate={config.accumulate} must divide config.batch_size={config.batch_size}'
        )
    if 'init' in config and config.init.nets and not config.init['from']:
        raise errors.GaxError(
            f'config.init.nets={config.init.nets} needs config.init.from, the run that they are from'
        )
    fields = flat(config)
    clipped = [path for path, value in fields.items() if path.endswith('.clip_weights') and value]
    if config.extragradient and clipped:
        raise errors.GaxError(f'config.extragradient would undo the projection of config.{clipped[0]}')
    per_example = [name for name in penalties.PENALTIES if name in config.terms and config.terms[name].weight]
    coupled = coupling(config)
    if coupled and per_example:
        raise errors.GaxError(
            f'config.terms.{per_example[0]} penalises the gradient of each example by itself, and with config.{coupled[0]} '
            'the examples of a batch see one another in d: choose one of the two'
        )


def coupling(config: ConfigDict) -> list[str]:
    """'d.net.minibatch=discrimination' and the like: fields of d with which it is no function of one
    example.
    """
    found = []
    for section in choices.paths(config):
        for name, notes in choices.declared(config, section).items() if section.startswith('d.') else ():
            value = (get(config, section) or {}).get(name)
            coupled = [note for note in notes if isinstance(note, bounds.Couples) and note.value == value]
            found += [f'{section}.{name}={value}'] * bool(coupled)
    return found


def is_length(path: str) -> bool:
    """Whether a field is the length of a schedule: in steps, or as a share of config.steps
    (optimizers.lengths).
    """
    return path.rpartition('.')[2] in SCHEDULE_LENGTHS


def check_fields(config: ConfigDict) -> None:
    """Raises GaxError unless `config` has exactly the fields of its recipe, with values of their types."""
    model = model_of(config)
    valid, given = fields_of(model), fields_of(config)
    for path in given:
        if path not in valid:
            section = path.rpartition('.')[0]
            if section.endswith('.net') or section.endswith('.optimizer'):
                named = get(config, f'{section}.kind') or get(config, f'{section}.name')
                hint = f" of {named!r}: choose(config, '{section}', NAME) brings the fields of another"
            else:
                hint = f' of gan {config.gan!r}'
            raise errors.GaxError(unknown_field(path, model, hint, choices.offered(model, section)))
    for path, kind in valid.items():
        if path not in given:
            raise errors.GaxError(
                f'config.{path} is missing, which gan {config.gan!r} has: begin from a config file of that gan'
            )
        value = get(config, path)
        if not is_a(value, kind) and not (value is None and get(model, path) is None):
            raise errors.GaxError(f'config.{path} must be {SAID[kind]}, and is {value!r}')


def model_of(config: ConfigDict) -> ConfigDict:
    """What `config` has to look like: its recipe's fields, in sections as its own names have them."""
    return choices.like(base(config.get('gan', '')), leaves(config))


def restored(content: Mapping[str, Any]) -> ConfigDict:
    """The config of a run from its config.json. Fields that came into gax later have their defaults.

    Raises GaxError for a field that there is no longer, and for an unknown name.
    """
    config = choices.bare(base(content.get('gan', '')))
    choices.set_all(config, {path: value for path, value in leaves(content).items() if value is not None})
    return config
