"""Files of torch.save read without PyTorch: both formats to the number, and nothing in them run."""

import io
import os
import pickle
import subprocess
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from gax import errors
from gax.evals.features import torch_file

# Written by PyTorch 2.13 from one state dict, a Linear and a BatchNorm and what follows below, with
# _use_new_zipfile_serialization=True and =False.
FILES = {path.stem: path for path in (Path(__file__).parent / 'files').glob('*.pth')}


def read(data):
    return torch_file.read(Path('w.pth'), data)


@pytest.mark.parametrize('kind', ['zip', 'stream'])
def test_every_tensor_is_what_pytorch_saved(kind):
    found = read(FILES[kind].read_bytes())
    expected = {
        '0.weight': np.array([[1, 2, 3], [4, 5, 6]], np.float32),
        '0.bias': np.array([-1, 0.5], np.float32),
        '1.weight': np.ones(2, np.float32),
        '1.bias': np.zeros(2, np.float32),
        '1.running_mean': np.zeros(2, np.float32),
        '1.running_var': np.ones(2, np.float32),
        '1.num_batches_tracked': np.array(7),
        'transposed': np.array([[0.25, 1.25, 2.25], [0.5, 1.5, 2.5], [0.75, 1.75, 2.75]], np.float32),
        'row': np.array([1, 1.25, 1.5, 1.75], np.float32),  # of the storage that `transposed` is a view of
        'half': np.array([0.5, -2], np.float16),
        'parameter': np.array([[3.25]], np.float32),
        'empty': np.zeros((0, 3), np.float32),
    }
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype, name


@pytest.mark.parametrize('kind', ['zip', 'stream'])
def test_a_file_cut_anywhere_is_refused(kind):
    whole = FILES[kind].read_bytes()
    for length in range(0, len(whole) - 1, 7):
        with pytest.raises(errors.GaxError, match=r'^w\.pth: '):
            read(whole[:length])


@pytest.mark.parametrize('kind', ['zip', 'stream'])
def test_a_file_with_wrong_bytes_is_read_or_refused(kind):
    rng = np.random.RandomState(0)
    whole = FILES[kind].read_bytes()
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for place in rng.randint(0, len(data), rng.randint(1, 4)):
            data[place] = rng.randint(256)
        try:
            read(bytes(data))
        except errors.GaxError:
            refused += 1
    assert refused > 100


class Name(str):
    """A storage's type: pickled as the global torch.NAME."""


class Called:
    """Pickled as a call of the global `function`."""

    def __init__(self, function, *given):
        self.function, self.given = function, given

    def __reduce__(self):
        return self.function, self.given


class Writer(pickle._Pickler):
    """Pickles `Name`s as torch's classes, tuples that begin with 'storage' as persistent ids."""

    def persistent_id(self, item):
        return tuple(item) if isinstance(item, list) and item[:1] == ['storage'] else None

    def save(self, item, save_persistent_id=True):
        if isinstance(item, Name):
            self.write(pickle.GLOBAL + item.replace('.', '\n', 1).encode() + b'\n')
        else:
            super().save(item, save_persistent_id)


def dumps(item):
    file = io.BytesIO()
    Writer(file, 2).dump(item)
    return file.getvalue()


class Tensor:
    """A tensor of 4 floats as torch pickles it, or not quite: with other arguments."""

    def __init__(self, offset=0, size=(2, 2), stride=(2, 1), dtype='torch.FloatStorage'):
        self.given = (['storage', Name(dtype), '0', 'cpu', 4], offset, size, stride, False, OrderedDict())

    def __reduce__(self):
        return rebuild, self.given


def rebuild(*_):
    """Stands for torch._utils._rebuild_tensor_v2 in `archive`."""


def archive(item, compression=zipfile.ZIP_STORED, **extra):
    """A zip archive as torch.save writes it, of an item (or of its pickle) and one storage [0, 1, 2, 3]."""
    pickled = item if isinstance(item, bytes) else dumps(item)
    pickled = pickled.replace(f'{__name__}\nrebuild'.encode(), b'torch._utils\n_rebuild_tensor_v2')
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', compression) as made:
        made.writestr('archive/data.pkl', pickled)
        made.writestr('archive/data/0', np.arange(4, dtype='<f4').tobytes())
        for name, data in extra.items():
            made.writestr(f'archive/{name}', data)
    return file.getvalue()


