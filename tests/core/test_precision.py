"""Networks in bfloat16, and networks whose passes are made again: one step against the plain one."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.distributed import sharding
from gax.errors import GaxError
from gax.training import experiment, feed, programs
from tests.helpers import tinyruns
from tests.helpers.toys import close

# Batch-norm in g and both kinds of gradient penalty in d. Convolutions are matrix products here:
# nets/conv.py.
SMALL = {
    **{
        'data.image_size': 8,
        'g.net.widths': (8, 8),
        'd.net.kind': 'dcgan',
        'd.net.widths': (4, 8),
        'd.net.dropout': 0.0,
    },
    **{'terms.r1.weight': 1.0, 'terms.wgan_gp.weight': 1.0, 'batch_size': 16},
}


def built(**changes):
    config = tinyruns.config(**{**SMALL, **changes})
    return experiment.build(config, sharding.mesh(jax.devices()[:1]))


def one_step(**changes):
    """(state, metrics, the program's text as it is before the compiler sees it) of the first step."""
    made = built(**changes)
    fresh = experiment.init(made)
    rows = jnp.asarray(feed.indices(made, 0)[0])
    step = jax.jit(experiment.one_step(made)).trace(fresh.state, made.arrays, rows)
    state, metrics = step.lower().compile()(fresh.state, made.arrays, rows)
    return *jax.device_get((state, metrics)), str(step.jaxpr)


def products(text):
    """The types of all matrix products: float32, bfloat16."""
    return set(re.findall(r':(\w+)\[\d[^ ]*\] = dot_general', text))


@pytest.fixture(scope='module')
def plain():
    return one_step()


@pytest.fixture(scope='module')
def half():
    return one_step(precision='bfloat16')


@pytest.mark.slow
def test_bfloat16_networks_train_float32_parameters(plain, half):
    state, metrics, text = half
    assert products(plain[2]) == {'f32'}
    assert products(text) == {'bf16'}
    for leaf in jax.tree.leaves((state, metrics)):
        assert leaf.dtype in (np.float32, np.int32, np.uint32)
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, plain[0])


@pytest.mark.slow
def test_bfloat16_penalties_and_statistics_are_close_to_those_in_float32(plain, half):
    """bfloat16 has 8 bits, so that a number is off by up to 0.4 %, and these are sums over some hundred of
    them.
    """
    state, metrics, _ = half
    for name in ('d/r1', 'd/wgan_gp', 'd/loss', 'g/loss', 'd/grad_norm', 'g/grad_norm'):
        found, wanted = metrics[name][0], plain[1][name][0]
        assert np.isfinite(found)
        assert 0 < abs(found / wanted - 1) < 0.03, name
    close(state.model_state, plain[0].model_state, 0.01)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(state.params))


@pytest.mark.slow
def test_passes_made_again_give_the_same_step_in_less_memory():
    """Deep networks and many rows: a step, and the temporary memory of its program."""
    deep = {
        'data.name': 'synthetic:ring',
        'data.image_size': 0,
        'batch_size': 1024,
        'd.net.kind': 'mlp',
        'terms.wgan_gp.weight': 0.0,
    }
    deep |= {
        'terms.r1.weight': 0.0,
        'g.net.widths': (32,) * 5,
        'd.net.widths': (32,) * 5,
        'd.net.dropout': 0.3,
    }

    def run(**changes):
        made = built(**{**deep, **changes})
        carry, rows = experiment.init(made), feed.indices(made, 0)
        program = programs.program(made).lower(carry, made.arrays, rows).compile()
        memory = program.memory_analysis().temp_size_in_bytes
        return jax.device_get(program(carry, made.arrays, rows)), memory

    (plain, whole), (again, less) = run(), run(remat='g,d')
    assert less < 0.85 * whole, (less, whole)
    close(again.state.model_state, plain.state.model_state, 1e-5)
    close(again.meter.totals, plain.meter.totals, 1e-4)


def test_a_network_that_is_not_there_is_refused():
    with pytest.raises(
        GaxError, match=r"network in config\.remat.*'e'.*d, g|network in config\.remat.*'e'.*g, d"
    ):
        built(remat='g,e')
