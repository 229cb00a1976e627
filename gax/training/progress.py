"""The progress of a run: a bar on a terminal, occasional lines in a log file."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tqdm import tqdm

log = logging.getLogger('gax')
SECONDS = 20.0  # between two lines of a log file


# Whether the game is even (losses, the accuracy of D), and whether the fakes differ from each other.
TELLING = ('loss', 'accuracy', 'diversity')


def telling(row: Mapping[str, float]) -> dict[str, float]:
    """The few metrics of a row that show how a run goes, in the order of TELLING."""
    return {name: row[name] for last in TELLING for name in row if name.endswith(f'/{last}')}


class LogFile(logging.FileHandler):
    """A log file of a run, with times, that is appended to by every start."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding='utf-8', errors='backslashreplace')  # names of files are bytes
        self.setFormatter(logging.Formatter('%(asctime)s %(levelname)s %(message)s'))

    def note(self, message: str, level: int = logging.INFO) -> None:
        """Writes a line to the file only."""
        self.handle(logging.LogRecord('gax', level, '', 0, message, None, None))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Ignores a full disk: the code that writes the run's results reports it."""


class Progress:
    """Steps done, steps/sec, time left, and the most telling metrics, on stderr.

    Args:
      start: The step at which training begins.
      steps: The step at which it ends.
      note: Receives the lines for the log file when a terminal shows the bar instead.

    Attributes:
      began: (the time when the first call ended, the step after it); None before.
    """

    def __init__(self, start: int, steps: int, note: Callable[[str], None] = lambda line: None) -> None:
        self._bar = tqdm(
            total=steps, initial=start, unit='step', dynamic_ncols=True, mininterval=0.2, disable=None
        )
        self._steps, self._logged, self._note = steps, float('-inf'), note
        self._created = time.perf_counter()
        self.began: tuple[float, int] | None = None  # when the first call ended, and at which step

    def at(self, step: int) -> None:
        """Updates the bar after a call of the step. The first call, which compiles, is not timed."""
        if self.began is None:
            self.began = (time.perf_counter(), step)
            self.tell(f'compiled in {self.began[0] - self._created:.1f} s; training')
            if not self._bar.disable:
                self._bar.unpause()
                self._bar.initial = self._bar.n = step
                self._bar.refresh()
        self._bar.update(step - self._bar.n)

    def measured(self, row: Mapping[str, float]) -> None:
        """Shows the most telling metrics of a row of metrics.jsonl next to the bar, or as a log line."""
        numbers = {name: f'{value:.3g}' for name, value in telling(row).items()}
        self._bar.set_postfix(numbers, refresh=False)
        now, step = time.perf_counter(), row['step']
        if now - self._logged < SECONDS and step != self._steps:
            return
        self._logged = now
        left = tqdm.format_interval((self._steps - step) / max(row['steps_per_sec'], 1e-9))
        text = ' '.join(f'{name} {value}' for name, value in numbers.items())
        speed = f'{row["steps_per_sec"]:.3g} steps/s'
        if 'sec_per_kimg' in row:
            speed += f', {row["sec_per_kimg"]:.3g} s/kimg'
        line = f'step {step} of {self._steps}: {text}, {speed}, {left} left'
        if self._bar.disable:
            log.info('%s', line)
        else:
            self._note(line)

    def warn(self, message: str) -> None:
        """Logs a warning on a separate line above the bar."""
        self.tell(message, logging.WARNING)

    def tell(self, message: str, level: int = logging.INFO) -> None:
        """Logs a message on a separate line above the bar."""
        self._bar.clear()
        log.log(level, message)
        self._bar.refresh()

    def close(self) -> None:
        """Closes the bar."""
        self._bar.close()


class Clock:
    """The speed of a run between two rows of its metrics."""

    def __init__(self, start: int, batch_size: int, progress: Progress, images: bool = False) -> None:
        """`start`: the step at which training begins, now. `images`: whether the data are images."""
        self._start, self._batch_size, self._progress = start, batch_size, progress
        self._images = images
        self._last, self._seconds, self._waited = (time.perf_counter(), start), 0.0, 0.0

    def row(self, step: int, waited: float | None) -> dict[str, float]:
        """The timing metrics since the previous row.

        The compilation of the first step counts in `seconds`, the time since the start, only.

        Args:
          step: The step of the row.
          waited: Seconds that the host has waited for data in all, or None if that is unknown.

        Returns:
          'steps_per_sec', 'images_per_sec', 'seconds' and, if known, 'data_wait': the share of the time that
          the host waited for data, 0 to 1. Of images also 'sec_per_kimg', the seconds for 1,000 of them, of
          which a step counts batch_size, however many batches its updates draw. While the host waits, the
          device may be busy with calls that were dispatched before.
        """
        now, (then, before) = time.perf_counter(), self._last
        self._last, self._seconds = (now, step), self._seconds + now - then
        share = {}
        if waited is not None:
            share['data_wait'] = min(1.0, (waited - self._waited) / max(now - then, 1e-9))
            self._waited = waited
        began = self._progress.began
        if began and began[1] < step and before == self._start:
            then, before = began
        speed = (step - before) / max(now - then, 1e-9)
        images = speed * self._batch_size
        if self._images:
            share['sec_per_kimg'] = 1000.0 / max(images, 1e-9)
        return {'steps_per_sec': speed, 'images_per_sec': images, 'seconds': self._seconds, **share}

    def leave_out(self, took: float) -> None:
        """Excludes the last `took` seconds from the speed; they count in `seconds` only."""
        self._last, self._seconds = (self._last[0] + took, self._last[1]), self._seconds + took
        if self._progress.began:
            self._progress.began = (self._progress.began[0] + took, self._progress.began[1])
