"""Nets of series, from a config: a generator of noise at every step, and a discriminator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from ml_collections import ConfigDict

from gax import errors
from gax.core.forward import Scorer, scorer_of
from gax.core.spec import Spec, plural
from gax.core.types import Batch, Key, Net
from gax.nets import families, registry
from gax.nets.spectral_norm import spectral_norm

GENERATOR, DISCRIMINATOR, ENCODER = 'SeriesGenerator', 'SeriesDiscriminator', 'SeriesEncoder'
ROLES = {'g': GENERATOR, 'd': DISCRIMINATOR}


def defaults(kind: str) -> ConfigDict:
    """The sections `g` and `d` of a generator and a discriminator of series, of one family."""
    g, d = ({'net': families.section(kind, role), **families.PLAYER} for role in (GENERATOR, DISCRIMINATOR))
    return ConfigDict({'g': g, 'd': {'members': 1, 'scales': 1, **d}})


def shape_of(config: Any, spec: Spec) -> tuple[int, int]:
    """(steps, columns) of the data.

    Raises:
      GaxError: They are no series.
    """
    field = spec.fields[spec.target]
    if field.kind != 'series':
        raise errors.GaxError(
            f'{config.gan} is of series, and {spec.name} has {plural(field.kind)}: choose data such as '
            'synthetic:sines, embedded:sp500 or series:FILE.csv'
        )
    return field.shape[0], field.shape[1]


def generator(config: Any, shape: tuple[int, ...], num_classes: int = 0) -> tuple[Net, int]:
    """The net that config.g describes.

    Args:
      config: The config of the run; its latent_dim is the number of noise values of a step.
      shape: (steps, columns) of what it makes.
      num_classes: The number of classes where it takes labels, else 0.

    Returns:
      (the net, the steps of noise that it takes).
    """
    module: Any = families.build(config.g.net, GENERATOR, shape, num_classes=num_classes)
    steps = module.noise_steps(shape[0])
    net = registry.lifted(module, registry.example(steps, config.latent_dim), *registry.labels(num_classes))
    return (spectral_norm(net) if config.g.spectral_norm else net), steps


def discriminator(d: Any, shape: tuple[int, ...], num_classes: int = 0, heads: registry.Heads = None) -> Net:
    """The net that the section `d` describes, for series of `shape`; see `registry.discriminator`."""

    def single(*shape: int) -> Net:
        fields = {'num_classes': num_classes, 'heads': None if heads is None else dict(heads)}
        return registry.network(d.net, DISCRIMINATOR, shape, **fields)

    return registry.several(d, single, shape, heads)


def pair(config: Any, spec: Spec) -> tuple[dict[str, Net], Scorer, int]:
    """The nets 'g' and 'd' of series that config.g and config.d describe; both take labels if there are any.

    Args:
      config: The config of the run.
      spec: The data. Its first field is a series.

    Returns:
      ({'g': net, 'd': net}, the scorer of 'd', the steps of noise that 'g' takes).

    Raises:
      GaxError: The data are no series, or too short for a network.
    """
    shape, classes, heads = shape_of(config, spec), spec.num_classes, registry.heads_for(config)
    g, steps = generator(config, shape, classes)
    d = discriminator(config.d, shape, classes, heads)
    scorer = scorer_of(spec.target, *['label'] * bool(classes))
    return {'g': g, 'd': d}, scorer._replace(logits=registry.answer(heads)), steps


def normal_latents(steps: int, dim: int) -> Callable[[Key, int, Batch], Batch]:
    """Latents 'z' ~ N(0, I), float32 [num, steps, dim]."""

    def latents(key: Key, num: int, batch: Batch) -> Batch:
        return {'z': jax.random.normal(key, (num, steps, dim))}

    return latents
