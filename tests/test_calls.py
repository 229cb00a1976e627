"""Calls of many steps: which steps they take, and that lazy terms fall due on the steps they do without."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import tinyruns
from toys import close, differ

from gax import experiment, loop, parallel

NONE, R1, LECAM = frozenset(), frozenset({'d/r1'}), frozenset({'d/lecam'})
SMALL = {'g.net.widths': (8,), 'd.net.widths': (8,), 'data.name': 'synthetic:ring'}


def built(asked=0, r1=0, lecam=0):
    """A game with R1 every `r1` steps and LeCam's term every `lecam`; 0: without."""
    terms = {f'terms.{n}.{f}': v for n, every in (('r1', r1), ('lecam', lecam)) for f, v in each(every)}
    config = tinyruns.config(steps_per_call=asked, **SMALL, **terms)
    return experiment.build(config, parallel.mesh(jax.devices()[:1]))


def each(every):
    return (('weight', 1.0), ('every', every)) if every else ()


@pytest.mark.parametrize(
    ('asked', 'lazy', 'rhythms', 'expected'),
    [
        (0, {}, (7,), (10, 1)),  # the platform's
        (3, {}, (7,), (3, 1)),
        (10, {'r1': 16}, (), (8, 8)),
        (10, {'r1': 16}, (100, 500), (8, 8)),  # and single steps before a log line
        (10, {'r1': 16}, (12,), (4, 4)),  # calls of 8 would leave every third four steps alone
        (10, {'r1': 16}, (7,), (2, 2)),
        (0, {'r1': 4, 'lecam': 6}, (), (2, 2)),
        (0, {'r1': 3, 'lecam': 4}, (), (1, 1)),
        (1, {'r1': 16}, (), (1, 1)),
        (50, {'r1': 16}, (), (16, 16)),
    ],
)
def test_the_size_of_a_call(asked, lazy, rhythms, expected):
    hooks = [loop.Hook(every, lambda step, carry: (carry, None)) for every in rhythms]
    assert experiment.call_sizes(built(asked, **lazy), hooks) == expected


def test_the_plan_of_a_call():
    plan = lambda *call: experiment.plan_of(built(r1=4, lecam=6).game, *call)  # noqa: E731
    assert plan(0, 4) == ((R1 | LECAM, 1), (NONE, 3))
    assert plan(4, 4) == ((R1, 1), (NONE, 1), (LECAM, 1), (NONE, 1))
    assert experiment.plan_of(built().game, 5, 3) == ((NONE, 3),)


def test_lazy_terms_fall_due_on_their_steps_within_a_call():
    """Eight steps by calls of 4 and by single ones, in double precision; with R1 on steps 0 and 4."""
    made = built(4, r1=4)
    fresh = jax.device_get(experiment.init(made))

    def run(size):
        with jax.enable_x64(True):
            carry = jax.device_put(jax.tree.map(wide, fresh), parallel.replicated(made.mesh))
            return jax.device_get(
                loop.run(carry, experiment.advancer(made), 0, 8, [], steps_per_call=size)[0]
            )

    together, single = run(4), run(1)
    assert differ(together.state.params, fresh.state.params)
    close(together.state, single.state, 1e-10)
    assert single.meter.totals['d/r1'][1] == 2
    single.meter.totals.pop('d/diversity'), together.meter.totals.pop('d/diversity')  # float32 always
    close(together.meter, single.meter, 1e-10)


def wide(x):
    return x.astype(np.float64) if np.issubdtype(x.dtype, np.floating) else np.array(x)
