"""What processes tell one another: here teams in threads of one process, over the same connections."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time

import pytest

from gax import team
from gax.team import Alone, Line, Team


@pytest.fixture(autouse=True)
def ends(monkeypatch):
    """Statuses with which a process would have ended; the thread that asks for it does. No team outlives its test."""
    found = []

    def leave(status):
        found.append(status)
        raise Left

    def listen(member, listen=Team._listen):
        with contextlib.suppress(Left):
            listen(member)

    monkeypatch.setattr(team.os, '_exit', leave)
    monkeypatch.setattr(Team, '_listen', listen)
    monkeypatch.setattr(team, 'LEAVING', 0.2)
    monkeypatch.setattr(team, 'BEAT', 0.2)
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


def in_threads(teams, act):
    """What act(team) gives for each, all at once."""
    found = [None] * len(teams)

    def one(index, member):
        found[index] = act(member)

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(teams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return found


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
    found = in_threads(teams, lambda t: [t.word([i, 'x'] if t.first else None) for i in range(50)])
    assert found == [[[i, 'x'] for i in range(50)]] * 3
    in_threads(teams, Team.close)


@pytest.mark.parametrize('seed', range(6))
def test_all_stop_at_the_same_step(seed):
    """However far apart they are, and whoever hears the signal, or several do; calls begin at every third step."""
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

    found = in_threads(teams, train)
    assert found == [found[0]] * 3
    assert found[0][1] == 'SIGTERM'
    assert found[0][0] >= min(heard)
    in_threads(teams, Team.close)


def test_a_process_that_is_done_holds_up_nobody():
    """One has made its last call when the other hears the signal."""
    teams, _ = connected(2)
    assert [teams[0].halts(step, '') for step in (0, 3)] == ['', '']
    assert teams[1].halts(0, 'SIGINT') == ''
    wait_for(lambda: teams[1]._asked)
    assert [teams[1].halts(step, 'SIGINT') for step in (3, 6)] == ['', 'SIGINT']
    in_threads(teams, Team.close)


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
    monkeypatch.setattr(team, 'GONE', 0.5)
    one, other = socket.socketpair()
    TEAMS.append(Team(0, {1: Line(Plain(one))}, ['a', 'b']))
    wait_for(lambda: ends)
    assert ends == [75]
    assert 'process 1 of 2 (b) is gone' in capsys.readouterr().err
    other.close()


def test_those_that_live_are_not_taken_for_gone(ends, monkeypatch):
    monkeypatch.setattr(team, 'GONE', 1.0)
    teams, _ = connected(3)
    time.sleep(2.0)
    assert ends == []
    in_threads(teams, Team.close)


@pytest.mark.parametrize('failing', [0, 1])
def test_an_error_ends_all_with_its_status(failing, ends, capsys):
    teams, _ = connected(3)
    teams[failing].fail('the disk is full', 2)
    wait_for(lambda: len(ends) == 2)
    assert ends == [2, 2]
    assert teams[failing].failed
    said = capsys.readouterr().err.splitlines()
    assert said == [f'gax: error: process {failing} of 3 (host{failing}) stopped: the disk is full'] * 2


def test_whoever_is_done_waits_for_all_and_may_then_go(ends):
    teams, lines = connected(3)
    waiting = threading.Thread(target=teams[1].close)
    waiting.start()
    time.sleep(0.3)
    assert waiting.is_alive()
    in_threads([teams[0], teams[2]], Team.close)
    waiting.join(10)
    assert not waiting.is_alive()
    for line in lines.values():
        line.socket.close()
    time.sleep(0.3)
    assert ends == []
