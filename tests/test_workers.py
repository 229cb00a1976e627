"""How the tests are run: as many workers as the memory bears, which keep nothing that they have compiled."""

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


def test_this_machine_has_memory():
    assert 2**29 < conftest.memory() < 2**50


def test_what_was_compiled_is_dropped(monkeypatch):
    cached = jax.jit(lambda x: x + 1)
    cached(jnp.ones(2))
    assert cached._cache_size() == 1
    forget.compiled(toys)
    assert cached._cache_size() == 0
