"""Calls of many steps: they are what as many single steps are, bit for bit, and their length follows the
clock.
"""

from __future__ import annotations

import logging
from typing import Any

import flax.linen as nn
import jax
import numpy as np
import pytest

from gax.core import updates
from gax.distributed import sharding
from gax.nets.linen import from_linen
from gax.training import experiment, pace, programs
from tests.helpers import tinyruns
from tests.helpers.toys import differ, same

R1, LECAM = frozenset({'d/r1'}), frozenset({'d/lecam'})
NONE, R1, LECAM, BOTH = (updates.Active(due) for due in (frozenset(), R1, LECAM, R1 | LECAM))
SMALL = {'g.net.widths': (8,), 'd.net.widths': (8,), 'data.name': 'synthetic:ring'}


def built(most=0, r1=0, lecam=0, **changes):
    """A game with R1 every `r1` steps and LeCam's term every `lecam`; 0: without."""
    terms = {f'terms.{n}.{f}': v for n, every in (('r1', r1), ('lecam', lecam)) for f, v in each(every)}
    config = tinyruns.config(steps_per_call=most, **{**SMALL, **terms, **changes})
    return experiment.build(config, sharding.mesh(jax.devices()[:1]))


def each(every):
    return (('weight', 1.0), ('every', every)) if every else ()


