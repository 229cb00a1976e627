"""Which runs are trained together, and what is said of the others.

Each case is checked by training in test_together.py.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from configs import mlp2d
from gax.sweep import plan
from gax.sweep.vmapped import grouping
from tests.helpers import tinyruns
from tests.helpers.cases import with_slow

RATE = 'g.optimizer.learning_rate'
R1 = 'terms.r1.weight'


def product(base: Any = None, **fields: list[Any]) -> list[Any]:
    base = base or mlp2d.get_test_config()
    names = [name.replace('__', '.') for name in fields]
    return [plan.changed(base, dict(zip(names, v, strict=True))) for v in itertools.product(*fields.values())]


def members(found: list[grouping.Group]) -> list[list[int]]:
    return [group.members for group in found]


def test_numbers_and_seeds_go_together() -> None:
    found, reasons = grouping.groups(
        product(seed=[0, 1], g__optimizer__learning_rate=[1e-3, 2e-3], ema__decay=[0.9, 0.99])
    )
    assert members(found) == [[0, 1, 2, 3, 4, 5, 6, 7]]
    assert set(found[0].varied) == {RATE, 'ema.decay'}
    assert reasons == []


@pytest.mark.parametrize(
    ('fields', 'groups', 'reason'),
    with_slow(
        [
            ({'d__updates': [1, 2]}, [[0], [1]], 'config.d.updates is part of the program: 1, 2'),
            (
                {'loss': ['hinge', 'wasserstein']},
                [[0], [1]],
                "config.loss is part of the program: 'hinge', 'was",
            ),
            (
                {'d__optimizer__b2': [None, 0.9, 0.8]},
                [[0], [1, 2]],
                'config.d.optimizer.b2 is part of the pro',
            ),
            (
                {'g__net__widths': [(8,), (4, 4)]},
                [[0], [1]],
                'config.g.net.widths is part of the program: [8], [4, 4]',
            ),
            # Without the term there is no metric of it, and without the clipping no link in the optimizer's
            # chain.
            ({'terms__r1__weight': [0.0, 1.0, 2.0]}, [[0], [1, 2]], f'where config.{R1} is 0 the program is'),
            (
                {'d__optimizer__clip_norm': [0.0, 1.0, 2.0]},
                [[0], [1, 2]],
                'where config.d.optimizer.clip_norm',
            ),
            # Python asks for the number: Flax whether a rate of dropout is 0, terms.top_k whether a fraction
            # is 1.
            (
                {'d__net__dropout': [0.1, 0.3]},
                [[0], [1]],
                'config.d.net.dropout has to be known in advance: TracerBool',
            ),
            (
                {'top_k__fraction': [0.5, 0.7], 'seed': [0, 1]},
                [[0, 1], [2, 3]],
                'config.top_k.fraction has to',
            ),
        ],
        0,
        4,
        6,
    ),
)
def test_what_is_no_plain_number_goes_apart(
    fields: dict[str, list[Any]], groups: list[list[int]], reason: str
) -> None:
    found, reasons = grouping.groups(product(**fields))
    assert members(found) == groups
    (said,) = reasons
    assert said.startswith(reason)


@pytest.mark.slow
def test_a_zero_that_changes_nothing_but_numbers_goes_together() -> None:
    found, reasons = grouping.groups(product(label_smoothing=[0.0, 0.1], instance_noise__std=[0.0, 0.1]))
    assert members(found) == [[0, 1, 2, 3]]
    assert reasons == []


@pytest.mark.slow
def test_the_zero_that_counts_is_named_alone() -> None:
    found, reasons = grouping.groups(product(label_smoothing=[0.0, 0.1], terms__r1__weight=[0.0, 1.0]))
    assert members(found) == [[0, 2], [1, 3]]
    assert reasons == [f'where config.{R1} is 0 the program is another']


def test_what_is_fetched_and_replicas_go_one_after_another(tmp_path: Path) -> None:
    data = f'npz:{tinyruns.images(tmp_path / "data.npz")}'
    streamed = tinyruns.config(**{'data.name': data, 'data.device_limit_mib': 0})
    (group,), (reason,) = grouping.groups(product(streamed, seed=[0, 1]))
    assert (group.members, group.alone) == (
        [0, 1],
        f'{data} is fetched step by step: larger than config.data.device_limit_mib',
    )
    assert reason == f'one after another: {group.alone}'
    replicas = product(parallel=['shard_map'], seed=[0, 1])
    (group,), _ = grouping.groups(replicas)
    assert group.alone == 'config.parallel=shard_map: its replicas share one run'


def test_what_a_recipe_refuses_is_said_by_it() -> None:
    bad = product(loss=['wasserstein'], label_smoothing=[0.1], seed=[0, 1])
    (group,), _ = grouping.groups(bad)
    assert group.alone.startswith("loss 'wasserstein' has no label to smooth")
