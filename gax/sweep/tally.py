"""Where a sweep stands, in runs of all its workers: which run begins, how many are over, how long the others
will take.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm


class Tally:
    """Counts runs. over, total: how many have ended, and how many there are in all."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._since = now, (now(), -1)
        self.over = self.total = self.elsewhere = 0

    def look(self, trials: Sequence[Any], planned: int = 0) -> None:
        """Reads how the trials of the storage stand.

        Args:
            trials: those that count, one of them this worker's if any runs.
            planned: runs of a search in all, which are not all there from the start.
        """
        seeds = [t.user_attrs.get('seeds', ()) for t in trials]
        self.total = max(sum(map(len, seeds)), planned)
        self.over = sum(
            len(of) if t.state.is_finished() else sum(f'run {seed}' in t.user_attrs for seed in of)
            for t, of in zip(trials, seeds, strict=True)
        )
        self.elsewhere = max(sum(t.state.name == 'RUNNING' for t in trials) - 1, 0)
        if self._since[1] < 0:
            self._since = (self._now(), self.over)

    def begins(self, count: int = 1) -> str:
        """'run 3 of 12', of the next one; 'runs 3 to 5 of 12' of the next `count`."""
        first = self.over + self.elsewhere + 1
        return f'run{f"s {first} to {first + count - 1}" if count > 1 else f" {first}"} of {self.total}'

    def ends(self) -> str:
        """'3 of 12 runs, 01:20 left', after one more has ended.

        The others are taken to last as long as those since the start.
        """
        self.over += 1
        began, before = self._since
        each = (self._now() - began) / max(self.over - before, 1)
        left = self.total - self.over
        return f'{self.over} of {self.total} runs' + f', {tqdm.format_interval(each * left)} left' * (
            left > 0
        )
