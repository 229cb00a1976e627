"""How the processes of one run connect.

Process 0 listens at HOST:PORT, checks that the others belong to the same run, and announces when all have
connected. Only then does JAX start; its own service takes PORT + 1, or any free port. So every mistake in the
flags is one line rather than an abort of JAX's.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import jax

from gax import errors
from gax.distributed.connection import LEAVING, Line
from gax.distributed.coordination import Team

LOOPBACK = {'localhost': '127.0.0.1', '127.0.0.1': '127.0.0.1', '::1': '::1'}


class Place(NamedTuple):
    """The place of a process among all.

    Attributes:
      host: The host on which process 0 listens.
      port: The port on which process 0 listens.
      num: The number of processes.
      process: The number of this process, from 0.
      devices: The local devices that this process uses; None for all.
    """

    host: str
    port: int
    num: int
    process: int
    devices: Sequence[int] | None = None

    @property
    def address(self) -> str:
        """HOST:PORT, with brackets around an IPv6 address."""
        return f'[{self.host}]:{self.port}' if ':' in self.host else f'{self.host}:{self.port}'


def split(address: str) -> tuple[str, int]:
    """Splits 'HOST:PORT' or '[V6]:PORT'.

    Raises:
      GaxError: It is neither.
    """
    host, _, port = address.rpartition(':')
    host = host.removeprefix('[').removesuffix(']')
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise errors.GaxError(f'--coordinator must be HOST:PORT, e.g. 10.0.0.1:1234, and is {address!r}')
    return host, int(port)


def meet(place: Place, seconds: int) -> tuple[Team, int]:
    """Connects all processes.

    Args:
      place: The place of this process.
      seconds: How long to wait.

    Returns:
      The team, and the port for JAX's service in process 0.

    Raises:
      GaxError: Some process does not connect in time, or does not belong to the run.
    """
    return gathered(place, seconds) if place.process == 0 else reached(place, seconds)


def gathered(place: Place, seconds: int) -> tuple[Team, int]:
    """In process 0: waits until every other process has connected.

    If some do not come, those that came learn why.
    """
    lines: dict[int, Line] = {}
    hosts, limit = {0: socket.gethostname()}, time.monotonic() + seconds
    with listening(place) as server, contextlib.ExitStack() as closing:
        while len(hosts) < place.num:
            if (left := limit - time.monotonic()) <= 0:
                message = in_vain(place, seconds, hosts)
                for line in lines.values():
                    line.send('refused', message)
                raise errors.GaxError(message)
            server.settimeout(left)
            try:
                line = Line(closing.enter_context(server.accept()[0]))
            except (TimeoutError, ConnectionError):
                continue
            hello = greeting(line, min(left, LEAVING))
            if refusal := unfit(hello, place, lines):
                line.send('refused', refusal)
                line.socket.close()
            else:
                lines[hello['index']], hosts[hello['index']] = line, hello['host']
        closing.pop_all()
    host_names = [hosts[i] for i in range(place.num)]
    port = free_port(place.port + 1)
    for line in lines.values():
        line.send('go', port, host_names)
    return Team(0, lines, host_names), port


def in_vain(place: Place, seconds: int, came: Collection[int]) -> str:
    """The message that some processes have not connected."""
    absent = ', '.join(str(i) for i in range(place.num) if i not in came)
    return (
        f'of {place.num} processes there are {len(came)} after {seconds} s: number {absent} has not come to '
        f'{place.address}'
    )


def listening(place: Place) -> socket.socket:
    """A listening socket: on all interfaces, as JAX's service does, or on the loopback alone.

    Raises:
      GaxError: The port is in use, or the address is not of this machine.
    """
    host = LOOPBACK.get(place.host, '')
    both = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both or ':' in host else socket.AF_INET
    try:
        return socket.create_server((host, place.port), family=family, dualstack_ipv6=both, backlog=1024)
    except OSError as error:
        raise errors.GaxError(
            f'cannot listen at {place.address}: {os.strerror(error.errno or 0)}; process 0 runs on that '
            'host, and the port must be free'
        ) from error


def greeting(line: Line, seconds: float) -> dict[str, Any]:
    """The first message of a process that connects; {} if it is no process of gax, or too slow."""
    try:
        kind, hello = line.first(seconds) or ('', {})
    except ValueError:
        return {}
    is_hello = kind == 'hello' and isinstance(hello, dict) and isinstance(hello.get('host'), str)
    return hello if is_hello else {}


def unfit(hello: dict[str, Any], place: Place, lines: dict[int, Line]) -> str:
    """Why a process that connected cannot take part, or ''."""
    index = hello.get('index')
    if hello.get('count') != place.num or not isinstance(index, int):
        return f'process 0 has --num_processes={place.num}'
    if not 0 < index < place.num or (index in lines and lines[index].open()):
        return f'there is another process with --process_id={index}'
    if hello.get('jax') != jax.__version__:
        return f'process 0 has JAX {jax.__version__}, and this one {hello.get("jax")}'
    return ''


def free_port(wanted: int) -> int:
    """`wanted` if that port is free, else another one."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError, OverflowError), socket.create_server(('', port)) as server:
            return server.getsockname()[1]
    raise errors.GaxError('no port is free')


def reached(place: Place, seconds: int) -> tuple[Team, int]:
    """In any other process: connects to process 0 and waits for its answer."""
    limit, trouble = time.monotonic() + seconds, 'no answer'
    while (left := limit - time.monotonic()) > 0:
        try:
            line = Line(socket.create_connection((place.host, place.port), timeout=min(10.0, left)))
        except OSError as error:
            trouble = error.strerror or str(error)
            time.sleep(0.2)
            continue
        identity = {'index': place.process, 'count': place.num, 'host': socket.gethostname()}
        line.send('hello', {**identity, 'jax': jax.__version__})
        try:
            kind, *content = line.first(limit - time.monotonic()) or ('gone',)
        except ValueError:
            kind, content = 'refused', [f'who answers at {place.address} is no process of gax']
        if kind == 'go':
            return Team(place.process, {0: line}, content[1]), content[0]
        line.socket.close()
        if kind == 'refused':
            raise errors.GaxError(f'process {place.process}: {content[0]}')
        trouble = 'it was there, and either went away or still waits for others'
    raise errors.GaxError(f'process 0 cannot be reached at {place.address} within {seconds} s ({trouble})')
