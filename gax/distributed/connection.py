"""One TCP connection between two processes of a run. Messages are JSON lists, one a line."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
import time
from typing import Any

LEAVING = 5.0  # seconds that a process which ends waits for the others to read the reason
LONGEST = 2**20  # bytes of a first message, which any program may have sent


class Line:
    """One TCP connection that carries messages.

    Attributes:
      silent: Seconds for which nothing has come. Counted by the process that reads the connection (see
        `Team._attend`).
      unread: Messages that came behind the first one (see `first`).
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(LEAVING)  # a process that does not read must not block this one
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket, self.silent = connection, 0.0
        self.unread: list[list[Any]] = []
        self._rest, self._lock = b'', threading.Lock()

    def send(self, *message: Any) -> None:
        """Sends a message. Errors of the connection are ignored here; the next `read` reports them.

        Args:
          *message: The kind, and its values, which JSON can hold.
        """
        with self._lock, contextlib.suppress(OSError):
            try:
                self.socket.sendall(json.dumps(message).encode() + b'\n')
            except TimeoutError:  # half a message may have been sent, and no other can follow it
                self.socket.shutdown(socket.SHUT_RDWR)

    def read(self) -> list[list[Any]] | None:
        """Waits for some bytes; returns the complete messages, or None if the connection is closed."""
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
        """Waits for the first message. Messages that come with it are kept in `unread`.

        Args:
          seconds: How long to wait.

        Returns:
          The message, or None if it is not complete after `seconds`, or longer than LONGEST bytes.

        Raises:
          ValueError: What came is no message: another program may be on the other side.
        """
        limit, messages = time.monotonic() + seconds, list[list[Any]]()
        while not messages:
            left = limit - time.monotonic()
            if left <= 0 or len(self._rest) > LONGEST:
                return None
            self.socket.settimeout(left)
            if (received := self.read()) is None:
                return None
            messages = received
        self.socket.settimeout(LEAVING)
        if not isinstance(messages[0], list) or not messages[0]:
            raise ValueError(f'no message: {messages[0]!r:.80}')
        self.unread = messages[1:]
        return messages[0]

    def open(self) -> bool:
        """Whether the other side still seems to be connected."""
        ready = select.select([self.socket], [], [], 0.0)[0]
        try:
            return not ready or bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False
