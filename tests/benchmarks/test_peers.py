"""The peers are the models they claim to be, and the comparison is arithmetic we can check."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import jax
import pytest

BENCHMARKS = pathlib.Path(__file__).parents[2] / 'benchmarks'

# Trainable parameters of (generator, discriminator), counted by hand from the layers' sizes.
PARAMETERS = {
    'torch_dcgan': (2_305_472, 212_865),
    'torch_vanilla': (1_510_032, 1_460_225),
    'torch_mlp2d': (17_154, 17_025),
}


@pytest.fixture(autouse=True)
def _peers_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS / 'peers'))


@pytest.mark.parametrize('name', PARAMETERS)
def test_torch_parameter_counts(name):
    pytest.importorskip('torch')
    module = __import__(name)
    nets = (module.make_generator(), module.make_discriminator())
    counts = tuple(sum(p.numel() for p in net.parameters()) for net in nets)
    assert counts == PARAMETERS[name]


@pytest.mark.parametrize('channels_last', [False, True])
def test_torch_dcgan_shapes(channels_last):
    torch = pytest.importorskip('torch')
    import torch_dcgan

    images = torch_dcgan.make_generator(channels_last)(torch.randn(2, 100))
    assert images.shape == (2, 1, 28, 28)
    assert torch_dcgan.make_discriminator()(images).shape == (2, 1)


@pytest.mark.parametrize('tuned', [False, True])
def test_torch_step_moves_both_losses(tuned):
    torch = pytest.importorskip('torch')
    import torch_mlp2d

    torch.manual_seed(0)
    step = torch_mlp2d.build(64, compiled=False, channels_last=False, tuned=tuned)
    first = [float(loss) for loss in step()]
    for _ in range(20):
        last = [float(loss) for loss in step()]
    assert all(abs(a - b) > 1e-3 for a, b in zip(first, last, strict=True))


def test_naive_flax_is_the_same_model():
    import naive_flax

    shapes = jax.eval_shape(naive_flax.init_states)
    state_d, state_g = shapes
    counts = tuple(sum(leaf.size for leaf in jax.tree.leaves(state.params)) for state in (state_g, state_d))
    assert counts == PARAMETERS['torch_dcgan']


def test_ratios_are_paired_by_round():
    import report

    rates = [(20.0, 10.0), (40.0, 20.0), (6.0, 2.0)]  # the machine drifts, the ratio does not
    rounds = [[{'steps_per_sec': r, 'others_cpu': 0.0} for r in pair] for pair in rates]
    records = report.summarize('mlp2d', ['gax', 'torch'], rounds)
    assert records[0]['steps_per_sec']['median'] == 20.0
    assert 'gax_ratio' not in records[0]
    assert records[1]['gax_ratio']['median'] == 2.0
    best = report.verdict('mlp2d', records)['gax_over_torch']
    assert best == {'ratio': 2.0, 'best': 'torch', 'target': 3.0}
    assert 'torch' in report.format_table(records)


def test_worker_says_in_one_line_what_is_wrong():
    import pool

    with pytest.raises(pool.WorkerError, match='written for dcgan_mnist') as caught:
        pool.Worker('naive', ['--impl=naive_flax', '--model=mlp2d'])
    assert '\n' not in str(caught.value)


def test_worker_runs_windows_and_rests():
    pytest.importorskip('torch')
    import pool

    with pool.Worker('torch', ['--impl=torch', '--model=mlp2d', '--threads=1']) as worker:
        worker.calibrate(window_seconds=0.1)
        window = worker.run(worker.steps)
        assert window['steps'] == worker.steps > 1
        assert window['seconds'] > 0


def test_compare_refuses_an_unknown_peer():
    command = [sys.executable, str(BENCHMARKS / 'compare.py'), '--peers=torhc']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count('\n') == 1
    assert 'torhc' in done.stderr
