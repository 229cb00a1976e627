"""Rows, settings over seeds, sweep.csv, plots and the page, from trials as a storage has them.

Nothing is trained.
"""

from __future__ import annotations

import csv
import html.parser
import json
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gax import errors
from gax.config import choices
from gax.core.spec import Field, Spec
from gax.data import identity
from gax.sweep import comparison, objective, page, plan, plots, space, stats, table
from gax.sweep.table import Row
from tests.helpers import tiny_sweep

RATE = 'g.optimizer.learning_rate'
SMALL = objective.Objective('fid', 'last', 'minimize')
LARGE = objective.Objective('fid', 'last', 'maximize')
PROTOCOL = {'features': 'inception', 'fake': 100, 'seed': 0}


def measured(value: float, **changes: Any) -> dict[str, Any]:
    numbers = dict.fromkeys(objective.HOW, value)
    return {'fid': {**numbers, 'step': 20, 'protocol': {**PROTOCOL, **changes}}}


def trial(number: int, state: str, setting: Any, values: dict[int, Any], seeds: Any = None) -> Any:
    """What a trial of Optuna looks like from here. values: seed -> objective, or the text of an error."""
    attrs: dict[str, Any] = {'setting': setting, 'seeds': list(seeds or values)}
    for seed, value in values.items():
        bad = isinstance(value, str)
        kept = {
            'state': 'failed' if bad else 'done',
            'error': value if bad else '',
            'step': 20,
            'seconds': 1.5,
        }
        found = {} if bad else measured(value)
        attrs[f'run {seed}'] = {
            **kept,
            'metrics': found,
            'folder': f'runs/{space.folder(setting, seed)}',
            'host': 'here',
        }
    return SimpleNamespace(
        number=number,
        user_attrs=attrs,
        state=SimpleNamespace(name=state, is_finished=lambda: state not in ('WAITING', 'RUNNING')),
    )


def grid(values: dict[float, dict[int, Any]]) -> list[Row]:
    """rate -> seed -> value, a trial each."""
    trials = [
        trial(10 * i + seed, 'FAIL' if isinstance(value, str) else 'COMPLETE', {RATE: rate}, {seed: value})
        for i, (rate, its) in enumerate(values.items())
        for seed, value in its.items()
    ]
    return table.rows(trials, Path('/nowhere'))


THREE = {
    1e-4: {0: 12.0, 1: 14.0, 2: 13.0},
    1e-3: {0: 10.0, 1: 12.5, 2: 11.0},
    1e-2: {0: 9.0, 1: 'd/loss is not <finite>', 2: 'oh'},
}


def test_settings_are_ranked_by_their_means_over_all_seeds() -> None:
    """The one that has the smallest value, but not all of its seeds, stands last."""
    made = table.groups(grid(THREE), SMALL)
    assert [g.setting[RATE] for g in made] == [1e-3, 1e-4, 1e-2]
    assert made[0].interval == stats.interval([10.0, 12.5, 11.0])
    assert [g.p for g in made] == [None, stats.compare(made[0].values, made[1].values).p, None]
    assert [g.setting[RATE] for g in table.groups(grid(THREE), LARGE)] == [1e-4, 1e-3, 1e-2]
    best = table.best_run(grid(THREE), SMALL)
    assert best is not None
    assert (best.setting[RATE], best.seed) == (1e-2, 0)


def test_p_values_are_corrected_for_their_number() -> None:
    values = {
        rate: {s: 10 * rate + s + 0.1 * (s * k % 3) for s in range(4)}
        for k, rate in enumerate((1.0, 2.0, 3.0))
    }
    made = table.groups(grid(values), SMALL)
    alone = [stats.compare(made[0].values, g.values).p for g in made[1:]]
    assert [g.p for g in made[1:]] == stats.holm(alone)
    assert max(g.p for g in made[1:] if g.p is not None) > min(alone)


def test_other_protocols_are_not_ranked(tmp_path: Path) -> None:
    found = grid(THREE)
    found[0] = found[0]._replace(metrics=measured(12.0, fake=50))
    with pytest.raises(errors.GaxError, match='fake: 50 and 100'):
        table.groups(found, SMALL)
    page.write(found, sweep(SMALL), tmp_path, tmp_path / 'sweep.html')  # which says so
    said = (tmp_path / 'sweep.html').read_text()
    assert 'fake: 50 and 100' in said
    assert 'Best run' not in said


def test_an_objective_that_no_run_reports() -> None:
    table.require_reported(grid(THREE), SMALL)
    with pytest.raises(errors.GaxError, match=r"no run reports 'kid'.*reported: fid"):
        table.require_reported(grid(THREE), objective.Objective('kid', 'last', 'minimize'))
    table.require_reported([], SMALL)  # nothing is done yet


