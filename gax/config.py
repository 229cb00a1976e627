"""The fields that every config has, and the checks made before anything is compiled or written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ml_collections import ConfigDict

from gax import errors, gans, parallel, penalties, transforms, wrappers
from gax.data import arrays, fit
from gax.evals import metrics
from gax.fields import fields_of, flat, get, unknown_field
from gax.optim import SCHEDULE_LENGTHS, check_length
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
            'data': data_section(),
            'd': {'updates': 1, 'optimizer': optimizer()},
            'g': {'updates': 1, 'optimizer': optimizer()},
            'terms': penalties.defaults(),
            'augment': '',  # of all that d is shown, e.g. 'color,translation,cutout': augment.diff_augment
            'ada': {'kimg': 0.0, 'target': 0.6},  # 500 in the paper; 0: off. augment.adaptive
            'instance_noise': {
                'std': 0.0,
                'steps': 0,
            },  # fades over `steps`; 0: does not. augment.instance_noise
            'top_k': {'fraction': 1.0, 'steps': 0},  # of the fakes, whose losses g learns from: terms.top_k
            'accumulate': 1,  # microbatches a gradient is made of: wrappers.accumulate
            'extragradient': False,  # wrappers.extragradient
            'ema': {'decay': 0.999},  # of the generator's average, reached gradually: ema.with_warmup
            # Begin with the networks of another run: RUN or RUN:STEP, and which, e.g. 'g,d'; '': all that match. gax.initial
            'init': {'from': '', 'nets': ''},
            'checkpoint': {'every': 1000, 'keep': 3},
            'eval': eval_section(),
            'parallel': 'jit',  # how the step is made for several devices: parallel.PARALLEL
            'remat': '',  # networks whose passes are made again on the way back, e.g. 'g,d': less memory. wrappers.remat
            'precision': 'float32',  # that networks compute in; all else stays float32: wrappers.PRECISIONS
            # The most training steps of a compiled call: less of the host's work, and XLA's memory reused between steps. 0: as
            # it suits the platform. experiment.longest_call, pace.Pace
            'steps_per_call': 0,
        }
    )
    config.update(gans.recipe(gan).defaults())
    return config


def data_section() -> dict[str, Any]:
    """The fields that choose and prepare the data."""
    return {
        'name': 'embedded:mnist',  # or tfds:NAME[/config][:split], folder:PATH, npz:PATH, synthetic:NAME
        'dir': '',  # where prepared sets of TFDS are; '': ~/tensorflow_datasets, or $TFDS_DATA_DIR
        'image_size': 0,  # 0: as large as the images are, square or not
        'crop': 'center',  # to a square before an image is resized; 'none' squeezes it: data.fit
        'resize': 'lanczos',  # Pillow's filter
        'flip': False,  # left to right, half of the images, at random
        'channels': 0,  # 0: as many as the images have
        'layout': '',  # of an .npz: its axes in their order, e.g. NCHW; '': as the shape shows. data.arrays
        'range': '',  # of an .npz: the values of black and white, 0..255, 0..1 or -1..1; '': as the values show
        'broken': 'error',  # what a broken file in a folder is: or 'skip'
        'device_limit_mib': 1024,  # sets up to that size live on the device, larger ones are fetched step by step
        'workers': 0,  # processes that fetch; 0: threads
    }


def eval_section() -> dict[str, Any]:
    """The fields of evaluation while a run trains: gax.evaluation."""
    return {
        'every': 0,  # steps; 0: never
        'num': 5000,  # fakes, and at most as many reals
        'features': '',  # inception, mnist, emoji, raw, package.module:function; '': those that suit the data
        'metrics': ('frechet',),  # see experiments/evaluate.py
        'best': '',  # the number by which a checkpoint is the best, and kept; '': none is
        'patience': 0,  # evaluations without a better one, after which training ends; 0: it does not
    }


POSITIVE: tuple[str, ...] = (
    *('steps', 'batch_size', 'latent_dim', 'log_every', 'sample_every'),
    *('checkpoint.every', 'checkpoint.keep', 'accumulate'),
)
RANGES: tuple[tuple[str, float, float], ...] = (
    ('seed', *errors.SEEDS),
    ('steps_per_call', 0, math.inf),
    ('data.image_size', 0, 2**16),
    ('data.channels', 0, 2**16),
    ('data.device_limit_mib', 0, math.inf),
    ('data.workers', 0, 256),
    ('eval.every', 0, math.inf),
    ('eval.num', 2, math.inf),
    ('eval.patience', 0, math.inf),
    ('ema.decay', 0.0, 1.0),
    ('instance_noise.std', 0.0, math.inf),
    ('instance_noise.steps', 0, math.inf),
    ('top_k.steps', 0, math.inf),
    ('ada.kimg', 0.0, math.inf),
    ('ada.target', -1.0, 1.0),
    ('terms.lecam.decay', 0.0, 1.0),
    ('terms.lecam.start', 0, math.inf),
    ('terms.path_length.decay', 0.0, 1.0),
    ('terms.path_length.shrink', 1, math.inf),
)
CHOICES: dict[str, Iterable[str]] = {
    'parallel': parallel.PARALLEL,
    'precision': wrappers.PRECISIONS,
    'data.crop': fit.CROPS,
    'data.resize': fit.FILTERS,
    'data.broken': ('error', 'skip'),
    'data.layout': ('', *arrays.LAYOUTS),
    'data.range': ('', *arrays.RANGES),
}
# Fields by their last name, wherever a recipe has them: of players, and of networks.
POSITIVE_LAST = ('updates', 'learning_rate')
POSITIVE_NAMES = (
    'widths',
    'strides',
    'kernel',
    'pieces',
    'expansion',
    'group_size',
    'members',
    'scales',
    'pack',
)
# Values of fields of d with which it is no function of one example. (minibatch='std' is allowed: StyleGAN2 has it beside
# R1, and the gradient that the penalty takes through the other examples' statistics is small.)
COUPLING = {'minibatch': ('discrimination',), 'batch_norm': (True,)}
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
    for path, low, high in RANGES:
        if not low <= fields[path] <= high:
            said = f'from {low} to {high}' if high < math.inf else f'at least {low}'
            raise errors.GaxError(f'config.{path} must be {said}, and is {fields[path]}')
    for path, valid in CHOICES.items():
        if fields[path] not in valid:
            raise errors.GaxError(errors.choices(f'config.{path}', fields[path], valid))
    if not 0.0 <= config.label_smoothing < 0.5:
        raise errors.GaxError(
            f'config.label_smoothing must be from 0 to below 0.5, and is {config.label_smoothing}'
        )
    for path, value in fields.items():
        if path.endswith(('.lazy_interval', '.historical')) and value < 0:
            raise errors.GaxError(f'config.{path} must be at least 0, and is {value}')
    for name, term in config.terms.items():
        if term.weight < 0 or term.every < 1:
            raise errors.GaxError(
                f'config.terms.{name}: weight must be >= 0 and every >= 1; {term.to_dict()}'
            )
    for path, value in fields.items():
        check_network_field(path, value)
        if is_length(path):
            check_length(f'config.{path}', value)
    check_together(config)


def check_together(config: ConfigDict) -> None:
    """What one field alone does not show: rows that cannot be divided, and pairs that have no meaning together."""
    transforms.parse(config.augment)
    metrics.check(config.eval.metrics)
    if config.eval.patience and not (config.eval.every and config.eval.best):
        raise errors.GaxError(
            f'config.eval.patience={config.eval.patience} needs config.eval.every, and config.eval.best to say by which number'
        )
    if not 0.0 < config.top_k.fraction <= 1.0:
        raise errors.GaxError(
            f'config.top_k.fraction must be above 0, up to 1, and is {config.top_k.fraction}'
        )
    if config.batch_size % config.accumulate:
        raise errors.GaxError(
            f'config.accumulate={config.accumulate} must divide config.batch_size={config.batch_size}'
        )
    if config.init.nets and not config.init['from']:
        raise errors.GaxError(
            f'config.init.nets={config.init.nets} needs config.init.from, the run that they are from'
        )
    fields = flat(config)
    clipped = [path for path, value in fields.items() if path.endswith('.clip_weights') and value]
    if config.data.workers and not config.data.name.startswith(('folder:', 'tfds:')):
        raise errors.GaxError(
            f'config.data.workers={config.data.workers}: processes read folder: and tfds: sets; {config.data.name} is in memory'
        )
    if config.extragradient and clipped:
        raise errors.GaxError(f'config.extragradient would undo the projection of config.{clipped[0]}')
    coupled = [
        f'd.{name}={fields[f"d.{name}"]}' for name, bad in COUPLING.items() if fields.get(f'd.{name}') in bad
    ]
    per_example = [name for name in penalties.PENALTIES if config.terms[name].weight]
    if coupled and per_example:
        raise errors.GaxError(
            f'config.terms.{per_example[0]} penalises the gradient of each example by itself, and with config.{coupled[0]} '
            'the examples of a batch see one another in d: choose one of the two'
        )


def check_network_field(path: str, value: Any) -> None:
    """Widths, strides and kernels are positive whole numbers; rates of dropout and of averages lie in [0, 1)."""
    name, optimizer = path.rpartition('.')[2], '.optimizer.' in path
    if name in POSITIVE_NAMES:
        numbers = value if isinstance(value, list) else [value]
        if not numbers or not all(isinstance(n, int) and n > 0 for n in numbers):
            raise errors.GaxError(f'config.{path} must be positive whole numbers, and is {value}')
    if name in FRACTION_NAMES and value is not None and not optimizer and not 0 <= value < 1:
        raise errors.GaxError(f'config.{path} must be from 0 to below 1, and is {value}')


def is_length(path: str) -> bool:
    """Whether a field is the length of a schedule: in steps, or as a share of config.steps (optim.lengths)."""
    return path.rpartition('.')[2] in SCHEDULE_LENGTHS


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


# `object`: a length, in steps or as a share of them, which optim.check_length checks.
SAID = {
    object: 'a number',
    int: 'a whole number',
    float: 'a number',
    bool: 'true or false',
    str: 'a text',
    tuple: 'a tuple',
}


def is_a(value: Any, kind: type) -> bool:
    """Whether a field of type `kind` may hold `value`. A whole number will do for a float; a bool is no number."""
    if kind in (int, float) and isinstance(value, bool):
        return False
    also = {float: (float, int), tuple: (tuple, list)}.get(kind, kind)  # JSON makes lists of tuples
    return isinstance(value, also)
