"""Counts that stand for speed: benchmark programs cost what was recorded, and the guard sees where they do
not.
"""

import math

import jax
import jax.numpy as jnp
import pytest

from tests.helpers import tinyruns

QUICK = ('mlp2d', 'dcgan_mnist')  # the others take up to 40 seconds of CPU time each: make test-slow


@pytest.fixture(scope='module')
def guard():
    with tinyruns.benchmark('guard') as module:
        yield module


def names():
    with tinyruns.benchmark('models') as models:
        return [name for name in models.MODELS if not name.endswith('_narrow')]


EACH = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in names()]


@pytest.mark.parametrize('name', EACH)
def test_programs_do_the_work_that_was_recorded(guard, name):
    lines = guard.check(name, ('real',))
    assert not lines, '\n'.join(lines)


@pytest.mark.slow
@pytest.mark.parametrize('name', EACH)
def test_programs_cost_what_was_recorded(guard, name):
    lines = guard.check(name, ('tiny',))
    assert not lines, '\n'.join(lines)


def test_every_program_is_recorded(guard):
    recorded = guard.load()['programs']
    assert set(recorded) == set(guard.NAMES) == set(names())
    assert all(set(kinds) == {'real', 'tiny'} for kinds in recorded.values())
    for kinds in recorded.values():
        assert kinds['tiny']['changing_types'] == kinds['tiny']['later_compilations'] == 0
        assert kinds['tiny']['programs'] == 1


def test_a_step_that_does_more_is_seen(guard, monkeypatch):
    """A second pass of the generator, which XLA does not merge: the FLOPs of the program say so."""
    from gax.core import step as steps

    shared = steps._generate

    def twice(game, state, params, batch, key, phase):
        moved, made = shared(game, state, params, batch, key, phase)
        _, more = shared(game, state, params, batch, jax.random.fold_in(key, 1), phase)
        fakes = {name: made.fakes[name] + 0.0 * more.fakes[name] for name in made.fakes}
        return moved, made._replace(fakes=fakes)

    monkeypatch.setattr(steps, '_generate', twice)
    (line,) = guard.check('mlp2d', ('real',))
    assert 'mlp2d, real: flops grew from 96,' in line
    assert 'guard.py --update' in line


@pytest.mark.slow
def test_an_array_that_changes_its_type_is_seen(guard, monkeypatch):
    """A step that gives a weakly typed number back is traced a second time for it."""
    from dataclasses import replace

    from gax.core import step as steps

    finish = steps.finish
    monkeypatch.setattr(
        steps,
        'finish',
        lambda game, state: replace(finish(game, state), step=jnp.where(state.step < 0, 0, 1)),
    )
    lines = guard.check('mlp2d', ('tiny',))
    assert any('changing_types grew from 0 to 1' in line for line in lines)


def counts(**more):
    found = {'flops': 1000.0, 'collectives': {'all-reduce': 2}, 'donated_bytes': 64, 'later_compilations': 0}
    return {**found, **more}


@pytest.mark.parametrize(
    ('change', 'here', 'elsewhere'),
    [
        ({}, '', ''),
        ({'flops': 1009.0}, '', ''),
        ({'flops': 1011.0}, 'flops grew from 1,000 to 1,011', ''),
        ({'flops': 980.0}, 'flops shrank', ''),
        ({'flops': math.nan}, 'flops changed from 1,000 to nan', 'flops changed'),
        ({'flops': 1051.0}, 'flops grew', 'flops grew'),
        (
            {'collectives': {'all-reduce': 3}},
            'collectives grew from 2 all-reduce to 3 all-reduce',
            '',
        ),
        ({'collectives': {'all-gather': 2}}, 'collectives changed', ''),
        ({'collectives': {'all-reduce': 5}}, 'collectives grew', 'collectives grew'),
        ({'donated_bytes': 60}, 'donated_bytes shrank', 'donated_bytes shrank'),
        ({'later_compilations': 1}, 'later_compilations grew', 'later_compilations grew'),
        ({'new_count': 1}, 'new_count is not in guard.json', 'new_count is not in guard.json'),
    ],
)
def test_what_is_held_to_with_the_same_compiler_and_with_another(guard, change, here, elsewhere):
    for same, expected in ((True, here), (False, elsewhere)):
        lines = guard.differences('p', counts(**change), counts(), same)
        assert len(lines) == bool(expected)
        if expected:
            assert expected in lines[0]
            assert '--update' in lines[0]


TEXT = """
  %a = f32[128,2]{1,0} all-reduce(%x), channel_id=1
  %b = (f32[], bf16[3]{0}, /*index=2*/s32[2]{0}) all-reduce-start(%y), channel_id=2
  %c = (f32[], bf16[3]{0}, s32[2]{0}) all-reduce-done(%b)
  %d = pred[5]{0} all-gather(%z), dimensions={0}
  %e = f32[4]{0} copy(%a)
  %f = f32[4]{0} add(%e, %e)
"""


def test_collectives_are_read_from_the_program(guard):
    moved = guard.collectives.traffic(TEXT)
    assert moved.count == {'all-reduce': 2, 'all-gather': 1}
    assert moved.bytes == 1024 + (4 + 6 + 8) + 5
    assert guard.collectives.copied(TEXT) == 16


def test_instructions_are_lines_of_all_computations(guard):
    assert guard.instructions(TEXT) == 6
    compiled = jax.jit(lambda x: jnp.sum(jnp.sin(x) * 2)).lower(jnp.ones(4)).compile().as_text()
    # Two parameters and constants, sine, product, add and sum, a fusion or a call.
    assert 5 <= guard.instructions(compiled) <= 20
