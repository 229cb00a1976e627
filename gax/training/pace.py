"""How many steps a call takes, and how many calls wait on the device: by the clock, so that a signal is soon
answered.
"""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Any

CALL = 0.3  # seconds that a call of several steps may take
AHEAD, WAITING = 2, 1.0  # calls that may wait on the device, and seconds of work in them


class Pace:
    """Measures calls and sizes the next ones. It begins with one step, and no step depends on what it finds.

    size: the steps that the next call may have, 1 .. most.
    """

    def __init__(self, most: int) -> None:
        self.size, self.most = 1, most
        self._waiting = deque[tuple[float, Any, int]]()
        # Seconds a step; the least of them counts, as hooks may delay the look.
        self._recent = deque[float](maxlen=3)
        self._ended = -math.inf  # when the call before was done, where that is known exactly

    def sent(self, began: float, done: Any, count: int) -> None:
        """Of a call of `count` steps, dispatched at `began` (time.perf_counter), with a jax.Array that is
        ready when it is done.

        Waits until few enough are on their way.
        """
        self._waiting.append((began, done, count))
        while self._waiting and (len(self._waiting) > AHEAD or self._work() > WAITING):
            self._wait()
        self.size = max(1, min(self.most, int(CALL / self._step())))

    def _step(self) -> float:
        return max(min(self._recent, default=math.inf), 1e-9)

    def _work(self) -> float:
        """Seconds of work that wait; without end while no step was measured."""
        return self._step() * sum(count for _, _, count in self._waiting)

    def _wait(self) -> None:
        """For the oldest call.

        One that is done already ended at an unknown time: what follows it counts from its dispatch.
        """
        began, done, count = self._waiting.popleft()
        late = done.is_ready()
        done.block_until_ready()
        now = time.perf_counter()
        self._recent.append((now - (began if late else max(began, self._ended))) / count)
        self._ended = -math.inf if late else now
