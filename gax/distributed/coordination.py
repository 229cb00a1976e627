"""Processes that train together: what they tell one another beside their arrays, so that they end together
too.

Every process has one TCP connection to process 0, which passes on what concerns all. It is there because
JAX's own service notices a death late (100 s), and then aborts everybody: a collective whose partner has died
waits, and a closed connection is known at once. Messages are JSON lists, one a line, the first entry saying
which:

beat              every BEAT seconds; GONE seconds without a word mean that a process, its machine or the
network is dead
word VALUE        what process 0 has to say to the others, in order (see `Alone.word`)
stop NAME         to process 0: a signal has come
halt, at STEP, until STEP NAME    all stop after the same step (see `Team.halts`)
failed ID TEXT STATUS, gone ID    all end
done, bye         all have finished
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import selectors
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

BEAT, GONE = 3.0, 30.0  # seconds
LEAVING = 5.0  # seconds that a process which ends waits for the others, so that they hear why
LONGEST = 2**20  # bytes of a first message, which may come from anybody
STATUS = 75  # of a process that ends because another one is gone (sysexits.h: try again)


class Line:
    """One connection. silent: the seconds for which nothing has come, counted by whoever listens (see
    `Team._attend`).
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(LEAVING)  # whoever does not read must not hold up the others
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket, self.silent = connection, 0.0
        self.unread: list[list[Any]] = []
        self._rest, self._lock = b'', threading.Lock()

    def send(self, *message: Any) -> None:
        """A connection that is broken is not told of here, but where it is read."""
        with self._lock, contextlib.suppress(OSError):
            try:
                self.socket.sendall(json.dumps(message).encode() + b'\n')
            except TimeoutError:  # half a message may be out, and no other can follow it
                self.socket.shutdown(socket.SHUT_RDWR)

    def read(self) -> list[list[Any]] | None:
        """The messages that have come; None where the other side is gone. Waits for some bytes."""
        try:
            data = self.socket.recv(2**16)
        except OSError:
            return None
        if not data:
            return None
        self.silent = 0.0
        *whole, self._rest = (self._rest + data).split(b'\n')
        return [json.loads(text) for text in whole]

    def first(self, seconds: float) -> list[Any] | None:
        """The first message; what has come behind it is in `unread`. None unless it is whole after `seconds`,
        and not too long.

        Raises ValueError for what is no message: somebody else may be on the other side.
        """
        limit, found = time.monotonic() + seconds, list[list[Any]]()
        while not found:
            left = limit - time.monotonic()
            if left <= 0 or len(self._rest) > LONGEST:
                return None
            self.socket.settimeout(left)
            if (come := self.read()) is None:
                return None
            found = come
        self.socket.settimeout(LEAVING)
        if not isinstance(found[0], list) or not found[0]:
            raise ValueError(f'no message: {found[0]!r:.80}')
        self.unread = found[1:]
        return found[0]

    def open(self) -> bool:
        """Whether the other side is still there, as far as is known."""
        ready = select.select([self.socket], [], [], 0.0)[0]
        try:
            return not ready or bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False


class Alone:
    """A process that trains by itself: a team of one.

    saved: the step of the newest checkpoint; failed: whether the others have been told that this process
    ends.
    """

    index, count, saved, failed = 0, 1, 0, False

    @property
    def first(self) -> bool:
        """Whether this is the process that writes, draws and evaluates."""
        return self.index == 0

    def word(self, value: Any = None) -> Any:
        """The `value` of process 0 (of numbers, texts, lists, dicts), at every process; the others wait for
        it.
        """
        return value

    def halts(self, step: int, name: str) -> str:
        """The name of the signal for which all stop before the call that begins at `step`; '' to go on.

        name: that of a signal that has come to this process, or ''. To be asked before every call, and of
        every process at the same steps.
        """
        return name

    def fail(self, text: str, status: int = 2) -> None:
        """Tells the others that this process ends, and why; they end too, with the same `status`."""

    def close(self) -> None:
        """Waits until every process has come here."""


