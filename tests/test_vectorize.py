"""Runs trained together by vmap are what they would be alone."""

import jax
import numpy as np
import pytest
from toys import close

from configs import mlp2d, vanilla_mnist
from gax import experiment, parallel, rng, vectorize
from gax import step as steps


@pytest.mark.parametrize('module', [mlp2d, vanilla_mnist])
def test_runs_together_are_the_runs_alone(module):
    """Five steps of seeds 3 and 8 in one program, and each by itself, with its own data and randomness."""
    config = module.get_test_config()
    config.terms.r1.update({'weight': 0.1, 'every': 2})
    built = experiment.build(config, parallel.mesh(jax.devices()[:1]))
    seeds = [3, 8]
    rows = vectorize.indices(built, seeds, 0, 5)
    states, metrics = vectorize.program(built)(vectorize.init(built, seeds), built.arrays, rows)
    one = jax.jit(experiment.one_step(built, None))
    for run, seed in enumerate(seeds):
        alone, total = steps.init(built.game, rng.root(seed)), 0.0
        for row in rows[:, run]:
            alone, found = one(alone, built.arrays, row)
            total += found['d/loss'][0]
        close(jax.tree.map(lambda x, run=run: x[run], states), alone, 1e-4)
        np.testing.assert_allclose(metrics['d/loss'][0][run], total, rtol=1e-4)
        assert metrics['d/loss'][1][run] == 5
    kernels = jax.tree.leaves(states.params['g'])[-1]
    assert not np.allclose(kernels[0], kernels[1])


def test_each_run_reads_its_own_order():
    built = experiment.build(vanilla_mnist.get_test_config(), parallel.mesh(jax.devices()[:1]))
    rows = vectorize.indices(built, [0, 1], 7, 3)
    assert rows.shape == (3, 2, built.rows)
    np.testing.assert_array_equal(rows[0, 0], experiment.indices(built, 7)[0])
    assert not np.array_equal(rows[:, 0], rows[:, 1])
