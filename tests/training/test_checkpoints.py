"""Checkpoints under damage: named, passed over, kept; never silently lost."""

from __future__ import annotations

import concurrent.futures
import errno
import logging
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gax import errors
from gax.training.checkpoints import Checkpoints, OtherArrays

TREE = {'w': np.arange(5000, dtype=np.float32), 'n': {'step': np.int32(3)}}


def tree(step: int) -> dict:
    return {'w': TREE['w'] + step, 'n': {'step': np.int32(step)}}


def saved(folder: Path, *steps: int) -> Checkpoints:
    checkpoints = Checkpoints(folder / 'checkpoints')
    for step in steps:
        checkpoints.save(step, tree(step))
    return checkpoints


def newest(checkpoints: Checkpoints, step: int | None = None) -> tuple[int, dict]:
    found = checkpoints.restore(TREE, step)
    assert found is not None
    return found


def test_keeps_the_newest_and_restores_every_bit(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1, 2, 3, 4)
    assert checkpoints.steps() == [2, 3, 4]
    step, found = newest(checkpoints)
    assert step == 4
    np.testing.assert_array_equal(found['w'], tree(4)['w'])
    assert found['n']['step'] == 4
    assert found['n']['step'].dtype == np.int32
    assert newest(checkpoints, 2)[1]['n']['step'] == 2
    with pytest.raises(errors.GaxError, match=r'no checkpoint of step 9 .* those of step 2, step 3, step 4'):
        checkpoints.restore(TREE, 9)


def test_nothing_saved_is_none(tmp_path: Path) -> None:
    assert saved(tmp_path).restore(TREE) is None


def biggest(folder: Path) -> Path:
    return max((p for p in folder.rglob('*') if p.is_file()), key=lambda p: p.stat().st_size)


