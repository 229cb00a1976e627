"""Flags of several processes, how they meet, and arrays that go from one to all."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import jax
import numpy as np
import pytest

from gax.distributed import multihost, rendezvous, sharding
from gax.distributed.connection import Line
from gax.distributed.coordination import Alone
from gax.distributed.multihost import Asked
from gax.distributed.rendezvous import Place
from gax.errors import GaxError
from gax.training import runner
from tests.helpers import hostruns


def test_without_flags_a_process_is_alone():
    assert multihost.placed(Asked()) is None
    with multihost.joined(Asked()) as team:
        assert team.count == 1
    with multihost.joined(Asked('host:1', 1, 0)) as team:
        assert team.count == 1


def test_explicit_flags():
    assert multihost.placed(Asked('host:1234', 4, 3)) == Place('host', 1234, 4, 3)
    assert multihost.placed(Asked('[::1]:1234', 2, 0)) == Place('::1', 1234, 2, 0)
    assert Place('::1', 1234, 2, 0).address == '[::1]:1234'


@pytest.mark.parametrize(
    ('asked', 'said'),
    [
        (Asked('host:1'), '--coordinator goes with --num_processes and --process_id, not given here'),
        (Asked('', 2), '--num_processes goes with --coordinator and --process_id, not given here'),
        (Asked('host:1', 2), '--coordinator goes with --process_id, not given here'),
        (Asked('host:1', 2, 2), '--process_id must be from 0 to 1 with --num_processes=2, and is 2'),
        (Asked('host:1', 2, -1), '--process_id must be from 0 to 1 with --num_processes=2, and is -1'),
        (Asked('host:1', 0, 0), '--num_processes must be at least 1, and is 0'),
        (Asked('host', 2, 0), "--coordinator must be HOST:PORT, e.g. 10.0.0.1:1234, and is 'host'"),
        (Asked('host:x', 2, 0), "--coordinator must be HOST:PORT, e.g. 10.0.0.1:1234, and is 'host:x'"),
        (Asked('h:70000', 2, 0), "--coordinator must be HOST:PORT, e.g. 10.0.0.1:1234, and is 'h:70000'"),
        (Asked(distributed='atuo'), "unknown --distributed 'atuo' (nearest: 'auto'); valid: auto"),
        (
            Asked('h:1', distributed='auto'),
            '--distributed=auto finds --coordinator by itself; leave one of the two out',
        ),
    ],
)
def test_flags_that_do_not_fit_together(asked, said):
    with pytest.raises(GaxError) as info:
        multihost.placed(asked)
    assert str(info.value) == said


CLUSTERS = ('SLURM_', 'OMPI_', 'KUBERNETES_', 'TPU_', 'CLOUD_TPU')


def test_nothing_is_found_where_nothing_is(monkeypatch):
    for name in [n for n in multihost.os.environ if n.startswith(CLUSTERS)]:
        monkeypatch.delenv(name)
    with pytest.raises(GaxError, match='finds no job of SLURM'):
        multihost.placed(Asked(distributed='auto'))


def test_slurm_is_found(monkeypatch):
    """As srun sets the environment of task 5 of 8, the second of its node."""
    task = {'JOB_ID': 70001, 'STEP_NODELIST': 'gpu[003-004,017]', 'NTASKS': 8, 'PROCID': 5, 'LOCALID': 1}
    for name, value in task.items():
        monkeypatch.setenv(f'SLURM_{name}', str(value))
    found = multihost.placed(Asked(distributed='auto'))
    assert found == Place('gpu003', 61440 + 70001 % 4096, 8, 5, [1])


def meeting(*places, seconds=10):
    """What each process gets when they all come at once: its team's number and the port, or what is wrong."""

    def one(place):
        try:
            team, port = rendezvous.meet(place, seconds)
        except GaxError as error:
            return str(error)
        team.close()
        return team.index, port

    return hostruns.in_threads(places, one)


def test_they_meet():
    port = hostruns.free_port()
    found = meeting(*(Place('127.0.0.1', port, 3, i) for i in (2, 0, 1)))
    assert [index for index, _ in found] == [2, 0, 1]
    assert len({chosen for _, chosen in found}) == 1
    assert found[0][1] != port


