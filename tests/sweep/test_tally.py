"""What a sweep says of how far it is."""

from types import SimpleNamespace
from typing import Any

from optuna.trial import TrialState

from gax.sweep.tally import Tally


def trial(state: str, seeds: int = 1, outcomes: int = 0) -> Any:
    attrs = {'seeds': list(range(seeds)), **{f'run {i}': {} for i in range(outcomes)}}
    return SimpleNamespace(state=TrialState[state], user_attrs=attrs)


def test_runs_of_a_grid_are_counted_and_the_rest_estimated() -> None:
    clock = iter([0.0, 100.0, 130.0, 190.0, 220.0])
    tally = Tally(lambda: next(clock))
    done, own, waiting = trial('COMPLETE'), trial('RUNNING'), trial('WAITING')
    tally.look([done, own, waiting, waiting])
    assert tally.begins() == 'run 2 of 4'
    assert tally.ends() == '2 of 4 runs, 01:00 left'  # 30 s for one since the start, two are left
    tally.look([done, trial('FAIL'), own, waiting])
    assert tally.begins() == 'run 3 of 4'
    assert tally.ends() == '3 of 4 runs, 00:45 left'
    assert tally.ends() == '4 of 4 runs'


def test_seeds_of_a_search_and_runs_of_other_workers() -> None:
    tally = Tally()
    tally.look([trial('PRUNED', 3, 1), trial('RUNNING', 3, 2), trial('RUNNING', 3)], planned=30)
    assert tally.begins() == 'run 7 of 30'  # three over, two of the second trial, one runs elsewhere
    assert tally.begins(4) == 'runs 7 to 10 of 30'