@pytest.mark.parametrize(('asked', 'most'), [(0, 10), (3, 3), (1, 1), (10**9, 2**25 // (8 * 4))])
def test_the_longest_call_is_what_the_config_says_and_rows_leave_room_for(asked, most):
    assert programs.longest_call(built(asked)) == most


def test_the_plan_of_a_call():
    plan = lambda *call: programs.plan_of(built(r1=4, lecam=6).game, *call)  # noqa: E731
    assert plan(0, 4) == [(BOTH, 1), (NONE, 3)]
    assert plan(4, 4) == [(R1, 1), (NONE, 1), (LECAM, 1), (NONE, 1)]
    assert programs.plan_of(built().game, 5, 3) == [(NONE, 3)]


class Compilations:
    """Counts those that happen in its block."""

    def __enter__(self):
        self.count = 0
        jax.monitoring.register_event_duration_secs_listener(self._listen)
        return self

    def __exit__(self, *exception):
        jax.monitoring.unregister_event_duration_listener(self._listen)

    def _listen(self, event: str, seconds: float, **more: Any) -> None:
        self.count += event.endswith('backend_compile_duration')


def test_however_steps_are_put_together_the_result_is_the_same_bit_for_bit_and_nothing_compiles():
    """Lazy terms fall due on their steps: R1 on 0, 3, 6 and 9, LeCam's on 0 and 6."""
    made = built(6, r1=3, lecam=6)
    fresh, advance = jax.device_get(experiment.init(made)), programs.advancer(made)

    def run(*counts):
        carry = jax.device_put(jax.tree.map(np.array, fresh), sharding.replicated(made.mesh))
        step = 0
        for count in counts:
            carry = advance(carry, step, count)
            step += count
        return jax.device_get(carry)

    single = run(*[1] * 12)
    with Compilations() as after:
        for calls in ((6, 6), (5, 7), (1, 2, 9), (12,)):
            same(run(*calls), single)
    assert after.count == 0
    assert differ(single.state.params, fresh.state.params)
    assert (single.meter.totals['d/r1'][1], single.meter.totals['d/lecam'][1]) == (4, 2)


@pytest.mark.slow
@pytest.mark.parametrize('mode', ['shard_map', pytest.param('pmap', marks=pytest.mark.slow)])
def test_replicas_too(mode):
    config = tinyruns.config(parallel=mode, **SMALL)
    made = experiment.build(config, sharding.mesh(jax.devices()[:2]))
    ends = []
    for calls in ((1, 1, 1), (3,)):
        carry, advance, step = experiment.init(made), programs.advancer(made), 0
        for count in calls:
            carry = advance(carry, step, count)
            step += count
        ends.append(jax.device_get(carry))
    same(*ends)


@pytest.mark.slow
def test_what_a_start_needs_is_compiled_before_its_first_step():
    made = built(r1=4)
    ahead = programs.compile_ahead(made, experiment.shapes(made), 0, 20)
    assert {active for active, _ in ahead} == {R1, NONE}
    carry, advance = experiment.init(made), programs.advancer(made, ahead)
    carry = advance(carry, 0, 1)
    with Compilations() as after:
        jax.block_until_ready(advance(carry, 1, 19))
    assert after.count == 0


class Foreign(nn.Module):
    """A discriminator as one writes it who has not read conv.py."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = nn.relu(nn.Conv(4, (3, 3), strides=2)(x))
        return nn.Dense(1)(x.reshape(len(x), -1))[:, 0]


@pytest.mark.slow
@pytest.mark.parametrize('mode', ['jit', pytest.param('pmap', marks=pytest.mark.slow)])
def test_convolutions_of_xla_are_kept_out_of_loops_on_cpu_and_that_is_said(
    mode, tmp_path, monkeypatch, caplog
):
    data = tinyruns.images(tmp_path / 'images.npz')
    image = {'data.name': f'npz:{data}', 'parallel': mode}
    made = built(**image)
    x = np.zeros((1, 8, 8, 1), np.float32)
    net = from_linen(Foreign(), x)
    foreign = made._replace(game=made.game._replace(nets={**made.game.nets, 'd': net}))
    for game, kept, lines in ((made, programs.ANY, 0), (foreign, 1, 1)):
        caplog.clear()
        ahead = programs.compile_ahead(game, experiment.shapes(game), 0, 9)
        with caplog.at_level(logging.WARNING, 'gax'):
            carry = programs.advancer(game, ahead)(experiment.init(game), 0, 9)
        assert int(carry.state.step) == 9
        assert {program().length for program in ahead.values()} == {kept}
        said = [r.message for r in caplog.records]
        assert len(said) == lines
        assert all('gax.nets.layers.Conv' in line and 'one step a call' in line for line in said)


class Mark:
    """What a call ends with: ready at `at`, on a clock that waiting moves on."""

    def __init__(self, clock, at):
        self.clock, self.at = clock, at

    def is_ready(self):
        return self.clock.now >= self.at

    def block_until_ready(self):
        self.clock.now = max(self.clock.now, self.at)


class Device:
    """Takes `seconds` a step, one call after another."""

    def __init__(self, monkeypatch, seconds):
        self.seconds, self.now, self.free = seconds, 0.0, 0.0
        monkeypatch.setattr(pace.time, 'perf_counter', lambda: self.now)

    def call(self, paced, host=0.001):
        self.now += host
        began, count = self.now, paced.size
        self.free = max(self.free, began) + self.seconds * count
        paced.sent(began, Mark(self, self.free), count)
        return count


@pytest.mark.parametrize(
    ('seconds', 'size'), [(1e-5, 10), (0.01, 10), (0.031, 9), (0.08, 3), (0.2, 1), (3.0, 1)]
)
def test_calls_are_as_long_as_a_signal_may_wait(monkeypatch, seconds, size):
    """Begun with single steps; what waits on the device is at most a second's work, or one step."""
    device, paced = Device(monkeypatch, seconds), pace.Pace(10)
    counts, waiting = [], []
    for _ in range(20):
        counts.append(device.call(paced))
        waiting.append(device.free - device.now)
    assert counts[0] == 1
    assert counts[-1] in (size - 1, size)
    assert max(counts) <= size
    assert max(waiting) <= 1.0 + 1e-9


def test_calls_shrink_where_steps_get_slower_and_no_hook_is_taken_for_one(monkeypatch):
    device, paced = Device(monkeypatch, 0.01), pace.Pace(10)
    for _ in range(5):
        device.call(paced)
    device.call(paced, host=60.0)  # an evaluation, in which all that waited got done
    assert device.call(paced) == 10
    device.seconds = 1.0
    counts = [device.call(paced) for _ in range(8)]
    assert counts[-3:] == [1, 1, 1]


def test_an_evaluation_of_slow_steps_makes_no_long_calls(monkeypatch):
    device, paced = Device(monkeypatch, 0.3), pace.Pace(10)
    for round in range(12):
        assert device.call(paced, host=5.0 if round % 3 else 0.001) == 1
