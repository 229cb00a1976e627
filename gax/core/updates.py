"""The updates of a training step: which players are updated, in which order, with which terms.

All of it is static: it depends on the game and on the number of the step, never on arrays.
"""

from __future__ import annotations

import collections
import itertools
from typing import NamedTuple

from gax import errors
from gax.core.types import Game, Player, Term

Due = frozenset[str]  # labels 'player/term' of the lazy terms that are evaluated


class Move(NamedTuple):
    """One update of a step.

    Attributes:
      player: The player that is updated.
      turn: The number of this update among the player's updates in the step, from 0.
      draw: The number of the batch and set of fakes that it uses, from 0.
    """

    player: str
    turn: int
    draw: int


class Active(NamedTuple):
    """The static part of a compiled step.

    Attributes:
      due: The lazy terms that are evaluated, see `make_step`.
      phase: The name of the phase of training.
      unroll: Whether every update is traced, see `make_step`.
    """

    due: Due | None = None
    phase: str = ''
    unroll: bool = False


# For a game without phases: one program for all steps, in which every step costs as much as one with all lazy
# terms.
EVERY_TERM = Active()


def check(game: Game) -> None:
    """Checks that the parts of a game fit together: phases, frozen nets, names of nets.

    Raises:
      GaxError: They do not.
    """
    names = [phase.name for phase in game.phases]
    starts = [phase.start for phase in game.phases]
    if names and (starts[0] != 0 or sorted(set(starts)) != starts or len(set(names)) != len(names)):
        raise errors.GaxError(
            'the phases of a game start at step 0, each later than the one before, '
            f'each with a name of its own: {list(game.phases)}'
        )
    for name, player in game.players.items():
        parts: list[Player | Term] = [player, *player.terms.values()]
        for part in parts:
            for phase in part.phases or ():
                errors.lookup(f'phase of player {name}', phase, dict.fromkeys(names))
        for net in player.nets:
            errors.lookup(f'net of player {name}', net, game.nets)
            if net in game.frozen:
                raise errors.GaxError(f'player {name} trains the net {net!r}, which is frozen')
    if still := [phase for phase in names if not moves(game, phase)]:
        raise errors.GaxError(f'no player moves in phase {still[0]!r}')


def active(part: Player | Term, phase: str) -> bool:
    """Whether a player is updated, or a term is evaluated, in this phase."""
    return part.phases is None or phase in part.phases


def moves(game: Game, phase: str = '') -> list[Move]:
    """The updates of one step of a phase.

    A player with several updates gets new data for each. The first update of a player shares the draw of the
    player before, unless it asks to `resample`.
    """
    result: list[Move] = []
    for name, player in game.players.items():
        if not active(player, phase):
            continue
        for turn in range(player.updates):
            again = bool(result) and (turn > 0 or player.resample)
            draw = (result[-1].draw if result else 0) + again
            result.append(Move(name, turn, draw))
    return result


def phase_names(game: Game) -> list[str]:
    """The names of the game's phases; [''] for a game without phases."""
    return [phase.name for phase in game.phases] or ['']


def batches_per_step(game: Game) -> int:
    """The number of batches that one step consumes, in every phase: that of the phase that needs most.

    `make_step` takes leaves with `batches_per_step(game) * B` examples.
    """
    return max(moves(game, phase)[-1].draw for phase in phase_names(game)) + 1


def lazy_terms(game: Game, phase: str = '') -> dict[str, int]:
    """The terms of a phase that are not evaluated on every step, as 'player/term' -> interval."""
    return {
        f'{name}/{label}': term.every
        for name, player in game.players.items()
        for label, term in player.live_terms.items()
        if term.every > 1 and active(player, phase) and active(term, phase)
    }


def due_terms(game: Game, step: int) -> Due:
    """The lazy terms that are evaluated at `step`, for `make_step`."""
    return frozenset(
        label for label, every in lazy_terms(game, game.phase_at(step)).items() if step % every == 0
    )


def active_at(game: Game, step: int) -> Active:
    """The static part of training step `step`: its phase, and the lazy terms that are evaluated."""
    return Active(due_terms(game, step), game.phase_at(step))


def groups(plan: list[Move], unroll: bool = False) -> list[list[Move]]:
    """Splits the updates of a step into those that are traced once.

    Args:
      plan: The updates, see `moves`.
      unroll: Whether each update is traced by itself.

    Returns:
      The updates in order. Those in one list are consecutive updates of one player, each on a draw that no
      other update uses.
    """
    uses = collections.Counter(move.draw for move in plan)
    result: list[list[Move]] = []
    for (_, alone), same in itertools.groupby(plan, lambda move: (move.player, uses[move.draw] == 1)):
        together = list(same)
        result += [together] if alone and not unroll else [[move] for move in together]
    return result


def scans(game: Game, active: Active) -> bool:
    """Whether a step of this program has several updates as one scan."""
    return any(len(group) > 1 for group in groups(moves(game, active.phase), active.unroll))
