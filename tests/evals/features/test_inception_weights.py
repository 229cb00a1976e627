"""Weight files: found where they may be, one checksum in every format, refused when they are something
else.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gax import errors
from gax.evals import number_names, registry
from gax.evals.features import extractors, inception_weights, tensor_file
from tests.helpers import inception_peer as peer

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope='module')
def arrays():
    return peer.random_arrays()


@pytest.fixture(scope='module')
def files(arrays, tmp_path_factory):
    """The same weights as .npz and as .safetensors."""
    folder = tmp_path_factory.mktemp('weights')
    for name in inception_weights.NAMES[2:]:
        tensor_file.write(arrays, folder / name)
    return folder


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No weights of this machine's own."""
    monkeypatch.delenv(inception_weights.VARIABLE, raising=False)
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))


def test_a_batch_norm_is_folded(arrays):
    params = inception_weights.convert(arrays)['params']
    # y = (w x - mean) / sqrt(var + 0.001) * weight + bias
    at, channel = 'Mixed_6b.branch7x7_2', 5
    scale = arrays[f'{at}.bn.weight'][channel] / np.sqrt(arrays[f'{at}.bn.running_var'][channel] + 1e-3)
    found = params['Mixed_6b']['branch7x7_2']['conv']
    assert found['kernel'].shape == (1, 7, 128, 128)
    np.testing.assert_allclose(
        found['kernel'][0, :, 3, channel], scale * arrays[f'{at}.conv.weight'][channel, 3, 0], rtol=1e-6
    )
    bias = arrays[f'{at}.bn.bias'][channel] - scale * arrays[f'{at}.bn.running_mean'][channel]
    assert found['bias'][channel] == pytest.approx(bias, rel=1e-5)
    np.testing.assert_array_equal(params['fc']['kernel'], arrays['fc.weight'].T)


def test_every_format_gives_the_same_weights_and_checksum(files, arrays):
    pytest.importorskip('safetensors')
    for name in inception_weights.NAMES[2:]:
        found, source = inception_weights.read(files / name)
        assert source == sha256(files / name)  # nobody says that it was made of another
        assert inception_weights.digest(found) == inception_weights.digest(arrays)
        for key, array in arrays.items():
            np.testing.assert_array_equal(found[key], array)


def test_the_checksum_sees_names_shapes_and_values():
    base = inception_weights.digest({'a': np.zeros((2, 2), np.float32)})
    assert base == inception_weights.digest({'a': np.zeros((2, 2))})
    others = ({'b': np.zeros((2, 2))}, {'a': np.zeros(4)}, {'a': np.full((2, 2), 1e-9)})
    assert len({base, *map(inception_weights.digest, others)}) == 4


@pytest.mark.slow
def test_load_puts_it_together(files):
    weights = inception_weights.load(str(files))  # a folder
    assert weights.path == files / 'inception-2015-12-05.npz'
    assert len(weights.checksum) == 16
    assert not weights.published
    assert weights.variables['params']['fc']['kernel'].shape == (2048, 1008)


def test_where_it_looks(tmp_path, monkeypatch):
    given, named, ours = tmp_path / 'mine.pth', tmp_path / 'environment', tmp_path / 'home/.cache/gax'
    theirs = tmp_path / 'home/.cache/torch/hub/checkpoints'
    for folder, name in ((theirs, 1), (ours, 0), (named, 2)):
        folder.mkdir(parents=True)
        (folder / inception_weights.NAMES[name]).touch()
        monkeypatch.setenv(inception_weights.VARIABLE, str(named) if folder == named else '')
        assert inception_weights.find() == folder / inception_weights.NAMES[name]
    given.touch()
    assert inception_weights.find(str(given)) == given


@pytest.mark.parametrize('given', ['', 'nowhere.pth'])
def test_without_weights_one_line_says_which_file_to_put_where(given):
    with pytest.raises(errors.GaxError) as error:
        inception_weights.find(given)
    said = str(error.value)
    assert said.startswith(
        f'no Inception weights{" at " if given else ""}{given}: download https://github.com/'
    )
    assert 'pt_inception-2015-12-05-6726825d.pth into ~/.cache/gax/' in said
    assert '--weights=FILE' in said
    assert 'GAX_INCEPTION=FILE' in said
    assert '\n' not in said