class Team(Alone):
    """One of several processes; a thread listens to the others, and ends this one where it cannot go on
    without them.

    lines: to process 0, or at process 0 to every other one, by their numbers. hosts: the name of each one's
    machine.
    """

    def __init__(self, index: int, lines: Mapping[int, Line], hosts: Sequence[str]) -> None:
        self.index, self.count, self.hosts = index, len(hosts), list(hosts)
        self._lines, self._lock, self._ending = dict(lines), threading.RLock(), threading.Lock()
        self._words: queue.Queue[Any] = queue.Queue()
        self._position, self._asked, self._told = -1, False, False
        self._until: tuple[int, str] | None = None
        self._decided, self._finished, self._over = threading.Event(), threading.Event(), False
        self._stop_name, self._positions, self._done = '', dict[int, int](), set[int]()
        threading.Thread(target=self._listen, name='gax-team', daemon=True).start()

    def named(self, index: int) -> str:
        return f'process {index} of {self.count} ({self.hosts[index]})'

    def word(self, value: Any = None) -> Any:
        if not self.first:
            return self._words.get()
        self._send('word', value)
        return value

    def halts(self, step: int, name: str) -> str:
        """Each process says how far it is; all stop at the first call boundary after the furthest of these
        steps.

        The listening threads answer, so that nobody waits for a process that waits for the device; which
        steps begin a call is the same in all processes.
        """
        with self._lock:
            if name and not self._told:
                self._told = True
                self._on_stop(self.index, name) if self.first else self._send('stop', name)
            if not self._asked:
                self._position = step
                return ''
        self._decided.wait()
        assert self._until is not None
        last, by = self._until
        return by if step > last else ''

    def fail(self, text: str, status: int = 2) -> None:
        self._end_once()
        self.failed = True
        self._send('failed', self.index, text, status)
        self._see_off()

    def close(self) -> None:
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
            if self.first:  # closed with something unread, a connection could lose the 'bye' on its way
                self._see_off()
            for line in self._lines.values():
                line.socket.close()

    def _attend(self, ready: selectors.BaseSelector) -> None:
        """Reads what comes, says that this process lives, and notices those that do not.

        Silence counts from here on: the first to come may have waited long for the last. And while this
        process is stopped itself, which one long round shows, it says nothing of the others.
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
        # Whoever ends because this process does is no reason of its own.
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
        """From here on no call begins before it is known where to stop."""
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
        # Process 0 may have died between saving a checkpoint and saying so.
        resumed = f'of step {self.saved} or later' if self.saved else 'if it has one'
        self._end(
            f'{self.named(index)} is gone (killed, or its machine or the network is down); start all of them again with the '
            f'same commands: the run goes on from its last checkpoint, {resumed}',
            STATUS,
        )

    def _end(self, text: str, status: int) -> None:
        self._end_once()
        say(f'gax: error: {text}')
        self._see_off()
        os._exit(status)

    def _end_once(self) -> None:
        """Whoever comes second waits for the end."""
        if not self._ending.acquire(blocking=False):
            time.sleep(4 * LEAVING)

    def _see_off(self) -> None:
        """Process 0 leaves last: JAX would abort the others where the one that coordinates them is gone."""
        self._over, limit = True, time.monotonic() + LEAVING
        for line in self._lines.values():
            with contextlib.suppress(OSError):
                line.socket.shutdown(socket.SHUT_WR)
                while (left := limit - time.monotonic()) > 0:
                    line.socket.settimeout(left)
                    if not line.socket.recv(2**16):
                        break


def say(text: str) -> None:
    """On stderr, where that can be written: a full disk or a closed pipe must not keep a process from its
    end.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print('\n' * sys.stderr.isatty() + text, file=sys.stderr, flush=True)
