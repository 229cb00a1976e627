"""The sections of a config that depend on no name of a network, optimizer or term, and their bounds.

A section may offer further fields: they are in a config only if they have been set, and have their defaults
otherwise.
"""

from __future__ import annotations

from typing import Any

from gax import errors
from gax.core import bounds, ema
from gax.core.bounds import POSITIVE, SIZES, between
from gax.core.spec import KINDS
from gax.data import layouts, pairs, preprocess, splits
from gax.data.defaults import data_declared as data_declared
from gax.data.defaults import data_offers as data_offers
from gax.data.defaults import data_section as data_section
from gax.evals.defaults import eval_section as eval_section
from gax.objectives import augment
from gax.objectives.ada import pipeline

# Sections and fields that a config has only while they are on, with their defaults.
SWITCHED: dict[str, Any] = {
    'about': '',  # what the config file chose and why, one line each, which a run logs at its start
    # Start from the networks of another run: RUN or RUN:STEP, and which, e.g. 'g,d'; '': all that match.
    # gax.training.initialize
    'init': {'from': '', 'nets': ''},
    # PROJECT or ENTITY/PROJECT of Weights & Biases, which gets metrics and pictures. training.wandb_writer
    'log': {'wandb': ''},
    'ada': {  # all but `p` as in the paper; adaptive with 0 kimg, or fixed with p=0: off. augment.adaptive
        'pipeline': 'bgc',  # which transforms: ada.pipeline.PRESETS
        'control': 'adaptive',  # or 'fixed', with the probability `p`
        'kimg': 500.0,  # the thousands of images in which p may rise by 1: ada.control.Controller
        'target': 0.6,  # of the mean sign of D's logits of reals
        'every': 4,  # updates of D between two moves of p
        'p': 0.2,
    },
    'instance_noise': {'std': 0.1, 'steps': 0},  # fades out over `steps`; 0: constant. augment.instance_noise
    'fake_gradient': {'decay': 0.9},  # of the size that it is divided by: fake_gradients.normalized
    'top_k': {'fraction': 0.5, 'steps': 0},  # the share of the fakes from whose losses g learns: terms.top_k
}


def init_from(config: Any) -> str:
    """The run, RUN or RUN:STEP, from whose networks this one starts; '' for none."""
    section = config.get('init')
    return section['from'] if section else ''


def wandb_project(config: Any) -> str:
    """The project of Weights & Biases to which the run is logged; '' for none."""
    section = config.get('log')
    return section['wandb'] if section else ''


# The bounds of the fields of each section; '' is the config itself.
BOUNDS: dict[str, dict[str, tuple[Any, ...]]] = {
    '': {
        **dict.fromkeys(
            ('steps', 'batch_size', 'latent_dim', 'log_every', 'sample_every', 'accumulate'), (POSITIVE,)
        ),
        'seed': (between(*errors.SEEDS),),
        'steps_per_call': (between(0),),
        'label_smoothing': (bounds.Bound('from 0 to below 0.5', lambda x: 0.0 <= x < 0.5),),
    },
    'checkpoint': {'every': (POSITIVE,), 'keep': (POSITIVE,)},
    'data': {
        **dict.fromkeys(('image_size', 'image_width', 'random_crop'), (between(0, 2**16),)),
        'channels': (between(0, 2**16),),
        'limit': (between(0),),
        'device_limit_mib': (between(0),),
        'workers': (between(0, 256),),
        'crop': (bounds.one_of(preprocess.CROPS),),
        'resize': (bounds.one_of(preprocess.FILTERS),),
        'broken': (bounds.one_of(('error', 'skip')),),
        'layout': (bounds.one_of(('', *layouts.LAYOUTS)),),
        'range': (bounds.one_of(('', *layouts.RANGES)),),
        'split': (bounds.one_of(('', *splits.SPLITS)),),
        'kind': (bounds.one_of(('', *KINDS)),),
        'direction': (bounds.one_of(pairs.DIRECTIONS),),
    },
    'eval': {
        'every': (between(0),),
        'num': (between(2),),
        'reals': (between(0),),
        'patience': (between(0),),
        'standing': (between(0),),
        'split': (bounds.one_of(('', *splits.SPLITS)),),
    },
    'ema': {'name': (bounds.one_of(ema.SECTIONS),), **ema.BOUNDS},
    'instance_noise': {'std': (between(0.0), bounds.SCHEDULED), 'steps': (between(0),)},
    'fake_gradient': {'decay': (bounds.Bound('from 0 to below 1', lambda x: 0 <= x < 1),)},
    'top_k': {
        'fraction': (bounds.Bound('above 0, up to 1', lambda x: 0.0 < x <= 1.0),),
        'steps': (between(0),),
    },
    'ada': {
        'pipeline': (bounds.one_of(pipeline.PRESETS),),
        'control': (bounds.one_of(augment.CONTROLS),),
        'kimg': (between(0.0), bounds.Only('control', 'adaptive')),
        'target': (between(-1.0, 1.0), bounds.Only('control', 'adaptive')),
        'every': (POSITIVE, bounds.Only('control', 'adaptive')),
        'p': (between(0.0), bounds.SCHEDULED, bounds.Only('control', 'fixed')),
    },
}
# Fields that the section of a player may have, with their defaults: layers that keep their values, '2' for
# the first two, or 'Conv_0,Block_0'. core.freeze
OF_PLAYERS = {'freeze': ''}
# The bounds of the fields of a section that describes a player.
PLAYER = {'updates': (POSITIVE,), 'members': (SIZES,), 'scales': (SIZES,)}
