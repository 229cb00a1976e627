"""A config of a project outside gax: gax-train --config=config.py --workdir=runs/first"""

from collections.abc import Iterator
from typing import Any

from ml_collections import ConfigDict

from gax.config import base, choose


def get_config() -> ConfigDict:
    config = base('stripes.recipe')
    config.loss = 'stripes.objectives:linear'
    choose(config, 'terms.small', 'stripes.objectives:small_logits', weight=0.01)
    choose(config, 'data', 'stripes.data:source', count=128)
    choose(config, 'eval', every=20, num=64, features='stripes.evals:rows')
    choose(config, 'eval', metrics=('stripes.evals:brightness', 'frechet'))
    config.batch_size, config.latent_dim, config.steps = 8, 4, 20
    config.log_every, config.sample_every, config.checkpoint.every = 5, 20, 10
    return config


def sweep_darkness() -> Iterator[dict[Any, Any]]:
    for weight in (0.0, 0.5):
        yield {'darkness': weight}
