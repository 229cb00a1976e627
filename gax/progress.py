"""What a run says while it works: a bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from tqdm import tqdm

log = logging.getLogger('gax')
SECONDS = 20.0  # between two lines of a log file


# Whether the game is even (losses, the accuracy of D), and whether the fakes differ from each other.
TELLING = ('loss', 'accuracy', 'diversity')


def telling(row: Mapping[str, float]) -> dict[str, float]:
    """The few numbers of a row that say how a run goes, in the order of TELLING."""
    return {name: row[name] for last in TELLING for name in row if name.endswith(f'/{last}')}


class Progress:
    """Steps done, steps/sec, time left, and the numbers that say how it goes, on stderr."""

    def __init__(self, start: int, steps: int) -> None:
        self._bar = tqdm(
            total=steps, initial=start, unit='step', dynamic_ncols=True, mininterval=0.2, disable=None
        )
        self._steps, self._said = steps, 0.0
        self.began: tuple[float, int] | None = None  # when the first call ended, and at which step

    def at(self, step: int) -> None:
        """Told after every call of the compiled program; the first call, which compiles it, does not count as slow."""
        if self.began is None:
            self.began = (time.perf_counter(), step)
            if not self._bar.disable:
                self._bar.unpause()
                self._bar.initial = self._bar.n = step
                self._bar.refresh()
        self._bar.update(step - self._bar.n)

    def measured(self, row: Mapping[str, float]) -> None:
        """A row of metrics.jsonl: the most telling of it goes beside the bar, or into a line of the log."""
        said = {name: f'{value:.3g}' for name, value in telling(row).items()}
        if not self._bar.disable:
            self._bar.set_postfix(said, refresh=False)
        elif (now := time.perf_counter()) - self._said >= SECONDS or row['step'] == self._steps:
            self._said, left = now, (self._steps - row['step']) / max(row['steps_per_sec'], 1e-9)
            log.info(
                'step %d of %d: %s, %.3g steps/s, %s left',
                *(row['step'], self._steps, ' '.join(f'{name} {value}' for name, value in said.items())),
                *(row['steps_per_sec'], tqdm.format_interval(left)),
            )

    def warn(self, message: str) -> None:
        """A warning, in a line of its own, above the bar."""
        self.tell(message, logging.WARNING)

    def tell(self, message: str, level: int = logging.INFO) -> None:
        """A line of its own, above the bar."""
        self._bar.clear()
        log.log(level, message)
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()
