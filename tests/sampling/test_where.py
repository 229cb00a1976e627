"""--where: rows of a table with a value, and what is refused."""

import csv
from importlib import import_module

import numpy as np
import pytest

from gax import errors
from gax.core.spec import Field, Spec
from gax.data import synthetic_table
from gax.sampling import export, where
from gax.sampling.sampler import Request
from gax.training import train

SPEC = synthetic_table.synthetic_table().spec


def test_predicates():
    predicates = where.parse(('group=c', 'flag=yes'), SPEC)
    assert [(predicate.place.column.name, predicate.category) for predicate in predicates] == [
        ('group', 2),
        ('flag', 1),
    ]
    rows = np.zeros((3, 12))
    rows[:, 9], rows[:2, 11], rows[2, 10] = 1, 1, 1
    assert where.satisfied(rows, predicates).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ('text', 'what'),
    [
        ('grup=c', r"unknown column in --where 'grup' \(nearest: 'group'\)"),
        ('group=d', r"unknown value of group in --where 'd'"),
        ('group=', r"unknown value of group in --where ''"),
        ('amount=3', r'amount is continuous, and a condition is a value of a category: group, flag'),
        ('group', r'--where=group must be COLUMN=VALUE'),
    ],
)
def test_what_is_refused(text, what):
    with pytest.raises(errors.GaxError, match=what):
        where.parse((text,), SPEC)
    with pytest.raises(errors.GaxError, match='is no table'):
        where.parse((text,), Spec('points', {'point': Field((2,), 'point')}))


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp('run')
    config = import_module('configs.ctgan_adult').get_test_config()
    config.steps = config.sample_every = 2
    train.train(config, workdir)
    return workdir


@pytest.mark.slow
def test_rows_of_a_run(run, tmp_path):
    exported = export.export(Request(run, str(tmp_path / 'rows.csv'), num=5, where=('group=b', 'flag=no')))
    assert exported.description.startswith(
        '5 rows with group=b, flag=no (asked of the generator; of 256 drawn'
    )
    lines = list(csv.reader((tmp_path / 'rows.csv').read_text().splitlines()))
    assert lines[0] == ['amount', 'count', 'source', 'group', 'flag']
    assert {tuple(line[2:]) for line in lines[1:]} == {('gax', 'b', 'no')}
    assert len(lines) == 6


@pytest.mark.slow
def test_it_never_loops_for_ever(run, tmp_path, monkeypatch):
    monkeypatch.setattr(where, 'LEAST_DRAWS', 500)
    monkeypatch.setattr(where, 'DRAWS_PER_ROW', 1)
    monkeypatch.setattr(where, 'satisfied', lambda rows, predicates: np.zeros(len(rows), bool))
    request = Request(run, str(tmp_path / 'rows.csv'), num=5, where=('group=b',))
    with pytest.raises(errors.GaxError, match=r'of 512 rows that were drawn 0 meet it, and 5 are wanted'):
        export.export(request)
    assert not (tmp_path / 'rows.csv').exists()
