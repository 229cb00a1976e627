"""The progress of a sweep in runs of all workers: which run begins, how many have ended, the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm


class Tally:
    """Counts runs.

    Attributes:
      over: The number of runs that have ended.
      total: The number of all runs.
      elsewhere: The number of trials that other workers run.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._since = now, (now(), -1)
        self.over = self.total = self.elsewhere = 0

    def look(self, trials: Sequence[Any], planned: int = 0) -> None:
        """Counts from the trials in the storage.

        Args:
          trials: The trials that count, one of them this worker's if it runs any.
          planned: The number of runs of a search, whose trials do not all exist from the start.
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
        """'run 3 of 12' for the next run; 'runs 3 to 5 of 12' for the next `count` runs."""
        first = self.over + self.elsewhere + 1
        return f'run{f"s {first} to {first + count - 1}" if count > 1 else f" {first}"} of {self.total}'

    def ends(self) -> str:
        """Counts one more run; '3 of 12 runs, 01:20 left', by the mean time a run since the start."""
        self.over += 1
        began, before = self._since
        each = (self._now() - began) / max(self.over - before, 1)
        left = self.total - self.over
        return f'{self.over} of {self.total} runs' + f', {tqdm.format_interval(each * left)} left' * (
            left > 0
        )
