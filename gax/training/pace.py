"""Chooses by the clock how many steps a call has and how many calls are dispatched ahead of the device."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Any

CALL = 0.3  # seconds that a call of several steps may take
AHEAD, WAITING = 2, 1.0  # calls that may wait on the device, and seconds of work in them


class Pace:
    """Measures calls and sizes the next ones. It begins with one step; no result depends on it.

    At most AHEAD calls, and WAITING seconds of work, are dispatched ahead of the device, which bounds the
    latency of signals and keeps the progress bar accurate.

    Attributes:
      size: The number of steps that the next call may have, 1 .. most.
      most: The largest size.
    """

    def __init__(self, most: int) -> None:
        self.size, self.most = 1, most
        self._waiting = deque[tuple[float, Any, int]]()
        # Seconds a step; the least of them counts, as hooks may delay a measurement.
        self._recent = deque[float](maxlen=3)
        self._ended = -math.inf  # when the previous call was done, if known exactly

    def sent(self, began: float, done: Any, count: int) -> None:
        """Registers a call; waits until few enough calls are dispatched ahead of the device.

        Args:
          began: The time of its dispatch, time.perf_counter().
          done: A jax.Array that is ready when the call is done.
          count: The number of its steps.
        """
        self._waiting.append((began, done, count))
        while self._waiting and (len(self._waiting) > AHEAD or self._work() > WAITING):
            self._wait()
        self.size = max(1, min(self.most, int(CALL / self._step())))

    def _step(self) -> float:
        """The measured seconds a step."""
        return max(min(self._recent, default=math.inf), 1e-9)

    def _work(self) -> float:
        """Seconds of dispatched work; infinite while no step has been measured."""
        return self._step() * sum(count for _, _, count in self._waiting)

    def _wait(self) -> None:
        """Waits for the oldest call and measures it.

        A call that is done already ended at an unknown time; the next call is then measured from its
        dispatch.
        """
        began, done, count = self._waiting.popleft()
        late = done.is_ready()
        done.block_until_ready()
        now = time.perf_counter()
        self._recent.append((now - (began if late else max(began, self._ended))) / count)
        self._ended = -math.inf if late else now
