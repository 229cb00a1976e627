"""The fields that every config has, and the checks made before anything is compiled or written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ml_collections import ConfigDict

from gax import errors, gans
from gax.config import choices, section_fields
from gax.config.choices import choose as choose
from gax.config.fields import TYPE_NAMES, fields_of, flat, get, is_a, leaves, unknown_field
from gax.core import bounds, ema, schedules, wrappers
from gax.core.learning_rates import check_length
from gax.core.learning_rates import schedule as schedule
from gax.core.optax_functions import SCHEDULE_LENGTHS
from gax.core.optimizers import section as optimizer
from gax.data.defaults import data_section
from gax.distributed import sharding
from gax.evals import registry
from gax.evals.defaults import eval_section
from gax.objectives import image_transforms, penalties


def base(gan: str) -> ConfigDict:
    """The fields of every config, with their defaults, and those of a recipe.

    A config file changes some of them.

    Args:
      gan: The name of the recipe.

    Returns:
      The config.

    Raises:
      GaxError: There is no such recipe.
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
            'terms': {},  # the terms that are on: term_registry.section. Others: sections.SWITCHED
            'augment': '',  # of all inputs of d, e.g. 'color,translation,cutout': augment.diff_augment
            'accumulate': 1,  # microbatches per gradient: wrappers.accumulate
            'extragradient': False,  # wrappers.extragradient
            'ema': ema.section(),  # of the generator's average: ema.from_config
            'checkpoint': {'every': 1000, 'keep': 3},
            'eval': {'every': eval_section()['every']},
            'parallel': 'jit',  # how a step uses several devices: sharding.PARALLEL
            # Networks, or players for all of theirs, e.g. 'g,d', whose forward pass is recomputed in the
            # backward pass, to save memory: wrappers.remat
            'remat': '',
            'precision': 'float32',  # in which networks compute; all else is float32: wrappers.PRECISIONS
            # At most this many training steps per compiled call: less work on the host, and XLA reuses memory
            # between steps. 0: the default of the platform. programs.longest_call, pace.Pace
            'steps_per_call': 0,
        }
    )
    for section in gans.without(gan):
        del config[section]
    added = gans.recipe(gan).defaults()
    if 'name' in added.get('ema', {}):  # a section follows its name
        del config['ema']
    config.update(added)
    return config


CHOICES: dict[str, Iterable[str]] = {'parallel': sharding.PARALLEL, 'precision': wrappers.PRECISIONS}


def check(config: ConfigDict) -> None:
    """Checks the config.

    Raises:
      GaxError: A field is unknown, missing, of another type, or out of bounds; or two fields contradict each
        other. The message names the field.
    """
    check_fields(config)
    fields = flat(config)
    for path, value in fields.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise errors.GaxError(f'config.{path} must be finite, and is {value}')
    section_fields.check(config)
    for path, value in fields.items():
        if is_length(path):
            check_length(f'config.{path}', value)
    for path, valid in CHOICES.items():
        if fields[path] not in valid:
            raise errors.GaxError(errors.choices(f'config.{path}', fields[path], valid))
    check_together(config)


def check_together(config: ConfigDict) -> None:
    """Checks what one field alone does not show: batches that cannot be divided, and contradictions.

    Raises:
      GaxError: Fields contradict each other.
    """
    image_transforms.parse(config.augment)
    registry.check(config.eval.get('metrics', ()))
    evaluation = config.eval
    if evaluation.get('patience') and not (evaluation.every and evaluation.get('best')):
        raise errors.GaxError(
            f'config.eval.patience={evaluation.patience} needs config.eval.every, and config.eval.best to '
            'say by which number'
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
            f'config.terms.{per_example[0]} penalises the gradient of each example by itself, and with '
            f'config.{coupled[0]} the examples of a batch see one another in d: choose one of the two'
        )


def coupling(config: ConfigDict) -> list[str]:
    """The fields of d that let the examples of a batch interact, e.g. 'd.net.minibatch=discrimination'."""
    coupled_fields = []
    for section in section_fields.paths(config):
        for name, notes in (
            section_fields.declared(config, section).items() if section.startswith('d.') else ()
        ):
            value = (get(config, section) or {}).get(name)
            coupled = [note for note in notes if isinstance(note, bounds.Couples) and note.value == value]
            coupled_fields += [f'{section}.{name}={value}'] * bool(coupled)
    return coupled_fields


def is_length(path: str) -> bool:
    """Whether a field is the length of a schedule, in steps or as a share, see `learning_rates.lengths`."""
    return path.rpartition('.')[2] in SCHEDULE_LENGTHS


def check_fields(config: ConfigDict) -> None:
    """Checks that the config has exactly the fields of its recipe, with values of their types.

    Raises:
      GaxError: A field is unknown, missing, or of another type.
    """
    model = model_of(config)
    valid, present = fields_of(model), fields_of(config)
    for path in present:
        if path not in valid:
            section = path.rpartition('.')[0]
            if section.endswith('.net') or section.endswith('.optimizer'):
                named = get(config, f'{section}.kind') or get(config, f'{section}.name')
                hint = f" of {named!r}: choose(config, '{section}', NAME) brings the fields of another"
            else:
                hint = f' of gan {config.gan!r}'
            raise errors.GaxError(unknown_field(path, model, hint, section_fields.offered(model, section)))
    for path, kind in valid.items():
        if path not in present:
            raise errors.GaxError(
                f'config.{path} is missing, which gan {config.gan!r} has: begin from a config file of that '
                'gan'
            )
        value = get(config, path)
        if schedules.is_text(value) and section_fields.may_be_scheduled(config, path):
            schedules.parse(f'config.{path}', value)
        elif not is_a(value, kind) and not (value is None and get(model, path) is None):
            raise errors.GaxError(f'config.{path} must be {TYPE_NAMES[kind]}, and is {value!r}')


def model_of(config: ConfigDict) -> ConfigDict:
    """The fields that `config` must have: those of its recipe, in sections as its names bring them."""
    return choices.like(base(config.get('gan', '')), leaves(config))


def restored(content: Mapping[str, Any]) -> ConfigDict:
    """The config of a run from the content of its config.json.

    Args:
      content: The content.

    Returns:
      The config. Fields that a later version of gax added have their defaults.

    Raises:
      GaxError: A field no longer exists, or a name is unknown.
    """
    config = section_fields.bare(base(content.get('gan', '')))
    choices.set_all(config, {path: value for path, value in leaves(content).items() if value is not None})
    return config
