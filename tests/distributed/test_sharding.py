"""Meshes of the four simulated devices, and one step compiled in three ways for them."""

from __future__ import annotations

import re
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from gax.core import updates
from gax.distributed import sharding
from gax.errors import GaxError
from gax.nets.ops.conv import conv
from gax.training import experiment, feed, programs
from tests.helpers import tinyruns
from tests.helpers.cases import with_slow
from tests.helpers.toys import close, differ

MODES = tuple(sharding.PARALLEL)
# Nothing here lets examples see one another; points, latents, dropout and the penalty's places are drawn in
# every step.
APART = {
    **{'g.net.batch_norm': False, 'd.net.dropout': 0.3, 'terms.wgan_gp.weight': 1.0},
    **{'g.net.widths': (8,), 'd.net.widths': (8,), 'data.name': 'synthetic:ring'},
}


def test_mesh_takes_all_devices_or_those_given():
    assert sharding.mesh().shape == {'data': len(jax.devices())}
    assert sharding.mesh(jax.devices()[:2]).shape == {'data': 2}


@pytest.mark.parametrize(('size', 'nearest'), [(1, 4), (5, 4), (7, 8), (6, 8), (66, 64)])
def test_a_batch_that_cannot_be_dealt_out_is_refused(size, nearest):
    with pytest.raises(
        GaxError, match=f'batch_size {size} cannot be divided among 4 devices.* is {nearest}$'
    ):
        sharding.check_batch(size, sharding.mesh(jax.devices()[:4]))


def test_a_batch_that_can():
    sharding.check_batch(8, sharding.mesh(jax.devices()[:4]))
    sharding.check_batch(5, sharding.mesh(jax.devices()[:1]))


def test_compiled_programs_split_rows_keep_the_carry_whole_and_donate_it():
    mesh, seen = sharding.mesh(jax.devices()[:4]), []

    def advance(carry, arrays, indices):
        jax.debug.inspect_array_sharding(
            arrays[indices], callback=lambda s: seen.append(s.shard_shape(indices.shape))
        )
        return carry + jnp.sum(arrays[indices])

    carry = jax.device_put(jnp.zeros(()), sharding.replicated(mesh))
    arrays = jax.device_put(jnp.arange(10.0), sharding.replicated(mesh))
    after = sharding.compile(advance, mesh, row_axis=1)(carry, arrays, np.arange(8).reshape(1, 8))
    assert float(after) == sum(range(8))
    assert after.sharding.is_fully_replicated
    assert after.sharding.device_set == set(jax.devices()[:4])
    assert carry.is_deleted()
    assert not arrays.is_deleted()
    assert seen == [(1, 2)]


def test_the_mean_over_replicas_leaves_whole_numbers():
    mesh = sharding.mesh(jax.devices()[:4])
    found = jax.shard_map(
        lambda x: sharding.mean({'a': x[0], 'b': (x[0] * 2, jnp.ones((), jnp.int32))}),
        mesh=mesh,
        in_specs=PartitionSpec('data'),
        out_specs=PartitionSpec(),
        check_vma=False,
    )(jnp.arange(4.0))
    close(found, {'a': np.float32(1.5), 'b': (np.float32(3), np.int32(1))})
    assert found['b'][1].dtype == jnp.int32


def built(mode, devices=4, **changes):
    config = tinyruns.config(parallel=mode, **{**APART, **changes})
    return experiment.build(config, sharding.mesh(jax.devices()[:devices]))


@cache
def fresh(**changes):
    """The carry before step 0, on the host; it is the same in every mode and on all meshes."""
    return jax.device_get(experiment.init(built('jit', 1, **changes)))


def run(mode, devices=4, calls=3, **changes):
    """The carry after `calls` steps, in double precision, where only a real difference shows."""
    made = built(mode, devices, **changes)
    with jax.enable_x64(True):
        carry = jax.device_put(jax.tree.map(wide, fresh(**changes)), sharding.replicated(made.mesh))
        program = programs.program(made)
        for step in range(calls):
            carry = program(carry, made.arrays, feed.indices(made, step))
        assert all(leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(carry))
        return jax.device_get(carry)


def wide(x):
    return x.astype(np.float64) if np.issubdtype(x.dtype, np.floating) else np.array(x)


def test_a_replica_s_rows_are_refused_where_the_whole_batch_would_do():
    made = built('shard_map', accumulate=4)
    with pytest.raises(GaxError, match=r'config\.accumulate=4 must divide the 2 rows'):
        experiment.shapes(made)
    experiment.shapes(built('jit', accumulate=4))


NO_MEANS = ('diversity', 'logits_max')  # over examples; and diversity is float32 always


@cache
def on_one_device():
    return run('jit', 1)


@pytest.mark.parametrize(
    'mode', [pytest.param(mode, marks=[pytest.mark.slow] * (mode != 'shard_map')) for mode in MODES]
)
def test_all_modes_are_one_step_where_examples_do_not_see_one_another(mode):
    """Four devices draw the numbers that one draws."""
    one, found = on_one_device(), run(mode)
    close(found.state, one.state, 1e-10)
    means = [{n: v for n, v in c.meter.totals.items() if not n.endswith(NO_MEANS)} for c in (found, one)]
    close(*means, 1e-10)