def truncate(folder: Path) -> None:
    with open(biggest(folder), 'r+b') as file:
        file.truncate(biggest(folder).stat().st_size // 2)


def flip(folder: Path) -> None:
    data = bytearray(biggest(folder).read_bytes())
    data[len(data) // 2] ^= 1
    biggest(folder).write_bytes(data)


def delete(folder: Path) -> None:
    biggest(folder).unlink()


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def no_meta(folder: Path) -> None:
    (folder / 'manifest.json').unlink()


def other_meta(folder: Path) -> None:
    path = folder / 'manifest.json'
    path.write_text(path.read_text().replace('float32', 'float16', 1))


@pytest.mark.parametrize('damage', [truncate, flip, delete, empty, no_meta, other_meta])
def test_a_damaged_newest_is_named_and_the_last_good_one_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    saved(tmp_path, 10, 20).close()
    damage(tmp_path / 'checkpoints' / '20')
    reader = Checkpoints(tmp_path / 'checkpoints', write=False)
    assert newest(reader)[0] == 10
    assert (tmp_path / 'checkpoints' / '20').exists()  # a reader moves nothing
    with caplog.at_level(logging.WARNING, 'gax'):
        again = Checkpoints(tmp_path / 'checkpoints')
        assert newest(again)[0] == 10
    assert f'checkpoint 20 in {tmp_path / "checkpoints"} is damaged' in caplog.text
    assert (tmp_path / 'damaged' / '20').is_dir()
    again.save(20, tree(20))
    assert newest(again)[0] == 20


def test_every_file_of_a_checkpoint_is_guarded(tmp_path: Path) -> None:
    saved(tmp_path, 5).close()
    for path in sorted(p for p in (tmp_path / 'checkpoints' / '5').rglob('*') if p.is_file()):
        good = path.read_bytes()
        for at in {0, len(good) // 3, len(good) - 1} if good else set():
            path.write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
            with pytest.raises(errors.GaxError, match=r'checkpoint 5 .* is damaged'):
                Checkpoints(tmp_path / 'checkpoints', write=False).restore(TREE, 5)
        path.write_bytes(good)


def test_where_all_are_damaged_the_run_is_not_begun_again(tmp_path: Path) -> None:
    saved(tmp_path, 10, 20).close()
    shutil.copytree(tmp_path / 'checkpoints' / '10', tmp_path / 'backup')
    truncate(tmp_path / 'checkpoints' / '10')
    flip(tmp_path / 'checkpoints' / '20')
    for _ in range(2):  # the second time nothing is left but the folder `damaged`
        with pytest.raises(errors.GaxError, match=r'no good checkpoint is left .* step 10, step 20, kept in'):
            Checkpoints(tmp_path / 'checkpoints').restore(TREE)
    shutil.move(tmp_path / 'backup', tmp_path / 'checkpoints' / '10')
    assert newest(Checkpoints(tmp_path / 'checkpoints'))[0] == 10
    shutil.rmtree(tmp_path / 'checkpoints')
    shutil.rmtree(tmp_path / 'damaged')
    assert Checkpoints(tmp_path / 'checkpoints').restore(TREE) is None


def test_arrays_of_another_version_are_no_damage(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 10)
    message = r"1 arrays differ, such as \['extra'\], absent there and float32 \(2,\) here"
    with pytest.raises(OtherArrays, match=message):
        checkpoints.restore({**TREE, 'extra': np.zeros(2, np.float32)})
    assert (tmp_path / 'checkpoints' / '10').is_dir()


@pytest.mark.parametrize(
    ('there', 'here', 'now'), [(np.float64, np.float32, 'not set'), (np.float32, np.float64, 'set')]
)
def test_a_run_in_other_bits_is_named_as_such(tmp_path: Path, there: type, here: type, now: str) -> None:
    checkpoints = Checkpoints(tmp_path / 'checkpoints')
    checkpoints.save(1, {'w': np.zeros(2, there), 'n': np.int32(1)})
    with pytest.raises(OtherArrays, match=rf'JAX_ENABLE_X64=1, and now it is {now}; give'):
        checkpoints.restore({'w': np.zeros(2, here), 'n': np.int32(1)})
    with pytest.raises(OtherArrays, match='of other networks or data'):
        checkpoints.restore({'w': np.zeros(3, here), 'n': np.int32(1)})


@pytest.mark.parametrize(
    'name', ['caf\udce9', 'back\\slash', '[x]*', '{a}', 'a%20#?b', '\'q"\n', 'ü 日本', '$HOME', '-d']
)
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    checkpoints = saved(folder, 1, 2, 3, 4)
    checkpoints.mark_best(2, 'fid', 1.0)
    step, found = newest(checkpoints)
    assert step == 4
    np.testing.assert_array_equal(found['w'], tree(4)['w'])
    assert Checkpoints(folder / 'checkpoints', write=False).best() == 2
    assert list(tmp_path.iterdir()) == [folder]  # nothing beside it: a backslash is no slash


def test_what_a_killed_save_left_is_removed(tmp_path: Path) -> None:
    saved(tmp_path, 10).close()
    rubbish = tmp_path / 'checkpoints' / '20.tmp'
    shutil.copytree(tmp_path / 'checkpoints' / '10', rubbish)
    assert Checkpoints(tmp_path / 'checkpoints', write=False).steps() == [10]
    assert rubbish.exists()
    assert Checkpoints(tmp_path / 'checkpoints').steps() == [10]
    assert not rubbish.exists()


def test_a_full_disk_is_said_plainly_and_older_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = saved(tmp_path, 10)

    def full(*arguments: object, **named: object) -> None:
        raise ValueError('RESOURCE_EXHAUSTED: writing failed') from OSError(
            errno.ENOSPC, 'No space left on device'
        )

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints._orbax, 'save', full)
        with pytest.raises(
            errors.GaxError, match=r'no space left on the disk of .* earlier checkpoints are intact'
        ):
            checkpoints.save(20, tree(20))
    assert [p.name for p in (tmp_path / 'checkpoints').iterdir()] == ['10']
    checkpoints.save(20, tree(20))
    assert newest(checkpoints)[0] == 20


def test_an_asynchronous_save_holds_what_was_there_when_it_began(tmp_path: Path) -> None:
    """And tells when it is on disk; the next one waits for it; the newest `keep` and the best are kept."""
    checkpoints, there = Checkpoints(tmp_path / 'checkpoints', keep=2), []
    for step in range(1, 6):
        now = tree(step)
        mark = partial(checkpoints.mark_best, step, 'm', 0.0) if step == 2 else lambda: None
        checkpoints.save_async(step, now, lambda mark=mark: (mark(), there.append(checkpoints.steps()[-1])))
        now['w'][:] = -1.0  # as a donated buffer that is used again
        checkpoints.save_async(step, now)  # under way already
    checkpoints.wait()
    assert there == [1, 2, 3, 4, 5]
    assert checkpoints.steps() == [2, 4, 5]
    for step in (2, 4, 5):
        np.testing.assert_array_equal(newest(checkpoints, step)[1]['w'], tree(step)['w'])


def test_a_save_that_fails_in_its_thread_is_said_by_whatever_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = saved(tmp_path, 10)

    def full(*arguments: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints._orbax, 'save', full)
        for tell in (checkpoints.wait, lambda: checkpoints.save_async(30, tree(30)), checkpoints.check):
            checkpoints.save_async(20, tree(20))
            concurrent.futures.wait([checkpoints._saving[1]])  # type: ignore[index]
            with pytest.raises(errors.GaxError, match=r'no space left .* earlier checkpoints are intact'):
                tell()
            checkpoints.wait()  # said once
        checkpoints.save_async(20, tree(20))
        checkpoints.close()
    assert 'no space left' in caplog.text  # a process that ends for another reason says it, and raises that
    assert Checkpoints(tmp_path / 'checkpoints').steps() == [10]


@pytest.mark.parametrize('name', [os.fsdecode(b'caf\xe9'), 'caf\u00e9 %41?#[x]*', "a'b\n"])
def test_the_best_and_the_newest_are_found_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    """Names of files are bytes, and the library that writes arrays wants UTF-8."""
    checkpoints = saved(tmp_path / name, 1, 2)
    checkpoints.mark_best(1, 'fid', 2.0)
    np.testing.assert_array_equal(newest(checkpoints)[1]['w'], tree(2)['w'])
    folder = tmp_path / name / 'checkpoints'
    assert sorted(path.name for path in folder.iterdir()) == ['1', '2', 'best.json']
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_was_set_aside_before_stays(tmp_path: Path) -> None:
    """One of the same step may be the copy that somebody is mending."""
    (tmp_path / 'damaged' / '2').mkdir(parents=True)
    (tmp_path / 'damaged' / '2' / 'mine').write_text('x')
    checkpoints = saved(tmp_path, 1, 2)
    truncate(tmp_path / 'checkpoints' / '2')
    assert newest(checkpoints)[0] == 1
    assert (tmp_path / 'damaged' / '2' / 'mine').exists()
    assert len(list((tmp_path / 'damaged').iterdir())) == 2
