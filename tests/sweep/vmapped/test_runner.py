"""Runs of a group leave what they would have left alone."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from gax import errors
from gax.config import choices
from gax.sweep import plan
from gax.sweep.vmapped import grouping, runner
from gax.sweep.vmapped.runner import Ending
from gax.training import train as training
from gax.viz import curves
from tests.helpers import nearly, tiny_sweep, tinyruns

RATES = tiny_sweep.RATES
SETTINGS: dict[str, dict[str, Any]] = {
    'slow': {'seed': 0, 'terms.r1.weight': 0.1, **dict.fromkeys(RATES, 1e-3)},
    'fast': {'seed': 7, 'terms.r1.weight': 1.0, **dict.fromkeys(RATES, 3e-3)},
    # Adam takes steps as long as its rate: not finite soon.
    'wild': {'seed': 0, 'terms.r1.weight': 0.1, **dict.fromkeys(RATES, 1e30)},
}
Endings = dict[str, Ending]


@pytest.fixture(scope='module', autouse=True)
def compiled_once() -> Iterator[None]:
    jax.config.update('jax_disable_most_optimizations', True)  # compiled quickly, to slow code
    with tinyruns.compiled_once():
        yield
    jax.config.update('jax_disable_most_optimizations', False)


def configs(*names: str, **changes: Any) -> dict[str, ConfigDict]:
    base = tiny_sweep.get_config()
    choices.set_all(base, {name.replace('__', '.'): v for name, v in changes.items()})
    return {name: plan.changed(base, SETTINGS[name]) for name in names}


def train(root: Path, given: dict[str, ConfigDict]) -> tuple[Endings, str]:
    (group,), _ = grouping.groups(list(given.values()))
    assert not group.alone
    told: Endings = {}
    stopped_by = runner.train(
        group, {root / n: c for n, c in given.items()}, lambda w, e: told.update({w.name: e})
    )
    return told, stopped_by


def alone(root: Path, given: dict[str, ConfigDict]) -> Path:
    for name, config in given.items():
        training.train(config, root / name)
    return root


@pytest.mark.slow
def test_each_run_leaves_what_it_leaves_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds, rates and weights differ; one run is not finite, and says what it would have said alone."""
    monkeypatch.setattr(curves, 'curves', lambda rows, path: path.write_text(str(len(rows))))  # it is slow
    given = configs('slow', 'wild', 'fast')
    told, stopped_by = train(tmp_path / 'together', given)
    assert stopped_by == ''
    with pytest.raises(errors.GaxError, match=r'not finite at step \d') as said:
        alone(tmp_path / 'alone', {'wild': given.pop('wild')})
    reason = str(said.value).replace(str(tmp_path / 'alone'), str(tmp_path / 'together'))
    assert told == {'wild': Ending('failed', reason), 'slow': Ending('done'), 'fast': Ending('done')}
    alone(tmp_path / 'alone', given)
    for name in given:
        nearly.near(tmp_path / 'together' / name, tmp_path / 'alone' / name, 20)
    assert nearly.layout(tmp_path / 'together' / 'wild') == nearly.layout(tmp_path / 'alone' / 'wild')
    # A single run goes on from what the group has left, by the ordinary program.
    given['slow'].steps = 25
    assert training.train(given['slow'], tmp_path / 'together' / 'slow') == (25, '')
    assert [row['step'] for row in tinyruns.metrics(tmp_path / 'together' / 'slow')] == [5, 10, 15, 20, 25]


@pytest.mark.slow
def test_stopped_by_a_signal_and_gone_on_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = configs('slow', 'fast', terms__r1__every=2)
    make = runner.program.advancer

    def advancer(*arguments: Any) -> Any:
        advance = make(*arguments)

        def stopping(carry: Any, step: int, count: int) -> Any:
            if step == 7:
                os.kill(os.getpid(), signal.SIGTERM)
            return advance(carry, step, count)

        return stopping

    with monkeypatch.context() as patched:
        patched.setattr(runner.program, 'advancer', advancer)
        told, stopped_by = train(tmp_path / 'parts', given)
    assert (told, stopped_by) == (dict.fromkeys(given, Ending('stopped')), 'SIGTERM')
    assert [int(p.name) for p in (tmp_path / 'parts').glob('*/checkpoints/8')] == [8, 8]
    # Of another group that stands at another step they are lots of their own; one that is done is left as it
    # is.
    alone(tmp_path / 'parts', {'third': plan.changed(given['slow'], {'seed': 3})})
    stood = tinyruns.metrics(tmp_path / 'parts' / 'third')
    more = {
        **given,
        'third': plan.changed(given['slow'], {'seed': 3}),
        'new': plan.changed(given['fast'], {'seed': 4}),
    }
    with caplog.at_level(logging.INFO, 'gax'):
        told, _ = train(tmp_path / 'parts', more)
    assert told == dict.fromkeys(more, Ending('done'))
    assert [r.message for r in caplog.records if 'together' in r.message] == [
        'training 1 together',
        'training 2 together, from step 8 on',
    ]
    assert tinyruns.metrics(tmp_path / 'parts' / 'third') == stood
    train(tmp_path / 'whole', given)
    for name in given:
        tinyruns.same(tmp_path / 'parts' / name, tmp_path / 'whole' / name, 20)


@pytest.mark.slow
def test_evaluated_and_stopped_early_each_by_its_own(tmp_path: Path) -> None:
    """The one that is over before the other leaves its best checkpoint and its last."""
    judged = {
        'eval__every': 4,
        'eval__num': 64,
        'eval__features': 'raw',
        'eval__best': 'frechet',
        'eval__patience': 1,
    }
    given = configs('slow', 'fast', log_every=4, checkpoint__every=4, **judged)
    told, _ = train(tmp_path / 'together', given)
    assert told == dict.fromkeys(given, Ending('done'))
    alone(tmp_path / 'alone', given)
    for name in given:
        one, other = (json_rows(tmp_path / how / name / 'eval.jsonl') for how in ('together', 'alone'))
        assert [row['step'] for row in one] == [row['step'] for row in other]
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose([*a['metrics'].values()], [*b['metrics'].values()], 1e-4)
        nearly.near(tmp_path / 'together' / name, tmp_path / 'alone' / name, one[-1]['step'])


def json_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_too_many_for_the_memory_is_one_line_that_says_how_many_to_try() -> None:
    with pytest.raises(errors.GaxError, match='too small for 9 runs at once: try --group=4'):
        raise_in(runner.plain_memory_errors(9), 'RESOURCE_EXHAUSTED: Out of memory allocating')
    with pytest.raises(jax.errors.JaxRuntimeError):
        raise_in(runner.plain_memory_errors(9), 'INTERNAL: something else')


def raise_in(block: Any, said: str) -> None:
    with block:
        raise jax.errors.JaxRuntimeError(said)