def test_whoever_does_not_fit_is_told_and_the_others_wait_for_the_right_one():
    port = hostruns.free_port()
    at = ('127.0.0.1', port)
    stray = threading.Thread(target=lambda: shout(*at))
    stray.start()
    found = meeting(Place(*at, 2, 0), Place(*at, 3, 1), seconds=2)
    stray.join(10)
    assert found[1] == 'process 1: process 0 has --num_processes=2'
    assert found[0] == f'of 2 processes there are 1 after 2 s: number 1 has not come to 127.0.0.1:{port}'
    (first, second, third) = meeting(Place(*at, 3, 0), Place(*at, 3, 1), Place(*at, 3, 1), seconds=2)
    assert 'number 2 has not come' in first
    assert 'process 1: there is another process with --process_id=1' in (second, third)
    assert rendezvous.unfit({'index': 1, 'count': 2, 'jax': '0.1'}, Place(*at, 2, 0), {}) == (
        f'process 0 has JAX {jax.__version__}, and this one 0.1'
    )


def shout(host, port):
    """Somebody who is none of ours."""
    for _ in range(100):
        try:
            with rendezvous.socket.create_connection((host, port), timeout=1) as stray:
                stray.sendall(b'GET / HTTP/1.1\n\n')
                return
        except OSError:
            rendezvous.time.sleep(0.01)


@pytest.mark.parametrize(('piece', 'pause'), [(b'x', 0.1), (b'x' * 2**16, 0.0)])
def test_a_stray_that_never_ends_its_line_holds_up_nobody(piece, pause, monkeypatch):
    """Neither by a byte now and then, nor by all that it can send."""
    monkeypatch.setattr(rendezvous, 'LEAVING', 0.5)
    at, over = ('127.0.0.1', hostruns.free_port()), threading.Event()
    found = []
    first = threading.Thread(target=lambda: found.extend(meeting(Place(*at, 2, 0))))
    first.start()
    stray = threading.Thread(target=babble, args=(dialled(*at), piece, pause, over))
    stray.start()
    found.extend(meeting(Place(*at, 2, 1), seconds=5))
    over.set()
    for thread in (first, stray):
        thread.join(20)
    assert sorted(index for index, _ in found) == [0, 1]


def babble(connection, piece, pause, over):
    """Sends pieces, never a whole line, until it is thrown out."""
    with contextlib.suppress(OSError), connection:
        while not over.wait(pause):
            connection.sendall(piece)


def dialled(host, port):
    for _ in range(500):
        with contextlib.suppress(OSError):
            return socket.create_connection((host, port), timeout=1)
        time.sleep(0.01)
    raise TimeoutError


def test_a_first_message_has_a_limit_in_time_and_size(monkeypatch):
    monkeypatch.setattr('gax.distributed.connection.LONGEST', 2**17)
    with socket.create_server(('127.0.0.1', 0)) as server, dialled(*server.getsockname()) as stray:
        line, began = Line(server.accept()[0]), time.monotonic()
        assert line.first(0.3) is None
        assert 0.2 < time.monotonic() - began < 5
        writer = threading.Thread(target=babble, args=(stray, b'x' * 2**16, 0.0, threading.Event()))
        writer.start()
        assert line.first(20) is None
        assert len(line._rest) <= 2**17 + 2**16
        line.socket.close()
        writer.join(10)
        assert not writer.is_alive()


