"""Objectives: how they are named, which way is better, and what they are of a run's files."""

import json
import math

import pytest

from gax import errors
from gax.sweep import objective as objectives

PROTOCOL = {'features': 'mnist', 'fake': 100, 'seed': 0}


def run(folder, logged, evaluated=()):
    folder.mkdir(exist_ok=True)
    rows = [json.dumps({'step': step, 'd/loss': loss}) for step, loss in logged]
    (folder / 'metrics.jsonl').write_text('\n'.join([*rows, '{"step": 99, "d/lo']))  # the last was cut short
    lines = [
        json.dumps({'step': step, 'metrics': {'frechet_mnist': value}, 'protocol': {**PROTOCOL, **changes}})
        for step, value, changes in evaluated
    ]
    (folder / 'eval.jsonl').write_text('\n'.join(lines))
    return folder


@pytest.mark.parametrize(('how', 'value'), [('last', 1.0), ('min', 0.5), ('max', 6.0), ('mean', 2.5)])
def test_a_number_of_a_run(tmp_path, how, value):
    folder = run(tmp_path / 'run', [(1, 6.0), (2, 0.5), (3, 1.0)])
    objective = objectives.parse(f'd/loss:{how}', 'minimize')
    assert objectives.value(objective, objectives.measure(folder)) == value


def test_the_objective_as_it_stood(tmp_path):
    folder = run(tmp_path / 'run', [(1, 6.0), (2, 0.5), (3, 1.0)])
    assert objectives.curve(objectives.parse('d/loss:min', 'minimize'), folder) == [
        (1, 6.0),
        (2, 0.5),
        (3, 0.5),
    ]
    assert objectives.curve(objectives.parse('d/loss', 'minimize'), folder) == [(1, 6.0), (2, 0.5), (3, 1.0)]


def test_evaluations_count_in_their_last_protocol(tmp_path):
    folder = run(tmp_path / 'run', [(1, 6.0)], [(1, 3.0, {'fake': 9}), (2, 40.0, {}), (3, 50.0, {})])
    found = objectives.measure(folder)['frechet_mnist']
    assert (found['last'], found['min'], found['protocol']) == (50.0, 40.0, PROTOCOL)
    for name in ('frechet_mnist', 'frechet'):
        assert objectives.value(objectives.Objective(name), {'frechet_mnist': found}) == 50.0


def test_what_was_not_finite_stays_so():
    assert math.isnan(objectives.reduce([1.0, math.nan], 'min'))


def test_directions_are_known_of_evaluations_only():
    known = {
        name: objectives.parse(name).direction
        for name in ('frechet_mnist', 'fid', 'kid', 'score_mnist', 'is')
    }
    assert known == {
        'frechet_mnist': 'minimize',
        'fid': 'minimize',
        'kid': 'minimize',
        'score_mnist': 'maximize',
        'is': 'maximize',
    }
    assert objectives.parse('') is None
    for name in ('d/loss', 'd/diversity', 'kernel_std_mnist'):
        with pytest.raises(errors.GaxError, match='--direction'):
            objectives.parse(name)
    assert objectives.parse('d/loss', 'maximize').better(2.0, 1.0)
    assert not objectives.parse('fid').better(2.0, 1.0)


def test_an_unknown_value_of_a_run_is_told():
    with pytest.raises(errors.GaxError, match=r"'mim'.*nearest: 'min'"):
        objectives.parse('fid:mim')


def test_other_protocols_are_refused(tmp_path):
    runs = [run(tmp_path / str(i), [], [(5, 1.0, {'fake': 100 + i})]) for i in range(2)]
    measured = {str(folder): objectives.measure(folder) for folder in runs}
    with pytest.raises(errors.GaxError, match='fake: 100 and 101'):
        objectives.refuse_other_protocols(objectives.Objective('frechet'), measured)
    objectives.refuse_other_protocols(objectives.Objective('d/loss'), measured)


def test_what_no_run_reports_is_told_with_what_they_do():
    said = objectives.not_reported(objectives.Objective('d/los'), ['d/loss', 'g/loss'])
    assert "'d/los' (nearest: d/loss); reported: d/loss, g/loss" in said
    with pytest.raises(errors.GaxError, match=r'--config\.eval\.every'):
        objectives.require_evaluation(objectives.Objective('fid'), 0)
    objectives.require_evaluation(objectives.Objective('fid'), 100)
    objectives.require_evaluation(objectives.Objective('d/loss'), 0)
