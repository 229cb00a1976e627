"""Coordination of the processes of one run: broadcasts, a common stop, and a common end.

Every process has one TCP connection to process 0, which forwards what concerns all. JAX's own service
notices a dead process only after 100 s and then aborts everybody; until then a collective waits for the
partner that died. A closed connection is noticed at once.

Messages are JSON lists, one a line. The first entry is the kind:

beat              sent every BEAT seconds; after GONE seconds without a message a process counts as dead
word VALUE        a broadcast by process 0; broadcasts arrive in order (see `Alone.word`)
stop NAME         to process 0: this process has received a signal
halt, at STEP, until STEP NAME    the agreement on the step after which all stop (see `Team.halts`)
failed ID TEXT STATUS, gone ID    a process has failed or is dead: all end
done, bye         all have finished
"""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from gax.distributed import connection
from gax.distributed.connection import Line

BEAT, GONE = 3.0, 30.0  # seconds
STATUS = 75  # exit status of a process that ends because another is gone (sysexits.h: try again)


class Alone:
    """A run of one process: the interface of `Team` without any communication.

    Attributes:
      index: The number of this process, from 0.
      count: The number of processes.
      saved: The step of the newest checkpoint.
      failed: Whether the other processes already know that this one ends.
    """

    index, count, saved, failed = 0, 1, 0, False

    @property
    def first(self) -> bool:
        """Whether this is process 0, which writes, draws and evaluates."""
        return self.index == 0

    def word(self, value: Any = None) -> Any:
        """Broadcasts the `value` of process 0 to every process; the others wait for it.

        Args:
          value: Numbers, strings, lists and dicts. Ignored in all processes but process 0.
        """
        return value

    def halts(self, step: int, name: str) -> str:
        """The name of the signal for which all processes stop before the call that begins at `step`.

        Every process must call this before every call of the step, at the same steps.

        Args:
          step: The step at which the next call begins.
          name: The name of a signal that this process has received, or ''.

        Returns:
          The signal's name, or '' if training continues.
        """
        return name

    def fail(self, text: str, status: int = 2) -> None:
        """Reports to the other processes that this one ends, and why; they end with the same `status`."""

    def close(self) -> None:
        """Waits until every process has called `close`."""


