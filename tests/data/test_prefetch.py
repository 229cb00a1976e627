"""Rows made ready ahead: the same as without, from any step on, in shards; errors surface, and workers
end.
"""

import os
import threading
import time
from functools import partial
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from gax.config import base
from gax.data import folder, prefetch, shuffle
from gax.data.source import order_of
from gax.distributed import sharding as parallel
from gax.errors import GaxError
from tests.helpers import imagefiles

pytest.importorskip('grain', reason='streams need grain: pip install gax[stream]')


def rows_of(indices):
    return {'image': np.stack([np.full((2, 2), i) for i in indices]), 'label': indices * 10}


PICK = prefetch.Pick(seed=3, rows=8, order=partial(shuffle.indices, size=20), fetch=rows_of)


def sharding(devices=1):
    return parallel.rows(parallel.mesh(jax.devices()[:devices]), 1)


@pytest.mark.parametrize('devices', [1, 4])
def test_rows_are_those_of_the_order(devices):
    stream = prefetch.Stream(PICK, sharding(devices))
    for step, count in ((0, 1), (1, 3), (4, 2)):
        found = stream(step, count)
        wanted = shuffle.indices(3, step * 8, count * 8, 20).reshape(count, 8)
        np.testing.assert_array_equal(found['label'], wanted * 10)
        np.testing.assert_array_equal(found['image'][..., 1, 0], wanted)
        assert found['label'].sharding.is_equivalent_to(sharding(devices), 2)
    assert stream.waited > 0
    stream.close()


def test_it_begins_at_any_step_and_again_at_another():
    stream = prefetch.Stream(PICK, sharding())
    for step in (1000, 1001, 7, 7, 8):
        wanted = shuffle.indices(3, step * 8, 8, 20)
        np.testing.assert_array_equal(stream(step, 1)['label'][0], wanted * 10)
    stream.close()


def shard_map(slices):
    """A sharding whose devices of this process have these rows."""
    rows = {f'device {i}': (slice(None), s) for i, s in enumerate(slices)}
    return SimpleNamespace(addressable_devices_indices_map=lambda shape: rows)


@pytest.mark.parametrize(
    ('slices', 'places'),
    [
        ([slice(None)], range(8)),
        ([slice(0, 2), slice(2, 4)], range(4)),  # the first of two processes with two devices each
        ([slice(4, 6), slice(6, 8)], range(4, 8)),  # the second
        ([slice(6, 8), slice(2, 4)], [2, 3, 6, 7]),  # devices need not stand in a row
        ([slice(2, 4), slice(2, 4)], [2, 3]),  # copies are read once
    ],
)
def test_each_process_reads_its_own_rows(slices, places):
    assert prefetch.own_rows(shard_map(slices), 8).tolist() == list(places)


def test_the_shards_of_all_processes_are_the_step():
    """Any number of processes reads what one reads, each row once."""
    whole = PICK(5)['label']
    for processes in (2, 4):
        width = 8 // processes
        parts = []
        for index in range(processes):
            positions = prefetch.own_rows(shard_map([slice(index * width, (index + 1) * width)]), 8)
            parts.append(PICK._replace(positions=positions)(5)['label'])
        np.testing.assert_array_equal(np.concatenate(parts), whole)


class Failing:
    def __call__(self, indices):
        if 4 in indices:
            raise GaxError('pictures/004.png cannot be read')
        return {'label': indices}


@pytest.mark.parametrize('workers', [0, pytest.param(1, marks=pytest.mark.slow)])
def test_errors_in_workers_are_raised_here(workers):
    stream = prefetch.Stream(PICK._replace(fetch=Failing()), sharding(), workers)
    with pytest.raises(GaxError) as info:
        stream(0, 10)
    assert str(info.value) == 'pictures/004.png cannot be read'
    stream.close()


def test_threads_end():
    before = threading.active_count()
    stream = prefetch.Stream(PICK, sharding())
    stream(0, 2)
    stream.close()
    stream.close()
    limit = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < limit:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_processes_read_the_same_and_end(tmp_path):
    config = base('dcgan')
    source = folder.named(str(imagefiles.folder(tmp_path, {'a': 9, 'b': 9})), config.data)
    pick = prefetch.Pick(0, 4, order_of(source), source.fetch)
    stream = prefetch.Stream(pick, sharding(), workers=2)
    found = stream(5, 7)
    wanted = [pick(step) for step in range(5, 12)]
    np.testing.assert_array_equal(found['image'], [rows['image'] for rows in wanted])
    np.testing.assert_array_equal(found['label'], [rows['label'] for rows in wanted])
    children = workers_of()
    assert len(children) == 2
    stream.close()
    assert not [pid for pid in children if alive(pid)]


def workers_of():
    """The processes that multiprocessing has spawned here (beside its own helper)."""
    import multiprocessing

    return [child.pid for child in multiprocessing.active_children()]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
