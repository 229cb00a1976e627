"""How the tests are run: as many workers as the memory bears, which keep nothing that they have compiled."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from tests import conftest
from tests.helpers import forget, toys


@pytest.mark.parametrize(
    ('gib', 'cores', 'workers'), [(16, 16, 8), (64, 8, 8), (23, 2, 2), (2, 4, 1), (256, 128, 128)]
)
def test_as_many_workers_as_cores_while_the_memory_lasts(monkeypatch, gib, cores, workers):
    monkeypatch.setattr(conftest.os, 'sched_getaffinity', lambda process: range(cores), raising=False)
    monkeypatch.setattr(conftest, 'memory', lambda: gib * 2**30)
    assert conftest.pytest_xdist_auto_num_workers(None) == workers


@pytest.mark.slow
def test_a_module_stays_on_one_worker(tmp_path):
    """By a run of its own: each worker says in which process each test ran."""
    test = 'import os, pathlib, pytest\n'
    test += "@pytest.mark.parametrize('n', range(6))\n"
    test += f"def test_it(n): pathlib.Path({str(tmp_path)!r}, f'{{__name__}}.{{n}}')"
    test += '.write_text(str(os.getpid()))\n'
    for name in ('test_one', 'test_two'):
        (tmp_path / f'{name}.py').write_text(test)
    (tmp_path / 'conftest.py').write_text('from tests.conftest import pytest_xdist_make_scheduler\n')
    command = [sys.executable, '-m', 'pytest', '-q', '-n', '2', '-p', 'no:cacheprovider', str(tmp_path)]
    root = Path(conftest.__file__).parents[1]
    subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, 'PYTHONPATH': str(root)})
    processes = {
        name: {path.read_text() for path in tmp_path.glob(f'*{name}.[0-5]')}
        for name in ('test_one', 'test_two')
    }
    assert [len(found) for found in processes.values()] == [1, 1]
    assert processes['test_one'] != processes['test_two']


def test_of_the_table_of_properties_each_config_is_a_group():
    one, other = (f'tests/gans/test_properties.py::test_x[{name}]' for name in ('mnist', 'ring'))
    assert conftest.group(one) != conftest.group(other)
    assert conftest.group(one) == conftest.group(one.replace('test_x', 'test_y'))


def test_this_machine_has_memory():
    assert 2**29 < conftest.memory() < 2**50


def test_what_was_compiled_is_dropped(monkeypatch):
    cached = jax.jit(lambda x: x + 1)
    cached(jnp.ones(2))
    assert cached._cache_size() == 1
    forget.compiled(toys)
    assert cached._cache_size() == 0