class Team(Alone):
    """One of several processes.

    A thread reads the messages of the others, and ends this process if it cannot continue without them.

    Args:
      index: The number of this process.
      lines: The connections by process number: in process 0 to every other process, elsewhere to process 0.
      hosts: The host name of every process.
    """

    def __init__(self, index: int, lines: Mapping[int, Line], hosts: Sequence[str]) -> None:
        self.index, self.count, self.hosts = index, len(hosts), list(hosts)
        self._lines, self._lock, self._ending = dict(lines), threading.RLock(), threading.Lock()
        self._words: queue.Queue[Any] = queue.Queue()
        self._position, self._asked, self._reported = -1, False, False
        self._until: tuple[int, str] | None = None
        self._decided, self._finished, self._over = threading.Event(), threading.Event(), False
        self._stop_name, self._positions, self._done = '', dict[int, int](), set[int]()
        threading.Thread(target=self._listen, name='gax-team', daemon=True).start()

    def named(self, index: int) -> str:
        """The process in words: 'process 1 of 2 (HOST)'."""
        return f'process {index} of {self.count} ({self.hosts[index]})'

    def word(self, value: Any = None) -> Any:
        """See `Alone.word`."""
        if not self.first:
            return self._words.get()
        self._send('word', value)
        return value

    def halts(self, step: int, name: str) -> str:
        """Agrees on the step after which all processes stop; see `Alone.halts`.

        Each process reports its step, and all stop at the first call boundary after the largest of them. The
        reading threads answer, so that no process waits for one that waits for its device. All processes
        begin their calls at the same steps.
        """
        with self._lock:
            if name and not self._reported:
                self._reported = True
                self._on_stop(self.index, name) if self.first else self._send('stop', name)
            if not self._asked:
                self._position = step
                return ''
        self._decided.wait()
        assert self._until is not None
        last, by = self._until
        return by if step > last else ''

    def fail(self, text: str, status: int = 2) -> None:
        """See `Alone.fail`."""
        self._end_once()
        self.failed = True
        self._send('failed', self.index, text, status)
        self._see_off()

    def close(self) -> None:
        """See `Alone.close`."""
        self._on_done(self.index) if self.first else self._send('done')
        self._finished.wait()
        self._over = True

    def _send(self, *message: Any) -> None:
        for line in self._lines.values():
            line.send(*message)

    def _listen(self) -> None:
        try:
            with selectors.DefaultSelector() as ready:
                self._attend(ready)
        except Exception as error:
            self._end(f'{self.named(self.index)} lost its way: {error!r}', 1)
        if self._finished.is_set():
            if self.first:  # a connection that is closed with unread bytes could lose the 'bye'
                self._see_off()
            for line in self._lines.values():
                line.socket.close()

    def _attend(self, ready: selectors.BaseSelector) -> None:
        """Reads messages, sends beats, and notices processes that are dead.

        Silence counts from here on, because the first process to connect may have waited long for the last. A
        long round shows that this process itself was suspended; such a round counts as at most BEAT seconds
        of silence.
        """
        for index, line in self._lines.items():
            ready.register(line.socket, selectors.EVENT_READ, index)
            self._answer(index, line.unread)
        before, beaten = time.monotonic(), -BEAT
        while not self._over:
            if before - beaten >= BEAT:
                beaten = before
                self._send('beat')
            for key, _ in ready.select(BEAT / 3):
                index = key.data
                messages = self._lines[index].read()
                self._answer(index, messages or [])
                if messages is None:
                    ready.unregister(key.fileobj)
                    self._lost(index)
            now = time.monotonic()
            passed, before = min(now - before, BEAT), now
            for index, line in self._lines.items():
                line.silent += passed
                if line.silent > GONE and index not in self._done:
                    self._lost(index)

    def _answer(self, sender: int, messages: list[list[Any]]) -> None:
        for kind, *content in messages:
            getattr(self, f'_on_{kind}')(sender, *content)

    def _lost(self, index: int) -> None:
        # A process that ends because this one does is no failure.
        if self._over or self._ending.locked() or index in self._done or self._finished.is_set():
            return
        if self.first:
            self._send('gone', index)
        self._on_gone(0, index)

    def _on_beat(self, sender: int) -> None:
        pass

    def _on_word(self, sender: int, value: Any) -> None:
        self._words.put(value)

    def _on_stop(self, sender: int, name: str) -> None:
        with self._lock:
            if self._asked:
                return
            self._stop_name = name
            self._on_halt(self.index)
        self._send('halt')

    def _on_halt(self, sender: int) -> None:
        """No call begins after this until the common last step is known."""
        with self._lock:
            self._asked = True
            self._on_at(self.index, self._position) if self.first else self._send('at', self._position)

    def _on_at(self, sender: int, step: int) -> None:
        with self._lock:
            self._positions[sender] = step
            if len(self._positions) == self.count:
                last = max(self._positions.values())
                self._send('until', last, self._stop_name)
                self._on_until(self.index, last, self._stop_name)

    def _on_until(self, sender: int, step: int, name: str) -> None:
        self._until = step, name
        self._decided.set()

    def _on_done(self, sender: int) -> None:
        with self._lock:
            self._done.add(sender)
            if len(self._done) == self.count:
                self._send('bye')
                self._finished.set()

    def _on_bye(self, sender: int) -> None:
        self._finished.set()

    def _on_failed(self, sender: int, index: int, text: str, status: int) -> None:
        if self.first:
            self._send('failed', index, text, status)
        self._end(f'{self.named(index)} stopped: {text}', status)

    def _on_gone(self, sender: int, index: int) -> None:
        # Process 0 may have died between saving a checkpoint and announcing it.
        resumed = f'of step {self.saved} or later' if self.saved else 'if it has one'
        self._end(
            f'{self.named(index)} is gone (killed, or its machine or the network is down); start all of '
            f'them again with the same commands: the run goes on from its last checkpoint, {resumed}',
            STATUS,
        )

    def _end(self, text: str, status: int) -> None:
        self._end_once()
        say(f'gax: error: {text}')
        self._see_off()
        os._exit(status)

    def _end_once(self) -> None:
        """The first caller continues; any later one waits for the process to end."""
        if not self._ending.acquire(blocking=False):
            time.sleep(4 * connection.LEAVING)

    def _see_off(self) -> None:
        """Process 0 leaves last: JAX aborts the other processes when its coordinator is gone."""
        self._over, limit = True, time.monotonic() + connection.LEAVING
        for line in self._lines.values():
            with contextlib.suppress(OSError):
                line.socket.shutdown(socket.SHUT_WR)
                while (left := limit - time.monotonic()) > 0:
                    line.socket.settimeout(left)
                    if not line.socket.recv(2**16):
                        break


def say(text: str) -> None:
    """Prints to stderr. Ignores errors: a full disk or a closed pipe must not keep a process from ending."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print('\n' * sys.stderr.isatty() + text, file=sys.stderr, flush=True)
