"""SIGTERM and Ctrl-C: finish the step, save, leave; or leave at once while nothing has been done yet."""

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
    """Catches SIGTERM and SIGINT while its block runs. `name` is the signal's name, once one has come.

    Until `started` is called there is nothing to save, and the main thread may sit in the compiler for a long
    time,
    where Python runs no handlers: so another thread hears of the signal and ends the process, with the status
    128 + signal that shells give. Afterwards the signal only sets `name`; a second one acts as it always did.
    Outside the main thread, where Python allows no handlers, nothing is caught.
    """

    def __init__(self, hint: str, leaving: Callable[[str, int], None] = lambda text, status: None) -> None:
        """hint: what to say when leaving before the start. leaving: told then, before the process ends, why
        and with what status.
        """
        self.name = ''
        self.hint, self._leaving, self._working = hint, leaving, False

    def started(self) -> None:
        """From here on a signal is left to the loop, which saves."""
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