def test_states_of_runs() -> None:
    setting = {RATE: 1.0}
    trials = [
        trial(0, 'WAITING', setting, {}, [0]),
        trial(1, 'RUNNING', setting, {1: 5.0}, [1, 2]),
        trial(2, 'FAIL', setting, {3: 'oh'}, [3, 4]),
        trial(3, 'COMPLETE', setting, {5: math.nan}, [5]),
    ]
    found = table.rows(trials, Path('/nowhere'))
    states = [(row.seed, row.state) for row in found]
    assert states == [(0, 'waiting'), (1, 'done'), (2, 'running'), (3, 'failed'), (4, 'left'), (5, 'done')]
    assert [row.value(SMALL) for row in found] == [None, 5.0, None, None, None, None]
    assert table.counts(found) == {'waiting': 1, 'running': 1, 'done': 2, 'failed': 1, 'left': 1}


def test_what_was_measured_afterwards_counts(tmp_path: Path) -> None:
    one = trial(0, 'COMPLETE', {RATE: 1.0}, {0: 5.0})
    folder = tmp_path / one.user_attrs['run 0']['folder']
    folder.mkdir(parents=True)
    (folder / 'metrics.jsonl').write_text('{"step": 20, "d/loss": 1.0}\n')
    row = {'step': 20, 'metrics': {'fid': 4.0}, 'protocol': PROTOCOL}
    (folder / 'eval.jsonl').write_text(json.dumps(row) + '\n')
    assert [r.value(SMALL) for r in table.rows([one], tmp_path)] == [5.0]
    assert [r.value(SMALL) for r in table.rows([one], tmp_path, refresh=True)] == [4.0]


def test_the_csv_has_it_all(tmp_path: Path) -> None:
    found = [*grid(THREE), Row(99, {'loss': 'a,"b"'}, 7, 'waiting', {})]
    table.write_csv(table.completed(found, tiny_sweep.get_config()), SMALL, tmp_path / 'sweep.csv')
    with open(tmp_path / 'sweep.csv') as file:
        rows = list(csv.DictReader(file))
    assert [row['objective fid'] for row in rows] == [
        '12.0',
        '14.0',
        '13.0',
        '10.0',
        '12.5',
        '11.0',
        '9.0',
        '',
        '',
        '',
    ]
    assert rows[0]['loss'] == 'non_saturating'  # of the base config
    assert (rows[-1]['loss'], rows[-1][RATE]) == ('a,"b"', '0.001')
    assert rows[7]['error'] == 'd/loss is not <finite>'
    assert list(tmp_path.iterdir()) == [tmp_path / 'sweep.csv']


def sweep(goal: objective.Objective | None) -> plan.Plan:
    axes = (space.axis('lr', [{RATE: rate} for rate in THREE]),)
    return plan.Plan(tiny_sweep.get_config(), axes, (0, 1, 2), goal)


