"""Conditions for the samples of a trained run: examples of the run's data, or of data that the user names."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from gax import data, errors
from gax.core.types import Batch
from gax.sampling.sampler import Request
from gax.training import evaluators, real_examples, trained_run
from gax.training.experiment import Experiment


class Examples(NamedTuple):
    """Examples that fakes are made from.

    Attributes:
      conditions: {name: [num, ...]}; {} for a game that is conditioned on labels alone, or on nothing.
      targets: The true images of the same examples, {field: [num, ...]}; {} if they are not known.
    """

    conditions: Batch
    targets: Batch = MappingProxyType({})


def examples(request: Request, built: Experiment) -> Examples:
    """The conditions of a game that is conditioned on more than labels.

    Where `request.conditions` names data, as config.data.name does, its examples are taken in order.
    Otherwise they are a fixed random choice of the run's own data: of the split `request.split`, or, if that
    is not set, of the test split if the run was trained on a training split.

    Args:
      request: The request.
      built: The experiment of the run.

    Returns:
      The examples.

    Raises:
      GaxError: The game takes no examples, the data does not exist, or its examples have another shape.
    """
    names = built.game.conditions
    if set(names) <= {'label'}:
        if request.conditions:
            raise errors.GaxError(
                f'--conditions={request.conditions}: {built.config.gan} makes fakes from '
                + ('noise and a label (--label)' if names else 'noise alone')
            )
        return Examples({})
    if not request.conditions:
        whole = trained_run.with_data(request.workdir, built.config, request.data, built.mesh)
        held_out = 'test' if whole.source.split == 'train' and 'test' in whole.source.splits else ''
        whole = evaluators.with_split(whole, request.split or held_out, str(request.workdir))
        batch = real_examples.reals(whole, request.num)
        known = batch if whole.source.paired else {}
        return Examples({name: jnp.asarray(batch[name]) for name in names}, known)
    return Examples(of_user(request, built))


def of_user(request: Request, built: Experiment) -> Batch:
    """Examples of the data that the user names.

    Args:
      request: The request; `conditions` names the data.
      built: The experiment of the run.

    Returns:
      {name: [num, ...]}, the fields of the data with the names of the conditions. Where the game has only one
      condition, and the data no field of that name, the target of the data.

    Raises:
      GaxError: The data does not exist, lacks a condition, or its examples have another shape.
    """
    config = built.config.copy_and_resolve_references()
    with config.unlocked():
        config.data.name = request.conditions
    source = data.load(config, resident_up_to=float('inf'))
    size = source.spec.size or request.num
    whole = built._replace(source=source, arrays=built.arrays._replace(data=source.arrays))
    batch = real_examples.examples(whole, np.arange(request.num) % size)
    names = built.game.conditions
    if len(names) == 1 and names[0] not in batch:
        batch = {names[0]: batch[source.spec.target]}
    for name in names:
        if name not in batch:
            raise errors.GaxError(errors.choices(f'condition in {request.conditions}', name, batch))
        expected = built.source.spec.fields[name].shape if name in built.source.spec.fields else ()
        if batch[name].shape[1:] != expected:
            raise errors.GaxError(
                f'--conditions={request.conditions}: {name} has the shape {batch[name].shape[1:]} and must '
                f'have {expected}'
            )
    return {name: jnp.asarray(batch[name]) for name in names}
