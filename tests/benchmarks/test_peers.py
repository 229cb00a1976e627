"""The peers are the models they claim to be, and the comparison is arithmetic we can check."""

from __future__ import annotations

import importlib
import pathlib
import subprocess
import sys

import jax
import pytest

from tests.helpers import tinyruns

BENCHMARKS = pathlib.Path(__file__).parents[2] / 'benchmarks'

# Trainable parameters of (generator, discriminator), counted by hand from the layers' sizes.
PARAMETERS = {
    'dcgan_mnist': (2_305_472, 212_865),
    'vanilla_mnist': (1_510_032, 1_460_225),
    'mlp2d': (17_154, 17_025),
}


@pytest.fixture(autouse=True)
def _peers_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / 'peers'))


@pytest.fixture
def compare():
    with tinyruns.benchmark('compare', '--peers=') as module:
        yield module


def benchmarked():
    with tinyruns.benchmark('models') as models:
        return list(models.MODELS)


def ours(name):
    """Trainable parameters of gax's networks, (generator, discriminator)."""
    from models import MODELS

    from gax import data, gans
    from gax.core import rng, updates

    config = MODELS[name].config()
    game = gans.make(config, data.load(config).spec)
    params = jax.eval_shape(
        lambda: {n: net.init(rng.stream(jax.random.key(0), n))[0] for n, net in game.nets.items()}
    )
    assert set(updates.moves(game)[-1]) == {'g', 0, updates.batches_per_step(game) - 1}
    return tuple(sum(leaf.size for leaf in jax.tree.leaves(params[net])) for net in ('g', 'd'))


def theirs(name):
    """Those of the networks that the PyTorch peer of that name trains."""
    from models import MODELS

    model = MODELS[name]
    module = importlib.import_module(model.peer)
    sizes = model.given.get('widths')
    made = [getattr(module, f'make_{role}') for role in ('generator', 'discriminator')]
    nets = (
        [make(width=size) for make, size in zip(made, sizes, strict=True)] if sizes else [m() for m in made]
    )
    return tuple(sum(p.numel() for p in net.parameters()) for net in nets)


@pytest.mark.parametrize('name', PARAMETERS)
def test_parameters_are_those_counted_by_hand(name):
    assert ours(name) == PARAMETERS[name]


@pytest.mark.parametrize('name', benchmarked())
def test_torch_has_as_many_parameters(name):
    pytest.importorskip('torch')
    assert theirs(name) == ours(name)


@pytest.mark.slow
@pytest.mark.parametrize('name', ['dcgan64', 'wgan_gp_mnist', 'sngan32_narrow', 'r3gan32_narrow'])
@pytest.mark.parametrize('options', [(), ('tuned', 'channels_last'), ('amp',)])
def test_torch_peers_move_every_parameter(name, options, monkeypatch):
    """But for the offset of D's logit, which cancels in E D(G(z)) - E D(x), and in the hinge loss before D
    is sure.
    """
    torch = pytest.importorskip('torch')
    import torch_step
    from models import MODELS

    games = []
    for builder in ('example_step', 'critic_step'):
        made = getattr(torch_step, builder)
        module = importlib.import_module(MODELS[name].peer)
        if hasattr(module, builder):
            monkeypatch.setattr(
                module, builder, lambda game, *rest, made=made: games.append(game) or made(game, *rest)
            )
    torch.manual_seed(0)
    chosen = torch_step.Options(**dict.fromkeys(options, True))
    step = importlib.import_module(MODELS[name].peer).build(4, chosen, **MODELS[name].given)
    nets = (games[0].generator, games[0].discriminator)
    before = [[p.detach().clone() for p in net.parameters()] for net in nets]
    for _ in range(2):  # what a layer of zeros hides moves in the second step
        assert all(torch.isfinite(loss) for loss in step())
    for net, old in zip(nets, before, strict=True):
        still = [p.numel() for p, o in zip(net.parameters(), old, strict=True) if torch.equal(p, o)]
        assert still in ([], [1])


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
    import torch_step

    torch.manual_seed(0)
    step = torch_mlp2d.build(64, torch_step.Options(tuned=tuned))
    first = [float(loss) for loss in step()]
    for _ in range(20):
        last = [float(loss) for loss in step()]
    assert all(abs(a - b) > 1e-3 for a, b in zip(first, last, strict=True))


