"""Pickles of arrays, read to the number; what is anything else is refused, and nothing in a file is run."""

import contextlib
import os
import pickle

import numpy as np
import pytest

from gax.errors import GaxError
from gax.nets import numpy_pickle

ARRAYS = {
    'a': {'kernel': np.arange(6, dtype=np.float32).reshape(2, 3), 'f': np.asfortranarray(np.eye(3)[:2])},
    'half': np.array([0.5, -2], np.float16),
    'count': np.array(7),
}


def read(tmp_path, data):
    path = tmp_path / 'w.ckpt'
    path.write_bytes(data)
    return numpy_pickle.read(path)


@pytest.mark.parametrize('protocol', [3, 4])
def test_arrays_are_what_was_pickled(tmp_path, protocol):
    found = read(tmp_path, pickle.dumps(ARRAYS, protocol=protocol))
    assert found.keys() == ARRAYS.keys()
    for a, b in (
        (found['a']['kernel'], ARRAYS['a']['kernel']),
        (found['a']['f'], ARRAYS['a']['f']),
        (found['half'], ARRAYS['half']),
        (found['count'], ARRAYS['count']),
    ):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype
        a[...] = 0  # writable


class Call:
    def __reduce__(self):
        return os.system, ('touch run',)


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        ({'a': Call()}, 'names (posix|nt).system, which arrays do not need; refused'),
        ({'a': np.array([{}], object)}, "dtype 'O8', not numbers; refused"),
        ({'a': 3}, 'holds a int, not arrays in dicts; refused'),
        ({}, 'holds a dict, not arrays in dicts; refused'),
        ([np.zeros(2)], 'holds a list, not arrays in dicts; refused'),
    ],
)
def test_other_things_are_refused(tmp_path, monkeypatch, value, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GaxError, match=message):
        read(tmp_path, pickle.dumps(value, protocol=3))
    assert not (tmp_path / 'run').exists()


def test_a_file_cut_anywhere_is_refused(tmp_path):
    whole = pickle.dumps(ARRAYS, protocol=3)
    for length in range(0, len(whole) - 1, 7):
        with pytest.raises(GaxError, match=r'w\.ckpt: '):
            read(tmp_path, whole[:length])


def test_a_file_with_wrong_bytes_is_read_or_refused(tmp_path):
    random = np.random.RandomState(0)
    whole = np.frombuffer(pickle.dumps(ARRAYS, protocol=3), np.uint8)
    for _ in range(200):
        data = whole.copy()
        data[random.randint(len(data), size=3)] = random.randint(256, size=3)
        with contextlib.suppress(GaxError):
            read(tmp_path, data.tobytes())
