"""Flags of several processes, how they meet, and arrays that go from one to all."""

from __future__ import annotations

import threading

import hostruns
import jax
import numpy as np
import pytest

from gax import course, hosts, parallel, rendezvous
from gax.errors import GaxError
from gax.hosts import Asked
from gax.rendezvous import Place


def test_without_flags_a_process_is_alone():
    assert hosts.placed(Asked()) is None
    with hosts.joined(Asked()) as team:
        assert team.count == 1
    with hosts.joined(Asked('host:1', 1, 0)) as team:
        assert team.count == 1


def test_explicit_flags():
    assert hosts.placed(Asked('host:1234', 4, 3)) == Place('host', 1234, 4, 3)
    assert hosts.placed(Asked('[::1]:1234', 2, 0)) == Place('::1', 1234, 2, 0)
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
        hosts.placed(asked)
    assert str(info.value) == said


CLUSTERS = ('SLURM_', 'OMPI_', 'KUBERNETES_', 'TPU_', 'CLOUD_TPU')


def test_nothing_is_found_where_nothing_is(monkeypatch):
    for name in [n for n in hosts.os.environ if n.startswith(CLUSTERS)]:
        monkeypatch.delenv(name)
    with pytest.raises(GaxError, match='finds no job of SLURM'):
        hosts.placed(Asked(distributed='auto'))


def test_slurm_is_found(monkeypatch):
    """As srun sets the environment of task 5 of 8, the second of its node."""
    task = {'JOB_ID': 70001, 'STEP_NODELIST': 'gpu[003-004,017]', 'NTASKS': 8, 'PROCID': 5, 'LOCALID': 1}
    for name, value in task.items():
        monkeypatch.setenv(f'SLURM_{name}', str(value))
    found = hosts.placed(Asked(distributed='auto'))
    assert found == Place('gpu003', 61440 + 70001 % 4096, 8, 5, [1])


def meeting(*places, seconds=10):
    """What each process gets when they all come at once: its team's number and the port, or what is wrong."""
    found = [None] * len(places)

    def one(at, place):
        try:
            team, port = rendezvous.meet(place, seconds)
            found[at] = team.index, port
            team.close()
        except GaxError as error:
            found[at] = str(error)

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(places)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


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


def test_process_0_that_is_not_there_and_a_port_that_is_taken():
    port = hostruns.free_port()
    (said,) = meeting(Place('127.0.0.1', port, 2, 1), seconds=1)
    assert said == f'process 0 cannot be reached at 127.0.0.1:{port} within 1 s (Connection refused)'
    with rendezvous.socket.create_server(('127.0.0.1', port)):
        (said,) = meeting(Place('127.0.0.1', port, 2, 0), seconds=1)
    assert said.startswith(f'cannot listen at 127.0.0.1:{port}: Address already in use; process 0 runs')


@pytest.mark.parametrize('chunk', [7, 64, 2**20])
def test_arrays_are_sent_bit_for_bit(chunk, monkeypatch):
    monkeypatch.setattr(hosts, 'CHUNK', chunk)
    tree = {
        'a': np.array([-0.0, np.nan, 1e-45, np.inf], np.float32),
        'b': (np.array(2**32 - 1, np.uint32), np.array([[True], [False]])),
        'c': np.zeros((0, 3), np.float32),
        'd': np.arange(6, dtype=np.int32).reshape(2, 3).T,
    }
    like = jax.eval_shape(lambda: tree)
    found = hosts.spread(tree, like)
    assert jax.tree.structure(found) == jax.tree.structure(tree)
    for mine, sent in zip(jax.tree.leaves(tree), jax.tree.leaves(found), strict=True):
        assert (mine.dtype, mine.shape, mine.tobytes()) == (sent.dtype, sent.shape, sent.tobytes())


def test_a_part_of_a_mesh_has_the_same_arrays():
    whole, part = parallel.mesh(), parallel.mesh(jax.devices()[1:3])
    tree = parallel.put({'x': np.arange(5.0)}, parallel.replicated(whole))
    seen = parallel.view(tree, part)
    assert seen['x'].sharding.device_set == set(jax.devices()[1:3])
    np.testing.assert_array_equal(seen['x'], np.arange(5.0))
    assert parallel.view(tree, whole)['x'] is tree['x']
    assert not parallel.spans(whole)
    assert parallel.own(whole) is whole


def test_another_run_is_refused():
    mine = {'config.seed': '1', 'config.steps': '5', 'the data': 'x'}
    course.refuse_other(mine, dict(mine), 1)
    with pytest.raises(
        GaxError, match=r'process 1 has another run than process 0: config\.seed is 1 here and 2 there;'
    ):
        course.refuse_other(mine, {**mine, 'config.seed': '2'}, 1)
    with pytest.raises(GaxError, match=r'config\.new is None here and 3 there \(and 1 more\)'):
        course.refuse_other(mine, {'config.new': '3', **mine, 'the data': 'y'}, 1)
