"""What processes tell one another: here teams in threads of one process, over the same connections."""

from __future__ import annotations

import contextlib
import io
import random
import socket
import threading
import time

import pytest

from gax.distributed import connection, coordination, rendezvous
from gax.distributed.connection import Line
from gax.distributed.coordination import Alone, Team
from gax.distributed.rendezvous import Place
from tests.helpers import hostruns


@pytest.fixture(autouse=True)
def ends(monkeypatch):
    """Statuses with which a process would have ended; the thread that asks for it does.

    No team outlives its test.
    """
    found = []

    def leave(status):
        found.append(status)
        raise Left

    def listen(member, listen=Team._listen):
        with contextlib.suppress(Left):
            listen(member)

    monkeypatch.setattr(coordination.os, '_exit', leave)
    monkeypatch.setattr(Team, '_listen', listen)
    monkeypatch.setattr(connection, 'LEAVING', 0.2)
    monkeypatch.setattr(coordination, 'BEAT', 0.2)
    before = set(threading.enumerate())
    yield found
    for member in TEAMS:
        member._over = True
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
    for member in TEAMS:
        for line in member._lines.values():
            line.socket.close()
    TEAMS.clear()


TEAMS = []


class Left(BaseException):
    pass


def connected(num):
    """The teams of `num` processes, and the lines of process 0."""
    pairs = {index: socket.socketpair() for index in range(1, num)}
    hosts = [f'host{index}' for index in range(num)]
    lines = {index: Line(Plain(one)) for index, (one, _) in pairs.items()}
    others = [Team(index, {0: Line(Plain(other))}, hosts) for index, (_, other) in pairs.items()]
    TEAMS[:] = [Team(0, lines, hosts), *others]
    return list(TEAMS), lines


class Plain:
    """A connection that is none of TCP, and takes its options as read."""

    def __init__(self, connection):
        self._connection = connection

    def setsockopt(self, *option):
        pass

    def __getattr__(self, name):
        return getattr(self._connection, name)


def wait_for(condition, seconds=20.0):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_alone_nothing_is_asked():
    one = Alone()
    assert one.first
    assert one.word(3) == 3
    assert one.halts(5, 'SIGTERM') == 'SIGTERM'
    assert one.halts(5, '') == ''


def test_words_of_process_0_come_in_order():
    teams, _ = connected(3)
    found = hostruns.in_threads(teams, lambda t: [t.word([i, 'x'] if t.first else None) for i in range(50)])
    assert found == [[[i, 'x'] for i in range(50)]] * 3
    hostruns.in_threads(teams, Team.close)


@pytest.mark.parametrize('seed', range(6))
def test_all_stop_at_the_same_step(seed):
    """However far apart they are, and whoever hears the signal, or several do; calls begin at every third
    step.
    """
    choose = random.Random(seed)
    teams, _ = connected(3)
    hit = {index: choose.randrange(0, 60) for index in choose.sample(range(3), choose.randint(1, 3))}
    pauses = [choose.choice([0.0, 0.001, 0.004]) for _ in teams]
    heard = []

    def train(member):
        for step in range(0, 10**6, 3):
            name = 'SIGTERM' if step >= hit.get(member.index, 10**7) else ''
            if name:
                heard.append(step)
            if by := member.halts(step, name):
                return step, by
            time.sleep(pauses[member.index])
        return None

    found = hostruns.in_threads(teams, train)
    assert found == [found[0]] * 3
    assert found[0][1] == 'SIGTERM'
    assert found[0][0] >= min(heard)
    hostruns.in_threads(teams, Team.close)


def test_a_process_that_is_done_holds_up_nobody():
    """One has made its last call when the other hears the signal."""
    teams, _ = connected(2)
    assert [teams[0].halts(step, '') for step in (0, 3)] == ['', '']
    assert teams[1].halts(0, 'SIGINT') == ''
    wait_for(lambda: teams[1]._asked)
    assert [teams[1].halts(step, 'SIGINT') for step in (3, 6)] == ['', 'SIGINT']
    hostruns.in_threads(teams, Team.close)


@pytest.mark.parametrize('dead', [0, 2])
def test_the_death_of_one_ends_the_others(dead, ends, capsys):
    teams, lines = connected(3)
    for member in teams:
        member.saved = 40
    mine = lines if dead == 0 else {2: teams[2]._lines[0]}
    teams[dead]._over = True  # it says nothing any more
    for line in mine.values():
        line.socket.shutdown(socket.SHUT_RDWR)
    wait_for(lambda: len(ends) == 2)
    assert ends == [75, 75]
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f'gax: error: process {dead} of 3 (host{dead}) is gone (killed, or its machine or the network is down); start all of '
        'them again with the same commands: the run goes on from its last checkpoint, of step 40 or later'
    ] * 2  # fmt: skip


def test_a_process_that_is_silent_is_gone(ends, capsys, monkeypatch):
    monkeypatch.setattr(coordination, 'GONE', 0.5)
    one, other = socket.socketpair()
    TEAMS.append(Team(0, {1: Line(Plain(one))}, ['a', 'b']))
    wait_for(lambda: ends)
    assert ends == [75]
    assert 'process 1 of 2 (b) is gone' in capsys.readouterr().err
    other.close()


def test_those_that_live_are_not_taken_for_gone(ends, monkeypatch):
    monkeypatch.setattr(coordination, 'GONE', 1.0)
    teams, _ = connected(3)
    time.sleep(2.0)
    assert ends == []
    hostruns.in_threads(teams, Team.close)


