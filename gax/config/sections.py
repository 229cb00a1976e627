"""Sections of a config that belong to no name of a network, an optimizer or a term, and what their fields may
hold.

What a section may have beside its fields is offered: it stands in a config only where it has been set, and
means its default elsewhere.
"""

from __future__ import annotations

from typing import Any

from gax import errors
from gax.core import bounds
from gax.core.bounds import POSITIVE, SIZES, between
from gax.core.spec import KINDS
from gax.data import layouts, pairs, preprocess, splits
from gax.data.defaults import data_declared as data_declared
from gax.data.defaults import data_offers as data_offers
from gax.data.defaults import data_section as data_section
from gax.evals.defaults import eval_section as eval_section

# Sections and fields that a config has only where they are on, with what they hold then.
SWITCHED: dict[str, Any] = {
    'about': '',  # what the config file chose and why, a line each, which a run begins by saying
    # Begin with the networks of another run: RUN or RUN:STEP, and which, e.g. 'g,d'; '': all that match.
    # gax.training.initialize
    'init': {'from': '', 'nets': ''},
    # PROJECT or ENTITY/PROJECT of Weights & Biases, which is sent rows and pictures. training.wandb_writer
    'log': {'wandb': ''},
    'ada': {'kimg': 500.0, 'target': 0.6},  # the paper's; 0 kimg is off. augment.adaptive
    'instance_noise': {'std': 0.1, 'steps': 0},  # fades over `steps`; 0: does not. augment.instance_noise
    'top_k': {'fraction': 0.5, 'steps': 0},  # of the fakes, whose losses g learns from: terms.top_k
}


def init_from(config: Any) -> str:
    """The run, RUN or RUN:STEP, whose networks this one begins with; '' for none."""
    section = config.get('init')
    return section['from'] if section else ''


def wandb_project(config: Any) -> str:
    """The project of Weights & Biases that shows the run; '' for none."""
    section = config.get('log')
    return section['wandb'] if section else ''


# Of each section, field by field; the first is the config itself.
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
    'eval': {'every': (between(0),), 'num': (between(2),), 'reals': (between(0),), 'patience': (between(0),)},
    'ema': {'decay': (between(0.0, 1.0),)},
    'instance_noise': {'std': (between(0.0),), 'steps': (between(0),)},
    'top_k': {
        'fraction': (bounds.Bound('above 0, up to 1', lambda x: 0.0 < x <= 1.0),),
        'steps': (between(0),),
    },
    'ada': {'kimg': (between(0.0),), 'target': (between(-1.0, 1.0),)},
}
# Of any section that describes a player.
PLAYER = {'updates': (POSITIVE,), 'members': (SIZES,), 'scales': (SIZES,)}
