"""Series that are longer, or shorter, than those that a generator was trained on."""

from __future__ import annotations

import jax

from gax import errors, gans
from gax.core import rng
from gax.core import step as steps
from gax.core.spec import plural
from gax.core.types import Game
from gax.data import identity
from gax.training.experiment import Experiment

NUMBERS = 2**20  # steps of all series in one compiled call, at most, unless a single one has more


def chunk(length: int, usual: int) -> int:
    """How many series of this length one compiled call makes; `usual` for length 0."""
    return max(1, min(usual, NUMBERS // length)) if length else usual


def lengthened(built: Experiment, length: int) -> Experiment:
    """The experiment of a run with series of another length.

    Args:
      built: The experiment of the run.
      length: The number of steps.

    Returns:
      The experiment, with a description of such data in place of the data.

    Raises:
      GaxError: The data are no series, or the parameters depend on the length.
    """
    spec = built.source.spec
    field = spec.fields[spec.target]
    if field.kind != 'series' or length < 1:
        what = f'{spec.name} has {plural(field.kind)}' if field.kind != 'series' else 'it must be positive'
        raise errors.GaxError(f'--length={length} is the number of steps of a series, and {what}')
    other = field._replace(shape=(length, *field.shape[1:]))
    source = identity.described(spec._replace(fields={**spec.fields, spec.target: other}))
    game = gans.make(built.config, source.spec)
    if parameters(game) != parameters(built.game):
        raise errors.GaxError(
            f'--length={length}: the networks of this run are for series of {field.shape[0]} steps; '
            f'recurrent '
            'and temporal convolutional ones (kinds recurrent and tcn) make any length'
        )
    return built._replace(source=source, game=game)


def parameters(game: Game) -> object:
    """The shapes of all parameters of a game."""
    params = jax.eval_shape(lambda: steps.init(game, rng.root(0)).params)
    return jax.tree.map(lambda leaf: leaf.shape, params)
