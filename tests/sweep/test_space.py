"""Axes, their product, and the names of settings."""

import re

import numpy as np
import pytest

from gax import errors
from gax.config import fields
from gax.sweep import Range, plan, space
from tests.helpers import tinyruns

BOTH = ('g.optimizer.learning_rate', 'd.optimizer.learning_rate')


def test_the_product_varies_the_last_axis_fastest():
    axes = [
        space.axis('lr', [{BOTH: 1.0}, {BOTH: 2.0}]),
        space.axis('loss', [{'loss': 'a'}, {'loss': 'b', 'k': 0}]),
    ]
    rates = [dict.fromkeys(BOTH, rate) for rate in (1.0, 2.0)]
    assert space.product(axes) == [
        {**rates[0], 'loss': 'a'},
        {**rates[0], 'loss': 'b', 'k': 0},
        {**rates[1], 'loss': 'a'},
        {**rates[1], 'loss': 'b', 'k': 0},
    ]
    assert space.product([]) == [{}]


@pytest.mark.parametrize(
    ('made', 'says'),
    [
        ([], 'must yield settings'),
        (None, 'must yield settings'),
        ('loss', 'must yield settings'),
        ([3], 'must yield settings'),
        ([{}], 'must yield settings'),
        ([{3: 'x'}], 'must yield settings'),
        ([{(): 'x'}], 'must yield settings'),
        ([{'a': Range(1.0, 1.0)}], 'low < high'),
        ([{'a': Range(0.0, 1.0, log=True)}], 'low > 0'),
        ([{'a': Range(0.0, float('inf'))}], 'finite'),
        ([{'a': Range('x', 1.0)}], 'two numbers'),
        ([{'a': Range(0.0, 1.0)}, {'a': 2.0}], 'only setting'),
        ([{'a': np.float32(0.5)}], 'plain numbers, texts or tuples, and one is a float32'),
        ([{'a': None}], 'one is a NoneType'),
    ],
)
def test_what_is_no_axis_is_refused(made, says):
    with pytest.raises(errors.GaxError, match=says) as found:
        space.axis('mine', made)
    assert str(found.value).startswith('sweep_mine()')


def test_two_axes_may_not_set_one_field():
    axes = [space.axis('lr', [{BOTH: 1.0}]), space.axis('d', [{BOTH[1]: 2.0}])]
    with pytest.raises(errors.GaxError, match=r'sweep_lr.* and sweep_d.* both set config\.d\.optimizer'):
        space.product(axes)


def test_a_grid_has_no_ranges():
    with pytest.raises(errors.GaxError, match='--search'):
        space.product([space.axis('r1', {'terms.r1.weight': Range(0.1, 1.0)})])


def test_one_setting_twice_is_refused():
    with pytest.raises(errors.GaxError, match='loss=a twice'):
        space.product([space.axis('loss', [{'loss': 'a'}, {'loss': 'a'}])])


@pytest.mark.parametrize(
    ('setting', 'label'),
    [
        ({}, 'base'),
        ({'loss': 'hinge'}, 'loss=hinge'),
        ({BOTH[0]: 2e-4, BOTH[1]: 2e-4}, 'learning_rate=0.0002'),
        ({BOTH[0]: 2e-4, BOTH[1]: 1e-3}, 'g.learning_rate=0.0002 d.learning_rate=0.001'),
        ({'g.net.widths': (8, 16), 'ema.decay': 0.0}, 'widths=(8,16) decay=0'),
        ({'terms.r1.weight': 1.0, 'terms.r2.weight': 2.0}, 'r1.weight=1 r2.weight=2'),
        ({'terms.r1.weight': 1.0, 'terms.r2.weight': 1.0}, 'r1.weight=1 r2.weight=1'),
        ({'a.b.c': 1, 'a.d.c': 2, 'e.b.c': 3}, 'a.b.c=1 d.c=2 e.c=3'),
        ({'extragradient': True}, 'extragradient=true'),
    ],
)
def test_labels_are_short_and_tell_fields_apart(setting, label):
    assert space.label(setting) == label


def test_folders_are_readable_and_unlike_each_other():
    close = [{'ema.decay': 0.99990001}, {'ema.decay': 0.99990002}]
    names = [space.folder(setting, seed) for setting in close for seed in (0, 1)]
    assert len({*names}) == 4
    assert all(re.fullmatch(r'decay=0.9999-[0-9a-f]{6}-seed[01]', name) for name in names)
    assert '/' not in space.folder({'data.name': 'npz:/a/b c.npz'}, 0)
    assert len(space.folder({'data.name': 'x' * 500}, 0)) < 110


def test_a_length_of_a_schedule_is_swept_in_steps_and_as_a_share():
    field = 'd.optimizer.schedule.decay_steps'
    base = tinyruns.config(**{field: 1.0, 'd.optimizer.schedule.name': 'cosine_decay_schedule'})
    values = [fields.get(plan.changed(base, {field: value}), field) for value in (7, 0.5, 1, 1.0)]
    assert values == [7, 0.5, 1, 1.0]
    assert [type(value) for value in values] == [int, float, int, float]
    assert fields.get(base, field) == 1.0