def test_our_own_archive_is_read_as_torchs():
    np.testing.assert_array_equal(read(archive({'x': Tensor()}))['x'], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(read(archive({'x': Tensor(size=(2,), offset=1, stride=(2,))}))['x'], [1, 3])


@pytest.mark.parametrize(
    'given',
    [
        {'offset': 1},
        {'offset': -1},
        {'size': (2, 3)},
        {'size': (-2, 2)},
        {'stride': (3, 1)},
        {'stride': (-2, 1)},
        {'stride': (1,)},
        {'size': (10**9, 10**9), 'stride': (0, 0)},  # one number, many times: no memory would hold it
        {'size': (2**40, 2**40), 'stride': (2**40, 1)},
        {'dtype': 'torch.DoubleStorage', 'size': (4,), 'stride': (1,)},
        {'size': 'ab'},
    ],
)
def test_a_tensor_that_leaves_its_storage_is_refused(given):
    with pytest.raises(errors.GaxError, match='not a whole file'):
        read(archive({'x': Tensor(**given)}))


@pytest.mark.parametrize(
    ('item', 'said'),
    [
        ({'x': Called(os.system, 'touch RAN')}, 'posix.system'),
        ({'x': Called(eval, "open('RAN', 'w')")}, 'builtin.*eval'),
        ({'x': Called(getattr, {}, 'update')}, 'builtin.*getattr'),
        ({'x': Called(subprocess.Popen, ['touch', 'RAN'])}, 'Popen'),
        ({'x': Tensor(dtype='torch.UntypedStorage')}, 'torch.UntypedStorage'),
        ({'x': Name('torch.load')}, 'torch.load'),
        ({'x': Name('collections.OrderedDict.fromkeys')}, 'collections.OrderedDict.fromkeys'),
        ({'x': ['storage', 'O', '0', 'cpu', 4]}, 'no plain storage'),
        ({'state_dict': {'x': Tensor()}}, r"a dict at 'state_dict'.*save the state_dict\(\) alone"),
        ({3: Tensor()}, 'Tensor at 3'),
        ([Tensor()], 'a list, not a state dict'),
        ({}, 'not a state dict'),
    ],
)
def test_what_no_state_dict_needs_is_refused_by_name_and_not_run(item, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.GaxError, match=said):
        read(archive(item))
    stream = b''.join(map(dumps, (torch_file.MAGIC, torch_file.PROTOCOL, {'little_endian': True}, item)))
    stream = stream.replace(f'{__name__}\nrebuild'.encode(), b'torch._utils\n_rebuild_tensor_v2')
    with pytest.raises(errors.GaxError):
        read(stream)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('data', 'said'),
    [
        (archive({'x': Tensor()}, **{'constants.pkl': b''}), 'TorchScript'),
        (archive({'x': Tensor()}, byteorder=b'big'), 'big-endian'),
        (archive({'x': Tensor()}, zipfile.ZIP_DEFLATED), 'compressed'),
        (b''.join(map(dumps, (torch_file.MAGIC, 1001, {'little_endian': False}))), 'big-endian'),
        (dumps({'x': 1}), 'no magic number'),
        # The pickle of {}, memorised at place 2^31 - 1: nothing may be allocated for the places before it.
        (archive(b'\x80\x02}r\xff\xff\xff\x7f.'), 'not a state dict'),
        (b'\x89PNG\r\n\x1a\n', 'not a whole file'),
        (b'', 'not a whole file'),
    ],
)
def test_other_files_are_refused(data, said):
    with pytest.raises(errors.GaxError, match=said):
        read(data)


@pytest.mark.parametrize('zipped', [True, False])
def test_the_pytorch_at_hand_writes_what_we_read(zipped, tmp_path):
    torch = pytest.importorskip('torch')
    state = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).state_dict()
    path = tmp_path / 'w.pth'
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    found = read(path.read_bytes())
    assert list(found) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())
