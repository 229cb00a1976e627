"""SIGTERM and Ctrl-C: finish the step, save and exit; or exit at once if there is nothing to save yet."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

CAUGHT = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """A context that catches SIGTERM and SIGINT.

    Until `started` is called there is nothing to save, and the main thread may be in the compiler for a long
    time, where Python runs no handlers. So another thread receives the signal and ends the process, with the
    status 128 + signal, as shells do. Afterwards the signal only sets `name`; a second signal has its default
    effect. Outside the main thread, where Python allows no handlers, nothing is caught.

    Attributes:
      name: The name of the signal that has come, or ''.
    """

    def __init__(self, hint: str, leaving: Callable[[str, int], None] = lambda text, status: None) -> None:
        """Prepares the context.

        Args:
          hint: The message for an exit before the start.
          leaving: Called before such an exit, with the reason and the exit status.
        """
        self.name = ''
        self.hint, self._leaving, self._working = hint, leaving, False

    def started(self) -> None:
        """From here on a signal only sets `name`: the loop stops and saves."""
        self._working = True

    def __enter__(self) -> Stop:
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._heard, self._tell = socket.socketpair()
            self._tell.setblocking(False)
            self._old: dict[int, Any] = {number: signal.signal(number, self._catch) for number in CAUGHT}
            self._old_fd = signal.set_wakeup_fd(self._tell.fileno(), warn_on_full_buffer=False)
            self._thread = threading.Thread(target=self._listen, name='gax-signals', daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._main:
            signal.set_wakeup_fd(self._old_fd)
            for number, handler in self._old.items():
                signal.signal(number, handler)
            self._tell.close()  # ends the thread
            self._thread.join()
            self._heard.close()

    def _catch(self, number: int, frame: Any) -> None:
        self.name = signal.Signals(number).name
        signal.signal(number, self._old[number])

    def _listen(self) -> None:
        while data := self._heard.recv(1):
            if data[0] not in CAUGHT:
                continue
            name = signal.Signals(data[0]).name
            if not self._working:
                print(f'\ngax: {name}: {self.hint}', file=sys.stderr, flush=True)
                self._leaving(f'{name} before its first step', 128 + data[0])
                os._exit(128 + data[0])
            print(f'\ngax: {name}: saving; once more to leave without', file=sys.stderr, flush=True)
