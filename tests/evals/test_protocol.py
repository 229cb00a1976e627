"""Protocols and eval.jsonl: what may be compared, what is read back, and how a run stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gax import errors
from gax.evals import results
from gax.evals.protocol import Protocol, differ, refuse_other
from gax.evals.results import Standing, standing

ONE = Protocol('mnist', 'd3d0', 'none', 'embedded:mnist', '13cd', 'all', '28x28x1', 'none', 5000, 5000, 0)


def test_other_protocols_are_refused_by_the_fields_that_differ() -> None:
    a = ONE.to_dict()
    refuse_other(a, json.loads(json.dumps(a)))
    b = {**a, 'fake': 100, 'resizer': 'clean'}
    assert differ(a, b) == {'resizer': ('none', 'clean'), 'fake': (5000, 100)}
    with pytest.raises(errors.GaxError) as refused:
        refuse_other(a, b, 'runs/a', 'runs/b')
    said = str(refused.value)
    assert 'runs/a and runs/b were measured by different protocols' in said
    assert "(resizer: 'none' and 'clean'; fake: 5000 and 100)" in said
    older = {name: value for name, value in a.items() if name != 'split'}
    assert differ(older, a) == {'split': (None, 'all')}


@pytest.mark.parametrize('field', Protocol.__dataclass_fields__)
def test_every_field_counts(field: str) -> None:
    a = ONE.to_dict()
    with pytest.raises(errors.GaxError, match=f'{field}: '):
        refuse_other(a, {**a, field: 'other'})


def row(step: int | None, value: float, **more: object) -> dict[str, object]:
    return {'step': step, 'metrics': {'frechet_mnist': value}, 'protocol': ONE.to_dict(), **more}


def test_rows_are_read_back_and_the_last_of_a_step_wins(tmp_path: Path) -> None:
    assert results.read_results(tmp_path) == []
    other = row(10, 7.0, protocol={**ONE.to_dict(), 'seed': 1})
    for one in (row(20, 3.0), row(10, 5.0), other, row(20, 2.0), row(None, 1.0, samples='made.npz')):
        results.append(tmp_path, one)
    found = results.read_results(tmp_path)
    assert [(r['step'], r['metrics']['frechet_mnist'], r['protocol']['seed']) for r in found] == [
        (10, 5.0, 0),
        (10, 7.0, 1),
        (20, 2.0, 0),
    ]
    results.refuse_other_protocols([('a', found[0]), ('b', found[2])])
    with pytest.raises(errors.GaxError, match=r'a and c were .* \(seed: 0 and 1\)'):
        results.refuse_other_protocols([('a', found[0]), ('b', found[2]), ('c', found[1])])


def test_a_line_that_was_cut_short_is_left_out_and_spoils_no_other(tmp_path: Path) -> None:
    results.append(tmp_path, row(10, 5.0))
    with open(tmp_path / results.FILE, 'a') as file:
        file.write(json.dumps(row(20, 4.0))[:-9])
    assert [r['step'] for r in results.read_results(tmp_path)] == [10]
    results.append(tmp_path, row(30, 3.0))
    assert [r['step'] for r in results.read_results(tmp_path)] == [10, 30]


@pytest.mark.parametrize(
    ('values', 'higher', 'expected'),
    [
        ({}, False, Standing(-1, 0.0, 0)),
        ({5: 9.0}, False, Standing(5, 9.0, 0)),
        ({5: 9.0, 10: 7.0, 15: 8.0, 20: 7.0}, False, Standing(10, 7.0, 2)),
        ({5: 9.0, 10: 7.0, 15: 8.0, 20: 7.0}, True, Standing(5, 9.0, 3)),
        ({5: 0.0, 10: 0.5}, True, Standing(10, 0.5, 0)),
        (
            {5: 9.0, 10: 7.0, 13: 1.0, 15: 8.0},
            False,
            Standing(10, 7.0, 1),
        ),  # 13: the end of a run that went on
    ],
)
def test_standing(values: dict[int, float], higher: bool, expected: Standing) -> None:
    rows = [row(step, value) for step, value in values.items()]
    assert standing(rows, 'frechet_mnist', higher, 5) == expected