def test_a_file_must_have_the_checksum_that_its_name_tells(tmp_path, arrays):
    path = tmp_path / inception_weights.NAMES[0]
    path.write_bytes(b'half a download')
    begins = hashlib.sha256(b'half a download').hexdigest()[:8]
    with pytest.raises(
        errors.GaxError, match=f'its SHA-256 begins with {begins}, not with 6726825d as its name'
    ):
        inception_weights.load(str(path))
    small = {'x': np.arange(3.0)}
    tensor_file.write(small, tmp_path / 'small.npz')
    true = hashlib.sha256((tmp_path / 'small.npz').read_bytes()).hexdigest()
    for told in (true[:8], true):
        named = (tmp_path / 'small.npz').rename(tmp_path / f'small-{told}.npz')
        np.testing.assert_array_equal(tensor_file.read(named)[0]['x'], small['x'])
        named.rename(tmp_path / 'small.npz')


def names(path, caplog):
    """What results with these weights are called, and what is logged."""
    caplog.clear()
    made = extractors.make('inception', (8, 8, 3), '', str(path))
    chosen = registry.parse(('fid', 'kid', 'is', 'prdc'), 'inception')
    return list(number_names.names(chosen, made.label))[:6:2], caplog.text


OWN, OTHER = (
    ['fid', 'kid_std', 'is_std'],
    ['frechet_inception', 'kernel_inception_std', 'score_inception_std'],
)


@pytest.mark.slow
def test_a_number_is_a_fid_where_the_weights_are_known_to_be_the_published_ones(
    files, tmp_path, monkeypatch, caplog
):
    """Whatever the file's name: of its bytes, or, where gax made it of such a file, of that file's."""
    pytest.importorskip('safetensors')
    published = files / 'inception-2015-12-05.npz'
    found, said = names(published, caplog)
    assert found == OTHER  # a name like that of the published ones is no proof
    assert f'{published} is not the published file (SHA-256 6726825d...)' in said
    assert 'are called frechet_inception, kernel_inception and score_inception' in said
    assert len(said.splitlines()) == 1

    monkeypatch.setattr(inception_weights, 'SHA256', sha256(published))
    renamed = tmp_path / 'mine.npz'
    renamed.write_bytes(published.read_bytes())
    assert names(renamed, caplog) == (OWN, '')
    for ending in ('.npz', '.safetensors'):  # and converted once more
        arrays, source = inception_weights.read(renamed)
        renamed = tmp_path / f'converted{ending}'
        inception_weights.write(arrays, source, renamed)
        assert sha256(renamed) != sha256(published)
        assert names(renamed, caplog) == (OWN, '')


@pytest.mark.slow
def test_what_a_file_says_of_its_source_is_believed_of_the_same_weights_only(arrays, tmp_path, caplog):
    notes = {'source': inception_weights.SHA256, 'checksum': inception_weights.digest(arrays)}
    tensor_file.write(arrays, tmp_path / 'w.npz', notes)
    assert tensor_file.read(tmp_path / 'w.npz').notes == notes
    assert inception_weights.load(str(tmp_path / 'w.npz')).published
    other = changed(arrays, fc__bias=arrays['fc.bias'] + 1)
    tensor_file.write(other, tmp_path / 'w.npz', notes)
    assert inception_weights.read(tmp_path / 'w.npz')[1] == sha256(tmp_path / 'w.npz')
    assert names(tmp_path / 'w.npz', caplog)[0] == OTHER


