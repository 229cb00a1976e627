"""Paths that users give, names of files of any bytes, and files that are whole or not there."""

from __future__ import annotations

import ast
import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gax import cli, errors, paths
from gax.data import tfds
from gax.evals import cache
from gax.evals.features import inception_weights
from gax.sweep import leases
from gax.sweep.database import Database, address

ROOT = Path(__file__).parents[1]
LATIN1 = os.fsdecode(b'caf\xe9')  # no UTF-8
SOURCES = [
    path for folder in ('gax', 'experiments', 'configs') for path in sorted((ROOT / folder).rglob('*.py'))
]


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container: no HOME, and a user without an entry."""

    def nobody(uid: int) -> None:
        raise KeyError(uid)

    for name in ('HOME', 'XDG_CACHE_HOME', 'TFDS_DATA_DIR', inception_weights.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, 'getpwuid', nobody)


def test_homes_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    root = pwd.getpwuid(0)
    expected = {
        '~': tmp_path,
        '~/a/~/b': tmp_path / 'a' / '~' / 'b',
        f'~{root.pw_name}/x': Path(root.pw_dir) / 'x',
        'a/~': Path('a/~'),
        '': Path(),
    }
    assert {text: paths.user(text) for text in expected} == expected


@pytest.mark.parametrize('home', [None, ''])
def test_a_home_that_nobody_knows(home: str | None, homeless: None, monkeypatch: pytest.MonkeyPatch) -> None:
    if home is not None:
        monkeypatch.setenv('HOME', home)
    with pytest.raises(errors.GaxError, match=r'~/runs/a: no home is known for ~ \(HOME is not set'):
        paths.user('~/runs/a')
    with pytest.raises(errors.GaxError, match=r'~nobody-of-that-name: no home .*there is no user'):
        paths.user('~nobody-of-that-name')
    # What gax would keep by itself is not kept, and what it would look for is not there.
    assert paths.cache() is None
    assert cache.default() is None
    cache.save(None, {}, {})
    assert cache.load(None, {}) is None
    assert cli.cache_folder('~/.cache/gax') is None
    with pytest.raises(errors.GaxError, match='no Inception weights: download'):
        inception_weights.find()
    for act in (
        lambda: cli.cache_folder('~/mine'),
        lambda: tfds.where(''),
        lambda: inception_weights.find('~/w.pth'),
    ):
        with pytest.raises(errors.GaxError, match='no home is known'):
            act()


def test_a_name_that_is_too_long_is_one_line() -> None:
    with pytest.raises(errors.GaxError, match='is no path: File name too long'):
        paths.user('x' * 5000)


def test_files_are_old_or_new_and_nothing_of_others_goes(tmp_path: Path) -> None:
    out = tmp_path / 'a.txt'
    out.write_text('old')
    for name in ('a.txt.tmp', 'a.tmp', '.a.txt.tmp'):
        (tmp_path / name).write_text('mine')
    before = sorted(path.name for path in tmp_path.iterdir())

    def half() -> None:
        with paths.replacing(out) as temporary:
            temporary.write_text('ha')
            raise ValueError('half')

    with pytest.raises(ValueError, match='half'):
        half()
    assert out.read_text() == 'old'
    with paths.replacing(out) as one, paths.replacing(tmp_path / 'b.txt') as other:
        assert one != other
        one.write_text('new')
        other.mkdir()
    assert out.read_text() == 'new'
    assert (tmp_path / 'b.txt').is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, 'b.txt'])
    assert out.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_text_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    code = (
        'import sys; from pathlib import Path; from gax import paths;'
        r'paths.write_text(Path(sys.argv[1]), "\u00e9\u732b\udce9"); print(Path(sys.argv[1]).name.encode())'
    )
    env = {
        **os.environ,
        'LC_ALL': 'C',
        'PYTHONUTF8': '0',
        'PYTHONCOERCECLOCALE': '0',
        'PYTHONPATH': str(ROOT),
    }
    out = tmp_path / f'{LATIN1}.txt'
    subprocess.run([sys.executable, '-c', code, out], env=env, check=False, capture_output=True, timeout=120)
    assert out.read_bytes() == '\u00e9\u732b\\udce9'.encode()


@pytest.mark.parametrize('name', [LATIN1, 'caf\u00e9', 'a?b', 'a%41', 'a b', 'a:b'])
def test_a_folder_under_a_name_that_every_library_takes(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with paths.plain(tmp_path) as same, paths.plain(tmp_path / name) as other:
        assert same == tmp_path
        assert paths.PLAIN.fullmatch(str(other))
        (other / 'x').write_text('x')
    assert (tmp_path / name / 'x').read_text() == 'x'
    assert not other.exists()


def test_a_link_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is no damage to what lies there."""
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'none'))
    with (
        pytest.raises(errors.GaxError, match='whose name not every library takes'),
        paths.plain(tmp_path / 'a b'),
    ):
        pass


@pytest.mark.parametrize(
    'name', ['a?b=c', 'a#b', 'a%41b', "a' b", '*[x]', LATIN1, f'%41{LATIN1}?', 'caf\u00e9']
)
def test_a_database_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    pytest.importorskip('optuna')
    (tmp_path / name).mkdir()
    database = Database('', tmp_path / name)
    with database.engine.connect():
        pass
    assert [path.name for path in (tmp_path / name).iterdir()] == ['sweep.db']
    assert database.engine.url.database == str(tmp_path / name / 'sweep.db')
    leases.study_name(tmp_path / name, {}).encode()


def test_a_database_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    assert address('sqlite:///~/x.db', tmp_path) == f'sqlite:///{tmp_path}/x.db'
    assert address('sqlite:////abs/x.db', tmp_path) == 'sqlite:////abs/x.db'
    assert address('sqlite:///x.db?timeout=1', tmp_path) == 'sqlite:///x.db?timeout=1'


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    found = [
        node for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))) if isinstance(node, ast.Call)
    ]
    return [(getattr(node.func, 'attr', getattr(node.func, 'id', '')), node) for node in found]


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_goes_past_these_rules(path: Path) -> None:
    """Text has an encoding, homes and the names of what is on its way are this one module's affair."""
    for name, node in calls(path):
        keywords = {keyword.arg for keyword in node.keywords}
        where = f'{path.relative_to(ROOT)}:{node.lineno}'
        mode = node.args[1].value if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else 'r'
        is_text = name in ('read_text', 'write_text') or (
            isinstance(node.func, ast.Name) and name == 'open' and 'b' not in str(mode)
        )
        ours = isinstance(node.func, ast.Attribute) and getattr(node.func.value, 'id', '') in (
            'paths',
            'table',
        )
        ours = ours or (isinstance(node.func, ast.Name) and name == 'write_text')
        assert ours or not is_text or 'encoding' in keywords, f'{where}: no encoding'
        assert name != 'expanduser' or path.name == 'paths.py', f'{where}: a home past paths.user'
    if path.name not in ('paths.py', 'checkpoints.py'):
        texts = [
            n.value
            for n in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
            if isinstance(n, ast.Constant)
        ]
        guessable = [
            text for text in texts if isinstance(text, str) and text.endswith(('.tmp', '.part', '.old'))
        ]
        assert not guessable, f'{path.relative_to(ROOT)}: {guessable}'