def test_the_average_is_that_of_gax():
    """Of parameters and of batch-norm's running statistics, its decay reached gradually."""
    torch = pytest.importorskip('torch')
    import torch_step

    from gax.core import ema

    net = torch.nn.BatchNorm1d(3)
    averaged, move = torch_step.average(net, 0.999)
    expected = {name: value.clone() for name, value in net.state_dict().items() if value.is_floating_point()}
    for step in range(3):
        with torch.no_grad():
            net.weight += 1.0
        net(torch.randn(8, 3))
        move()
        decay = float(ema.with_warmup(0.999)(step))
        for name, value in net.state_dict().items():
            if name in expected:
                expected[name] = decay * expected[name] + (1 - decay) * value
    found = averaged.state_dict()
    assert set(expected) == {'weight', 'bias', 'running_mean', 'running_var'}
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')  # Dynamo's and Inductor's own, which they do not survive as errors
def test_compiled_spectral_normalisation_can_be_differentiated():
    """Two forward passes of D, whose power method writes in place: each has its backward pass before the
    next.
    """
    torch = pytest.importorskip('torch')
    import torch_sngan
    import torch_step

    step = torch_sngan.build(4, torch_step.Options(compiled=True, tuned=True), widths=(8, 8))
    assert all(torch.isfinite(loss) for loss in step())


@pytest.mark.parametrize('net', ['generator', 'discriminator'])
def test_fused_resizes_are_the_same_function(net):
    """The same names of parameters and, to rounding, the same images or logits."""
    torch = pytest.importorskip('torch')
    import torch_sngan

    nets, outputs = [], []
    for fused in (False, True):
        torch.manual_seed(0)
        nets.append(getattr(torch_sngan, f'make_{net}')(width=8, fused=fused).eval())
        nets[-1].load_state_dict(nets[0].state_dict())
        outputs.append(nets[-1](torch.randn(4, 128) if net == 'generator' else torch.randn(4, 3, 32, 32)))
    assert nets[0].state_dict().keys() == nets[1].state_dict().keys()
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)


def test_naive_flax_is_the_same_model():
    import naive_flax

    shapes = jax.eval_shape(naive_flax.init_states)
    state_d, state_g = shapes
    counts = tuple(sum(leaf.size for leaf in jax.tree.leaves(state.params)) for state in (state_g, state_d))
    assert counts == PARAMETERS['dcgan_mnist']


def test_ratios_are_paired_by_round():
    import report

    rates = [(20.0, 10.0), (40.0, 20.0), (6.0, 2.0)]  # the machine drifts, the ratio does not
    window = {'others_cpu': 0.0, 'foreign_cpu': 0.0, 'cpu_seconds': 3.0, 'steps': 6}
    told = {'gax': {'flops_per_step': 5.0, 'peak_flops': 400.0}, 'torch': {}}
    rounds = [
        {name: {'steps_per_sec': r, **window} for name, r in zip(told, pair, strict=True)} for pair in rates
    ]
    records = report.summarize('mlp2d', 256, rounds, told)
    assert records[0]['images_per_sec'] == 256 * 20.0
    assert records[0]['cpu_seconds_per_step'] == 0.5
    assert records[0]['share_of_peak'] == 5.0 * 20.0 / 400.0
    assert 'share_of_peak' not in records[1]
    assert records[0]['steps_per_sec']['median'] == 20.0
    assert 'gax_ratio' not in records[0]
    assert records[1]['gax_ratio']['median'] == 2.0
    best = report.verdict('mlp2d', records)['gax_over_torch']
    assert best == {'ratio': 2.0, 'best': 'torch', 'target': 3.0}
    assert report.verdict('mlp2d', records, 'gpu')['gax_over_torch'] == {**best, 'target': 1.5}
    assert 'torch' in report.format_table(records)


def test_the_best_of_pytorch_is_the_fastest_of_all_its_variants():
    import report

    window = {'others_cpu': 0.0, 'foreign_cpu': 0.0, 'cpu_seconds': 1.0, 'steps': 1}
    rates = {'gax': 6.0, 'torch': 2.0, 'torch_tuned_compiled': 3.0, 'naive_flax': 1.0}
    rounds = [{name: {'steps_per_sec': rate, **window} for name, rate in rates.items()}]
    records = report.summarize('dcgan_mnist', 64, rounds, {name: {} for name in rates})
    found = report.verdict('dcgan_mnist', records)
    assert found['gax_over_torch'] == {'ratio': 2.0, 'best': 'torch_tuned_compiled', 'target': 1.0}
    assert found['gax_over_naive_flax']['ratio'] == 6.0


class Canned:
    """A worker that ends in its `fails`-th window, or where it shall tell of itself."""

    steps = 10

    def __init__(self, name, fails=None):
        self.name, self.fails, self.windows, self.closed = name, fails, 0, False

    def calibrate(self, seconds):
        pass

    def cpu_seconds(self):
        return 0.0

    def close(self):
        self.closed = True

    def run(self, steps):
        self.windows += 1
        self._end(self.windows)
        return {'steps': steps, 'seconds': 2.0, 'cpu_seconds': 1.0}

    def tell(self):
        self._end('tell')
        return {'memory_bytes': 1}

    def _end(self, when):
        import pool

        if when == self.fails:
            raise pool.WorkerError(f'{self.name}: the process ended')


