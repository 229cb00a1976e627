"""Named random streams: stable over processes, apart from each other."""

import ast
import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.core import rng


def data(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


def test_a_name_decides_its_stream_by_its_crc():
    """CRC-32 of '123456789' is the published check value: streams may not change from one process to the
    next.
    """
    key = jax.random.key(3, impl='threefry2x32')
    assert data(rng.stream(key, '123456789')) == data(jax.random.fold_in(key, 0xCBF43926))


def test_root_is_plain_key_data_and_may_be_traced():
    assert np.asarray(rng.root(7)).tolist() == [0, 7]
    assert rng.root(7).dtype == jnp.uint32
    assert np.asarray(rng.root(2**32 - 1)).tolist() == [0, 2**32 - 1]
    np.testing.assert_array_equal(jax.vmap(rng.root)(jnp.arange(3)), [[0, 0], [0, 1], [0, 2]])


def test_streams_differ_by_seed_step_and_name():
    found = [
        data(rng.stream(rng.at_step(rng.root(seed), step), name))
        for seed, step, name in itertools.product((0, 1), (0, 1, 2), ('d', 'g', 'draw/0', 'draw/1'))
    ]
    assert len(set(found)) == len(found)


def test_a_step_may_be_traced():
    found = jax.jit(lambda step: jax.random.key_data(rng.at_step(rng.root(1), step)))(5)
    assert tuple(np.asarray(found).tolist()) == data(rng.at_step(rng.root(1), 5))


def drawn(key, rows):
    """Arrays of every kind and width, of which each row belongs to an example."""
    left, right = jax.random.split(key)
    return {
        'normal': jax.random.normal(rng.stream(left, 'x'), (rows, 3)),
        'uniform': jax.random.uniform(right, (rows, 1, 2)),
        'integers': jax.random.randint(left, (rows,), 0, 1000),
        'choices': jax.random.bernoulli(right, 0.3, (rows, 5)),
        'short': jax.random.bits(right, (rows, 3), jnp.uint16),
    }


@pytest.mark.slow
def test_replicas_draw_their_shares_of_what_one_device_draws():
    """Every key that is made of a replica's knows the replica; in a program the number may be traced."""
    whole = drawn(rng.at_step(rng.root(3), 5), 8)
    share = jax.vmap(lambda number: drawn(rng.at_step(rng.of_replica(rng.root(3), number), 5), 2))
    for name, parts in share(jnp.arange(4)).items():
        np.testing.assert_array_equal(parts.reshape(whole[name].shape), whole[name], name)


def test_replicas_draw_their_shares_in_double_precision():
    with jax.enable_x64(True):
        whole = jax.random.normal(rng.at_step(rng.root(3), 5), (6, 2))
        parts = [jax.random.normal(rng.at_step(rng.of_replica(rng.root(3), i), 5), (2, 2)) for i in range(3)]
        assert whole.dtype == np.float64
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def unnamed(path):
    """Lines that make a key without saying of which implementation."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            maker = ast.unparse(node.func) in ('jax.random.key', 'random.key', 'jr.key')
            named = any(keyword.arg == 'impl' for keyword in node.keywords)
            if (maker and not named) or node.func.attr == 'PRNGKey':
                yield node.lineno


def test_every_key_names_its_implementation():
    """Or JAX_DEFAULT_PRNG_IMPL would change samples, and what a run began with would not be what it goes on
    with.
    """
    root = Path(__file__).parents[2]
    files = [
        p for folder in ('gax', 'experiments', 'benchmarks', 'configs') for p in (root / folder).rglob('*.py')
    ]
    assert len(files) > 100
    assert {str(path): lines for path in files if (lines := list(unnamed(path)))} == {}


def test_keys_do_not_depend_on_the_default_implementation():
    wanted = data(rng.key(3)), data(rng.at_step(rng.root(3), 1))
    with jax.default_prng_impl('rbg'):
        assert (data(rng.key(3)), data(rng.at_step(rng.root(3), 1))) == wanted
        assert rng.key(0).dtype == jax.random.key(0, impl='threefry2x32').dtype