def test_those_that_came_are_told_when_another_did_not():
    port, found = hostruns.free_port(), []

    def come(index, seconds):
        with pytest.raises(GaxError) as info:
            rendezvous.meet(Place('127.0.0.1', port, 3, index), seconds)
        found.append(str(info.value))

    threads = [threading.Thread(target=come, args=pair) for pair in ((0, 1), (1, 60))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    said = f'of 3 processes there are 2 after 1 s: number 2 has not come to 127.0.0.1:{port}'
    assert sorted(found) == sorted([said, f'process 1: {said}'])


def test_at_a_port_of_another_service():
    with socket.create_server(('127.0.0.1', 0)) as server:

        def serve():
            with server.accept()[0] as connection:
                connection.sendall(b'SSH-2.0-OpenSSH_9.6\r\n')
                connection.recv(1000)

        service = threading.Thread(target=serve)
        service.start()
        port = server.getsockname()[1]
        (said,) = meeting(Place('127.0.0.1', port, 2, 1), seconds=5)
        service.join(10)
    assert said == f'process 1: who answers at 127.0.0.1:{port} is no process of gax'


@pytest.mark.parametrize('host', ['127.0.0.1', '::1', 'localhost'])
def test_what_is_asked_of_this_machine_alone_listens_there_alone(host):
    if host == '::1' and not socket.has_dualstack_ipv6():
        pytest.skip('no IPv6 here')
    with rendezvous.listening(Place(host, hostruns.free_port(), 2, 0)) as server:
        assert server.getsockname()[0] == ('::1' if host == '::1' else '127.0.0.1')


@pytest.mark.parametrize(('error', 'status'), [(GaxError('no'), 2), (KeyboardInterrupt(), 130)])
def test_all_end_with_the_status_of_the_one_that_failed(error, status, monkeypatch):
    told = []

    class Told(Alone):
        def fail(self, text, status=2):
            told.append(status)

    monkeypatch.setattr(rendezvous, 'meet', lambda place, seconds: (Told(), 1))
    monkeypatch.setattr(multihost, 'begin', lambda *found: None)
    monkeypatch.setattr(multihost, 'FAILED', [])
    with pytest.raises(type(error)), multihost.joined(Asked('host:1', 2, 0)):
        raise error
    assert told == [status]


def test_proxies_are_back_when_the_processes_have_met(monkeypatch):
    monkeypatch.setenv('HTTPS_PROXY', 'x:1')
    monkeypatch.setenv('no_proxy', 'y')
    before = dict(multihost.os.environ)
    with contextlib.suppress(KeyError), multihost.without_proxies():
        assert not [name for name in multihost.os.environ if '_proxy' in name.lower()]
        raise KeyError
    assert dict(multihost.os.environ) == before


def test_a_process_leaves_though_its_output_is_closed(monkeypatch):
    class Closed:
        def flush(self):
            raise BrokenPipeError

    left = []
    with monkeypatch.context() as patch:
        patch.setattr(multihost.sys, 'stdout', Closed())
        patch.setattr(multihost.os, '_exit', left.append)
        multihost.leave(3)
    assert left == [3]


def test_process_0_that_is_not_there_and_a_port_that_is_taken():
    port = hostruns.free_port()
    (said,) = meeting(Place('127.0.0.1', port, 2, 1), seconds=1)
    assert said == f'process 0 cannot be reached at 127.0.0.1:{port} within 1 s (Connection refused)'
    with rendezvous.socket.create_server(('127.0.0.1', port)):
        (said,) = meeting(Place('127.0.0.1', port, 2, 0), seconds=1)
    assert said.startswith(f'cannot listen at 127.0.0.1:{port}: Address already in use; process 0 runs')


@pytest.mark.parametrize('chunk', [7, 64, 2**20])
def test_arrays_are_sent_bit_for_bit(chunk, monkeypatch):
    monkeypatch.setattr(multihost, 'CHUNK', chunk)
    tree = {
        'a': np.array([-0.0, np.nan, 1e-45, np.inf], np.float32),
        'b': (np.array(2**32 - 1, np.uint32), np.array([[True], [False]])),
        'c': np.zeros((0, 3), np.float32),
        'd': np.arange(6, dtype=np.int32).reshape(2, 3).T,
    }
    like = jax.eval_shape(lambda: tree)
    found = multihost.spread(tree, like)
    assert jax.tree.structure(found) == jax.tree.structure(tree)
    for mine, sent in zip(jax.tree.leaves(tree), jax.tree.leaves(found), strict=True):
        assert (mine.dtype, mine.shape, mine.tobytes()) == (sent.dtype, sent.shape, sent.tobytes())


def test_a_part_of_a_mesh_has_the_same_arrays():
    whole, part = sharding.mesh(), sharding.mesh(jax.devices()[1:3])
    tree = sharding.put({'x': np.arange(5.0)}, sharding.replicated(whole))
    seen = sharding.view(tree, part)
    assert seen['x'].sharding.device_set == set(jax.devices()[1:3])
    np.testing.assert_array_equal(seen['x'], np.arange(5.0))
    assert sharding.view(tree, whole)['x'] is tree['x']
    assert not sharding.spans(whole)
    assert sharding.local(whole) is whole


def test_another_run_is_refused():
    mine = {'config.seed': '1', 'config.steps': '5', 'the data': 'x'}
    runner.refuse_other(mine, dict(mine), 1)
    with pytest.raises(
        GaxError, match=r'process 1 has another run than process 0: config\.seed is 1 here and 2 there;'
    ):
        runner.refuse_other(mine, {**mine, 'config.seed': '2'}, 1)
    with pytest.raises(GaxError, match=r'config\.new is None here and 3 there \(and 1 more\)'):
        runner.refuse_other(mine, {'config.new': '3', **mine, 'the data': 'y'}, 1)