@pytest.mark.slow
def test_batch_norm_is_of_a_replica_s_rows_and_its_averages_are_the_replicas():
    """The mean of four means is the mean; the variance within replicas is what is left of that of all
    without theirs.
    """
    fields = {'g.net.batch_norm': True, 'g.net.widths': (8, 8), 'terms.wgan_gp.weight': 0.0}
    one, mine = (run(mode, calls=1, **fields).state for mode in ('jit', 'shard_map'))
    ((name, whole),) = one.model_state['g']['batch_stats'].items()
    replicas = mine.model_state['g']['batch_stats'][name]
    np.testing.assert_allclose(replicas['mean'], whole['mean'], rtol=1e-10, atol=1e-12)
    assert np.all(replicas['var'] < whole['var'] - 1e-6)
    assert differ(mine.params['g'], one.params['g'])


@cache
def compiled(mode, devices=4):
    """One step on many rows, so that what is done for each of them outweighs what is done with a gradient."""
    made = built(mode, devices, batch_size=256)
    return programs.program(made).lower(fresh(), made.arrays, experiment.row_shapes(made)).compile()


def reductions(mode):
    """(what reduces, the number of arrays) of each all-reduce in the compiled step.

    Rows are not moved, ever.
    """
    text = compiled(mode).as_text()
    assert not re.findall(r' (all-gather|all-to-all|reduce-scatter)(?:-start)?\(', text)
    found = re.findall(r'= (\(.*?\)|\S+) all-reduce(?:-start)?\(.*to_apply=%?([\w.-]+)', text)
    return [(kind_of(text, name), len(re.findall(r'\w+\[', shapes))) for shapes, name in found]


def kind_of(text, name):
    """The operation of the computation `name`: its root's."""
    body = text[re.search(rf'^%?{re.escape(name)} \(', text, re.MULTILINE).start() :]
    return re.search(r'ROOT .*? (\w+)\(', body).group(1)


def test_replicas_talk_once_a_move():
    """One all-reduce of one vector: gradient, metrics, statistics and all."""
    assert len(updates.moves(built('shard_map').game)) == 2
    assert reductions('shard_map') == [('add', 1), ('add', 1)]


@pytest.mark.slow
def test_the_compiler_has_one_all_reduce_a_move_too():
    """Of sums: the gradient's arrays (4 each) and the metrics'.

    Beside them one of the largest logits of reals and fakes.
    """
    found = reductions('jit')
    assert [kind for kind, _ in found].count('add') == 2
    assert all(arrays >= 4 for kind, arrays in found if kind == 'add')
    assert [pair for pair in found if pair[0] != 'add'] == [('maximum', 2)]


@pytest.mark.slow
@pytest.mark.parametrize('mode', ['jit', 'shard_map'])
def test_each_device_does_its_share_of_the_work(mode):
    """Floating-point operations of the program that each of four devices runs, and of the one that one
    device does.
    """
    four, one = (compiled(*which).cost_analysis()['flops'] for which in ((mode, 4), ('jit', 1)))
    assert 0.2 < four / one < 0.35


@pytest.mark.parametrize(('rows', 'dealt'), with_slow([(8, True), (6, False)], 0))
def test_devices_convolve_their_own_rows_in_groups(rows, dealt):
    """XLA's grouped convolutions, as accelerators take them, with a penalty on gradients. Rows that cannot be
    dealt out are whole on every device.
    """
    mesh = sharding.mesh(jax.devices()[:4])
    x, kernel = (np.random.RandomState(0).randn(*shape) for shape in ((rows, 4, 4, 8), (3, 3, 2, 8)))

    def score(x, kernel):
        return jnp.sum(jnp.sin(conv(x, kernel, groups=4, lowering='lax')))

    def loss(x, kernel):
        return score(x, kernel) + score(2 * x, kernel) + jnp.sum(jax.grad(score)(x, kernel) ** 2)

    whole = sharding.replicated(mesh)
    split = sharding.rows(mesh) if dealt else whole
    with jax.enable_x64(True):
        wanted = jax.jit(jax.grad(loss, 1))(x, kernel)
        program = jax.jit(
            sharding.under(mesh, jax.grad(loss, 1)), in_shardings=(split, whole), out_shardings=whole
        )
        compiled = program.lower(x, kernel).compile()
        close(compiled(x, kernel), wanted, 1e-12)
    assert 'all-gather' not in compiled.as_text()
    assert compiled.as_text().count(' all-reduce(') == dealt


def test_the_user_s_own_flags_win_over_those_that_a_step_is_compiled_with(monkeypatch):
    monkeypatch.setenv('XLA_FLAGS', '--xla_force_host_platform_device_count=4')
    assert sharding.compiler_options('cpu')['xla_backend_optimization_level'] == 2
    monkeypatch.setenv('XLA_FLAGS', '--xla_backend_optimization_level=0')
    assert list(sharding.compiler_options('cpu')) == ['xla_disable_hlo_passes']
    assert sharding.compiler_options('gpu') == {}
