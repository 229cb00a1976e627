"""Runs trained together by vmap are what they would be alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest

from configs import dcgan_mnist, mlp2d, vanilla_mnist
from gax.config import choices
from gax.core import updates
from gax.distributed import sharding
from gax.nets.ops import conv
from gax.sweep import plan
from gax.sweep.vmapped import program
from gax.training import experiment, feed, programs
from tests.helpers.toys import close


@pytest.fixture(scope='module', autouse=True)
def compiled_quickly() -> Iterator[None]:
    jax.config.update('jax_disable_most_optimizations', True)
    yield
    jax.config.update('jax_disable_most_optimizations', False)


RATE, R1 = 'g.optimizer.learning_rate', 'terms.r1.weight'
BETA = {mlp2d: 'd.optimizer.b1', vanilla_mnist: 'd.optimizer.decay'}
NUMBERS = [(3, 1e-3, 0.5, 0.1, 0.0), (8, 2e-3, 0.9, 1.0, 0.1), (3, 5e-4, 0.0, 0.2, 0.2)]


def made(module: Any) -> tuple[list[Any], program.Runs]:
    base = module.get_test_config()
    base.g.net.widths = base.d.net.widths = (8,)
    choices.choose(base, 'terms.r1', every=2, weight=0.0)
    fields = ('seed', RATE, BETA[module], R1, 'label_smoothing')
    configs = [plan.changed(base, dict(zip(fields, numbers, strict=True))) for numbers in NUMBERS]
    built = experiment.build(configs[0], sharding.mesh(jax.devices()[:1]))
    return configs, program.gather(built, configs, fields[1:])


# Beside this one: tests/core/test_step.py trains games under vmap in `make test`, too.
@pytest.mark.slow
@pytest.mark.parametrize('module', [mlp2d, vanilla_mnist])
def test_runs_together_are_the_runs_alone(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four steps in which a lazy term is due twice; seeds, a rate, a beta, a weight and a target differ."""
    configs, runs = made(module)
    together, advance = program.init(runs), program.advancer(runs)
    traced, make = list[Any](), experiment.one_step
    with monkeypatch.context() as patched:
        patched.setattr(
            experiment, 'one_step', lambda built, active: traced.append(active) or make(built, active)
        )
        for step in (0, 2):
            together = advance(together, step, 2)
    assert [active.due for active in traced] == [{'d/r1'}, set()]  # once for both calls
    built = experiment.build(configs[1], sharding.mesh(jax.devices()[:1]))
    alone, forward = experiment.init(built), programs.advancer(built)
    for step in (0, 2):
        alone = forward(alone, step, 2)
    close(program.pick(together, 1), alone, 1e-5)
    assert together.meter.totals['d/r1'][1].tolist() == [2.0, 2.0, 2.0]
    kernels = jax.tree.leaves(together.state.params['g'])[-1]
    assert not np.allclose(kernels[0], kernels[1])
    assert not np.allclose(kernels[0], kernels[2])  # of one seed: the numbers do count


@pytest.mark.slow
def test_devices_make_their_own_runs_and_send_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a convolutional game whose convolutions are XLA's, as on accelerators."""
    monkeypatch.setattr(conv, 'default_lowering', lambda: 'lax')
    configs = [dcgan_mnist.get_test_config() for _ in range(2)]
    configs[1].seed = 1
    runs = program.gather(experiment.build(configs[0], sharding.mesh(jax.devices()[:1])), configs)
    assert runs.built.mesh.size == 2
    advance = program.program(runs, updates.Active(), 1)
    rows = np.zeros((2, 1, runs.built.rows), np.int32)
    carry = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((2, *x.shape), x.dtype, sharding=runs.sharding),
        experiment.shapes(runs.built),
    )
    text = advance.func.lower(*advance.args, carry, runs.built.arrays, rows).compile().as_text()  # type: ignore[attr-defined]
    assert ' convolution(' in text
    assert re.findall(r' ((?:all|collective)-\w+|reduce-scatter)\(', text) == []


def test_each_run_reads_its_own_order() -> None:
    configs, runs = made(vanilla_mnist)
    rows = program.feeder(runs)(7, 3)
    assert rows.shape == (3, 3, runs.built.rows)
    for run, config in enumerate(configs):
        built = runs.built._replace(config=config)
        np.testing.assert_array_equal(rows[run], feed.indices(built, 7, 3))
    assert not np.array_equal(rows[0], rows[1])