def changed(arrays, **changes):
    """The arrays with some replaced (None: left out); `__` in a name stands for a dot."""
    found = arrays | {name.replace('__', '.'): array for name, array in changes.items()}
    return {name: array for name, array in found.items() if array is not None}


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'fc__bias': None}, r'it lacks fc.bias \(1 tensors missing, 0 unknown\)'),
        ({'Mixed_8a__x': np.zeros(1)}, r'it has Mixed_8a.x \(0 tensors missing, 1 unknown\)'),
        ({'AuxLogits__fc__bias': np.zeros(1000)}, "it is torchvision's"),
        ({'fc__bias': np.zeros(1000)}, r'fc.bias is float64 \(1000,\), not float \(1008,\)'),
        ({'fc__bias': np.zeros(1008, int)}, r'fc.bias is int64'),
        ({'fc__bias': np.full(1008, np.nan)}, 'damaged: fc.bias'),
        ({'Mixed_5b__branch1x1__bn__running_var': np.full(64, -1.0)}, 'damaged: Mixed_5b.branch1x1.bn'),
    ],
)
def test_another_network_is_refused(arrays, changes, said):
    with pytest.raises(errors.GaxError, match=said):
        inception_weights.check(changed(arrays, **changes), Path('w.npz'))


def test_counters_of_batches_are_left_out_and_half_floats_widened(arrays, tmp_path, monkeypatch):
    given = changed(
        arrays, fc__bias=arrays['fc.bias'].astype(np.float16), bn__num_batches_tracked=np.array(3)
    )
    monkeypatch.setattr(tensor_file, 'read', lambda path: tensor_file.File(given, '', {}))
    found, _ = inception_weights.read(tmp_path / 'w.npz')
    assert found.keys() == arrays.keys()
    assert found['fc.bias'].dtype == np.float32


def test_damaged_and_unknown_files_are_one_line(tmp_path):
    for ending, data in (('.npz', b'PK\3\4'), ('.npz', b''), ('.pth', b'junk'), ('.npz', b'\x80\x04N.')):
        path = tmp_path / f'w{ending}'
        path.write_bytes(data)
        with pytest.raises(errors.GaxError, match=f'w{ending}: not a whole'):
            tensor_file.read(path)
    with pytest.raises(errors.GaxError, match=r"unknown ending.*'.pb'.*valid: .npz, .pt, .pth, .safetensors"):
        tensor_file.read(tmp_path / 'classify_image_graph_def.pb')
    with pytest.raises(errors.GaxError, match='No such file'):
        tensor_file.read(tmp_path / 'absent.npz')


def test_safetensors_are_an_extra(tmp_path, monkeypatch):
    (tmp_path / 'w.safetensors').write_bytes(b'')
    monkeypatch.setitem(sys.modules, 'safetensors', None)
    for use in (tensor_file.read, lambda path: tensor_file.write({}, path)):
        with pytest.raises(errors.GaxError, match=r"pip install 'gax\[safetensors\]'"):
            use(tmp_path / 'w.safetensors')


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    tensor_file.write({'x': np.ones(2)}, tmp_path / 'w.npz')

    def full(path, data):
        with open(path, 'wb') as file:
            file.write(data[:10])
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(Path, 'write_bytes', full)
    with pytest.raises(errors.GaxError, match='no space left'):
        tensor_file.write({'x': np.zeros(2)}, tmp_path / 'w.npz')
    assert [p.name for p in tmp_path.iterdir()] == ['w.npz']
    np.testing.assert_array_equal(tensor_file.read(tmp_path / 'w.npz')[0]['x'], 1.0)
    with pytest.raises(errors.GaxError, match=r"unknown ending.*'.pth'"):
        tensor_file.write({}, tmp_path / 'w.pth')


def convert(*flags):
    command = [sys.executable, 'experiments/convert_inception.py', '--compilation_cache=', *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_the_script_converts(files, arrays, tmp_path):
    out = tmp_path / 'new' / 'w.npz'
    done = convert(f'--weights={files / "inception-2015-12-05.npz"}', f'--out={out}')
    assert done.returncode == 0, done.stderr
    source = sha256(files / 'inception-2015-12-05.npz')
    assert f'(SHA-256 of the source {source}, not the published file): 472 tensors written' in done.stdout
    assert inception_weights.read(out)[1] == source != sha256(out)
    assert inception_weights.digest(arrays) in done.stdout
    assert inception_weights.read(out)[0].keys() == arrays.keys()
    done = convert('--weights=absent.pth')
    assert done.returncode == 2
    assert done.stderr.startswith('gax: error: no Inception weights at absent.pth')
    assert len(done.stderr.splitlines()) == 1