class Page(html.parser.HTMLParser):
    """Its tags must close, and what it links to is collected."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self.open, self.links, self.tags = list[str](), list[str](), list[str]()
        self.feed(said)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ('href', 'src', 'xlink:href') and value]
        if tag not in ('meta', 'img', 'br'):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.links += [value for name, value in attrs if name in ('href', 'src', 'xlink:href') and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_stands_alone(tmp_path: Path) -> None:
    found = grid(THREE)
    page.write(found, sweep(SMALL), tmp_path, tmp_path / 'sweep.html')
    said = (tmp_path / 'sweep.html').read_text()
    seen = Page(said)
    assert seen.open == []
    assert seen.tags.count('svg') == 2
    assert all(link.startswith(('runs/', '#')) for link in seen.links)  # nothing is fetched from anywhere
    assert 'd/loss is not &lt;finite&gt;' in said
    assert f'{stats.interval([10.0, 12.5, 11.0])}' in said
    assert list(tmp_path.iterdir()) == [tmp_path / 'sweep.html']
    page.write(found, sweep(SMALL), tmp_path, tmp_path / 'again.html')
    assert (tmp_path / 'again.html').read_text() == said  # the same bytes every time


@pytest.mark.parametrize(
    'found', [[], grid({1e-3: {0: 1.0}}), grid({1e-3: {0: 1.0, 1: 2.0}}), grid({1e-3: {0: 'oh'}})]
)
@pytest.mark.parametrize('goal', [None, SMALL])
def test_a_page_of_little(found: list[Row], goal: Any, tmp_path: Path) -> None:
    page.write(found, sweep(goal), tmp_path, tmp_path / 'sweep.html')
    assert Page((tmp_path / 'sweep.html').read_text()).open == []


def test_where_values_lie_on_an_axis() -> None:
    log = plots.column('rate', [1e-4, 1e-3, 1e-2])
    assert log.log
    np.testing.assert_allclose(log.places, [0, 0.5, 1])
    even = plots.column('n', [2, 3, 6])
    assert not even.log
    np.testing.assert_allclose(even.places, [0, 0.25, 1])
    assert [said for _, said in even.ticks] == ['2', '3', '6']
    kinds = plots.column('loss', ['b', 'a', 'b', 'c'])
    np.testing.assert_allclose(kinds.places, [0, 0.5, 0, 1])
    assert not plots.column('flag', [True, False]).numbers


@pytest.mark.parametrize('name', ['$a$ 50%', 'x_$^', 'caf\udce9', 'a\nb\x01', '<b>&"'])
def test_a_value_may_have_any_characters(name: str, tmp_path: Path) -> None:
    rows = [
        Row(
            i,
            {'data.name': f'folder:{d}'},
            0,
            'done',
            {'d/loss': {'last': float(i), 'min': 0.0}},
            folder=f'runs/{d}#?',
        )
        for i, d in enumerate((name, 'other'))
    ]
    page.write(rows, sweep(SMALL._replace(metric='d/loss')), tmp_path, tmp_path / 'sweep.html')
    text = (tmp_path / 'sweep.html').read_text(encoding='utf-8')
    assert Page(text).open == []
    assert 'href="runs/other%23%3F/"' in text


def test_runs_on_data_that_changed_between_them_are_not_ranked(tmp_path: Path) -> None:
    def row(seed: int, size: int, **setting: Any) -> Row:
        known = identity.to_json(
            identity.Identity(Spec('npz:x', {'image': Field((8, 8, 1))}, 0, size), str(size))
        )
        return Row(
            seed,
            setting,
            seed,
            'done',
            {'d/loss': {'last': float(seed), 'min': 0.0}},
            folder=f'runs/{seed}',
            data=known,
        )

    goal = SMALL._replace(metric='d/loss')
    table.groups([row(0, 60), row(1, 60)], goal)
    table.groups([row(0, 60, **{'data.name': 'npz:a'}), row(1, 50, **{'data.name': 'npz:b'})], goal)
    with pytest.raises(errors.GaxError, match=r'between runs/0 and runs/1 \(size: 60 there, 50 now'):
        table.groups([row(0, 60), row(1, 50)], goal)
    page.write([row(0, 60), row(1, 50)], sweep(goal), tmp_path, tmp_path / 'sweep.html')
    assert 'the data has changed' in (tmp_path / 'sweep.html').read_text()


def test_fields_that_go_together_are_one_axis() -> None:
    rows = [
        Row(i, {RATE: r, 'd.optimizer.learning_rate': r, 'loss': 'x', 'd.updates': i % 2}, 0, 'done', {})
        for i, r in enumerate((1.0, 2.0, 3.0))
    ]
    assert [c.name for c in plots.columns(rows)] == ['g, d: optimizer.learning_rate', 'd.updates']


def test_every_run_is_a_line_and_a_dot() -> None:
    found = grid(THREE)
    lines = plots.parallel(found, SMALL)
    assert len(re.findall(r'stroke-opacity: 0?\.\d+', lines)) >= 7
    dots = plots.against(found, SMALL)
    assert dots.count('<use ') >= 7
    assert plots.parallel(grid({1e-3: {0: 1.0}}), SMALL) == ''


def workdir(folder: Path, seed: int, value: float, **changes: Any) -> Path:
    folder.mkdir()
    config = tiny_sweep.get_config()
    choices.set_all(config, {'seed': seed, **changes})
    (folder / 'config.json').write_text(config.to_json())
    (folder / 'metrics.jsonl').write_text(json.dumps({'step': 20, 'd/loss': value}) + '\n')
    return folder


def test_two_settings_by_their_folders(tmp_path: Path) -> None:
    """Differences -1, -2, -3, -2: mean -2, t = -2 / (sqrt(2/3) / 2) = -4.89898 with 3 degrees, p =
    0.01628.
    """
    a = [workdir(tmp_path / f'a{s}', s, 5.0 + s) for s in range(5)]
    b = [
        workdir(tmp_path / f'b{s}', s, 5.0 + s + g, loss='hinge') for s, g in enumerate((1.0, 2.0, 3.0, 2.0))
    ]
    said = comparison.compare(a, b, 'd/loss')
    assert "loss: 'non_saturating' in a, 'hinge' in b" in said
    assert 'left out, only in a: seed 4' in said
    assert 'over 4 seeds' in said
    assert '  a - b  -2  [-3.2992, -0.70077]' in said
    assert 'paired t test: p = 0.0163; exact sign flips: p = 0.125' in said
    with pytest.raises(
        errors.GaxError, match=r"alike in all but the seed; .*loss: 'non_saturating' and 'hinge'"
    ):
        comparison.compare([*a, b[0]], b, 'd/loss')
    with pytest.raises(errors.GaxError, match='two runs of seed 1'):
        comparison.compare([*a, workdir(tmp_path / 'c', 1, 0.0)], b, 'd/loss')
    with pytest.raises(errors.GaxError, match='--b matches no folder'):
        comparison.compare(a, [], 'd/loss')
    with pytest.raises(errors.GaxError, match='is no workdir of a gax run'):
        comparison.compare([tmp_path], b, 'd/loss')
    with pytest.raises(errors.GaxError, match=r"no run reports 'd/los' \(nearest: d/loss\)"):
        comparison.compare(a, b, 'd/los')