@pytest.mark.parametrize('when', [1, 2, 'tell'])
def test_a_worker_that_ends_leaves_the_row_and_the_others_go_on(compare, when, monkeypatch):
    monkeypatch.setattr(compare, 'busy_seconds', lambda: 0.0)
    workers = [Canned('gax'), Canned('torch', when), Canned('naive_flax')]
    records = compare.measure(compare.Row('dcgan_mnist', 64, list(workers), {}))
    measured = {record['implementation'] for record in records if 'windows' in record}
    assert measured == {'gax', 'naive_flax'}
    assert [r['skipped'] for r in records if r['implementation'] == 'torch'] == ['torch: the process ended']
    assert [worker.closed for worker in workers] == [False, True, False]
    assert all(len(r['windows']) == 6 for r in records if r['implementation'] in measured)
    assert all(r['first_step_alone'] for r in records if r['implementation'] in measured)


@pytest.mark.parametrize(('busy_rounds', 'windows', 'left'), [(0, 6, 0), (2, 8, 0), (99, 12, 6)])
def test_a_round_that_other_work_disturbs_is_taken_again(compare, monkeypatch, busy_rounds, windows, left):
    """Other processes use a quarter of a core during the first rounds, of two windows each."""
    workers = [Canned('gax'), Canned('torch')]
    used = [0.0]

    def busy():
        used[0] += 0.5 * (sum(worker.windows for worker in workers) <= 2 * busy_rounds)
        return used[0]

    monkeypatch.setattr(compare, 'busy_seconds', busy)
    records = compare.measure(compare.Row('dcgan_mnist', 64, list(workers), {}))
    assert [worker.windows for worker in workers] == [windows, windows]
    assert [record['disturbed'] for record in records] == [left, left]
    assert all(len(record['windows']) == 6 for record in records)


def test_foreign_work_is_what_the_worker_did_not_do(compare):
    assert compare.foreign((10.0, 3.0), (16.0, 8.0), 2.0) == 0.5
    assert compare.foreign((10.0, 3.0), (14.0, 8.0), 2.0) == 0.0  # clocks of ticks
    assert compare.foreign((None, 3.0), (None, 8.0), 2.0) == 0.0


def test_the_machine_is_at_least_as_busy_as_this_process():
    import time

    import pool

    before = pool.busy_seconds()
    if before is None:
        pytest.skip('no /proc/stat')
    own = time.process_time()
    while time.process_time() < own + 0.3:
        pass
    assert pool.busy_seconds() - before >= 0.2


def test_worker_says_in_one_line_what_is_wrong():
    import pool

    wrong = pool.Worker('naive', ['--impl=naive_flax', '--model=mlp2d'])
    with wrong as worker, pytest.raises(pool.WorkerError, match='written for dcgan_mnist') as caught:
        worker.wait()
    assert '\n' not in str(caught.value)


def test_worker_runs_windows_and_rests():
    pytest.importorskip('torch')
    import pool

    with pool.Worker('torch', ['--impl=torch', '--model=mlp2d', '--batch_size=64', '--threads=1']) as worker:
        worker.wait()
        worker.calibrate(window_seconds=0.1)
        window = worker.run(worker.steps)
        assert window['steps'] == worker.steps > 1
        assert window['seconds'] > 0
        told = worker.tell()
        assert 0 < told['first_step_seconds'] < 600
        assert told['memory_bytes'] > 50 * 2**20
        assert set(told['versions']) == {'python', 'torch'}  # of what it has imported, and of nothing else


@pytest.mark.parametrize(
    ('flag', 'said'),
    [
        ('--peers=torhc', "unknown name 'torhc'; there are: torch,"),
        ('--models=dcgan46', "unknown name 'dcgan46'; there are: mlp2d,"),
        ('--batch_sizes=16,many', "whole numbers, and has 'many'"),
        ('--peers=artifex', 'needs --artifex_python'),
    ],
)
def test_compare_refuses_what_cannot_work(flag, said):
    command = [sys.executable, str(BENCHMARKS / 'compare.py'), flag]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count('\n') == 1
    assert said in done.stderr


def test_networks_without_convolutions_have_no_order_of_memory(compare):
    assert list(compare.peers_of('mlp2d')) == [
        *('gax', 'torch', 'torch_tuned', 'torch_compiled', 'torch_tuned_compiled')
    ]
    assert 'naive_flax' in compare.peers_of('dcgan_mnist')
    assert 'naive_flax' not in compare.peers_of('dcgan64')