@pytest.mark.slow
def test_whoever_came_first_is_not_taken_for_gone_when_the_last_has_come(ends, monkeypatch):
    """Process 1 has waited for longer than GONE, and is slow to speak up once all are there; 2 is not."""
    monkeypatch.setattr(coordination, 'GONE', 0.8)
    place = Place('127.0.0.1', hostruns.free_port(), 3, 0)

    def meet(index):
        return rendezvous.meet(place._replace(process=index), 20)[0]

    def come_early(index):
        line = Line(connected_to(place))
        line.send('hello', {'index': index, 'count': 3, 'host': 'b', 'jax': rendezvous.jax.__version__})
        _, _, hosts = line.first(20)
        time.sleep(0.3)
        return Team(index, {0: line}, hosts)

    def come_late(index):
        time.sleep(1.2)
        return meet(index)

    acts = [meet, come_early, come_late]
    TEAMS.extend(hostruns.in_threads([0, 1, 2], lambda index: acts[index](index)))
    time.sleep(1.0)
    assert ends == []
    hostruns.in_threads(TEAMS, Team.close)


def connected_to(place):
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        with contextlib.suppress(OSError):
            return socket.create_connection((place.host, place.port))
        time.sleep(0.01)
    raise TimeoutError


@pytest.mark.slow
def test_a_process_that_was_stopped_itself_waits_for_news_of_the_others(ends, monkeypatch):
    """As when a machine pauses all of them; what they said before is read by then."""
    monkeypatch.setattr(coordination, 'GONE', 1.0)
    one, other = socket.socketpair()
    member = Team(0, {1: Line(Plain(one))}, ['a', 'b'])
    TEAMS.append(member)
    with monkeypatch.context() as patch:
        patch.setattr(member, '_on_beat', lambda sender: time.sleep(2.0))
        other.sendall(b'["beat"]\n')
        time.sleep(1.0)
    time.sleep(1.6)
    assert ends == []
    other.sendall(b'["done"]\n')
    member.close()
    other.close()


@pytest.mark.parametrize('failing', [0, 1])
def test_an_error_ends_all_with_its_status(failing, ends, capsys):
    teams, _ = connected(3)
    teams[failing].fail('the disk is full', 2)
    wait_for(lambda: len(ends) == 2)
    assert ends == [2, 2]
    assert teams[failing].failed
    said = capsys.readouterr().err.splitlines()
    assert said == [f'gax: error: process {failing} of 3 (host{failing}) stopped: the disk is full'] * 2


def test_whoever_ends_because_another_failed_is_not_taken_for_gone(ends, monkeypatch):
    """Process 1 has ended before process 0 has told process 2."""
    teams, lines = connected(3)

    def slowly(*message, send=lines[2].send):
        time.sleep(0.7 * (message[0] == 'failed'))
        send(*message)

    monkeypatch.setattr(lines[2], 'send', slowly)
    teams[0].fail('the disk is full', 2)
    wait_for(lambda: len(ends) == 2)
    assert ends == [2, 2]


def test_whoever_is_done_waits_for_all_and_may_then_go(ends):
    teams, lines = connected(3)
    waiting = threading.Thread(target=teams[1].close)
    waiting.start()
    time.sleep(0.3)
    assert waiting.is_alive()
    hostruns.in_threads([teams[0], teams[2]], Team.close)
    waiting.join(10)
    assert not waiting.is_alive()
    for line in lines.values():
        line.socket.close()
    time.sleep(0.3)
    assert ends == []


def test_the_last_word_is_not_lost_with_the_connection(monkeypatch):
    """Closed while a beat is on its way, a connection would be reset, and what was sent before could go with
    it.
    """
    monkeypatch.setattr(connection, 'LEAVING', 5.0)
    one, other = socket.socketpair()
    TEAMS.append(Team(0, {1: Line(Plain(one))}, ['a', 'b']))
    other.settimeout(10)
    other.sendall(b'["done"]\n')
    TEAMS[0].close()
    said = b''
    while come := other.recv(100):
        said += come
    assert said.endswith(b'["bye"]\n')
    other.sendall(b'["beat"]\n')
    other.close()


def test_where_to_stop_is_decided_once():
    """Process 0 says how far it is in its main thread, and hears it of the others in another one."""
    (first, _), _ = connected(2)
    first._positions = Slow()
    sent = []
    first._send = lambda *message: sent.append(message)
    hostruns.in_threads([(0, 5), (1, 7)], lambda at: first._on_at(*at))
    assert [message for message in sent if message != ('beat',)] == [('until', 7, '')]
    assert first._until == (7, '')
    del first._send
    hostruns.in_threads(TEAMS, Team.close)


class Slow(dict):
    """Time enough for another thread between what was put in and what is read."""

    def __len__(self):
        time.sleep(0.3)
        return super().__len__()


def test_a_message_that_is_cut_short_is_followed_by_none():
    """Where the other side does not read for a while."""
    one, other = socket.socketpair()
    sender, receiver = Line(Plain(one)), Line(Plain(other))
    sender.send('word', 'x' * 2**24)
    while receiver.read() is not None:
        pass
    sender.send('beat')
    assert receiver.read() is None
    one.close()
    other.close()


def test_a_full_disk_or_a_closed_pipe_does_not_keep_a_process_from_its_end(ends, monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, 'No space left on device')

    monkeypatch.setattr(coordination.sys, 'stderr', Full())
    teams, lines = connected(2)
    teams[1]._over = True
    lines[1].socket.shutdown(socket.SHUT_RDWR)
    wait_for(lambda: ends, 3)
    assert ends == [75]
