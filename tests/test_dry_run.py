"""What a config would train: counted from shapes alone."""

import json

import jax
import pytest

from gax.config import fields
from gax.nets import families, registry
from gax.nets.ensemble import committee
from gax.training import dry_run, experiment
from tests.helpers import tinyruns


def test_parameters_layers_and_operations():
    config = tinyruns.config(**{'data.name': 'synthetic:ring', 'd.members': 2, 'd.net.widths': (3,)})
    summary = dry_run.describe(config)
    state = experiment.shapes(experiment.build(config)).state
    for name, net in summary.nets.items():
        assert net.parameters == sum(x.size for x in jax.tree.leaves(state.params[name]))
        assert net.parameters == sum(layer.parameters for layer in net.layers)
    # Two members, each 2 -> 3 -> 1.
    assert [layer.parameters for layer in summary.nets['d'].layers if layer.kind == 'Dense'] == [9, 4, 9, 4]
    assert summary.nets['g'].layers[-1].outputs == [(2, 2)]
    assert summary.flops > 0 < summary.seconds
    assert summary.bytes['state'] >= 4 * sum(net.parameters for net in summary.nets.values())
    content = json.loads(dry_run.to_json(summary))
    assert content['nets'] == {name: {'parameters': net.parameters} for name, net in summary.nets.items()}
    assert content['flops'] == summary.flops
    assert fields.flat(content['config']) == fields.flat(config)
    text = dry_run.as_text(summary)
    assert 'config.d.net.widths = (3,)' in text
    assert 'd: 26 parameters' in text
    assert summary.gamma is None  # of points
    assert 'StyleGAN2-ADA' not in text


def test_large_networks_are_counted_and_not_allocated():
    section = families.section('mlp', 'Discriminator')
    section.widths = (9000, 9000, 1000)
    net = registry.network(section, 'Discriminator', (28, 28, 1))
    before = sum(x.nbytes for x in jax.live_arrays())
    expected = 784 * 9000 + 9000 + 9000 * 9000 + 9000 + 9000 * 1000 + 1000 + 1000 + 1
    assert dry_run.table(net).parameters == expected
    assert dry_run.table(committee(net, net)).parameters == 2 * expected
    assert sum(x.nbytes for x in jax.live_arrays()) - before < 10_000


@pytest.mark.parametrize('mode', ['', pytest.param('=json', marks=pytest.mark.slow)])
def test_the_script_prints_and_trains_nothing(mode):
    command = (f'--config={tinyruns.CONFIG}', '--config.data.name=synthetic:ring', f'--dry_run{mode}')
    done = tinyruns.run('train.py', *command)
    assert (done.returncode, done.stderr) == (0, '')
    if mode:
        assert set(json.loads(done.stdout)) >= {'config', 'nets', 'flops'}
    else:
        assert 'floating-point operations a step' in done.stdout
