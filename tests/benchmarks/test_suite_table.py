"""The tables of docs/results/speed.md are those that the script makes of the measurements."""

import json
from pathlib import Path

import pytest

from tests.helpers import tinyruns

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def table():
    with tinyruns.benchmark('table') as module:
        yield module


def marks(value):
    return {'median': value, 'min': value / 2, 'q1': 0.9 * value, 'q3': 1.1 * value, 'max': 2 * value}


def record(name, steps, ratio=None, **more):
    found = {'model': 'dcgan64', 'said': 'DCGAN-64', 'batch_size': 32, 'implementation': name}
    found |= {'steps_per_sec': marks(steps), 'images_per_sec': 32 * steps, 'windows': [], **more}
    found |= {'first_step_seconds': 2 * steps, 'first_step_alone': True, 'memory_bytes': 2**20 * steps}
    return found | ({'gax_ratio': marks(ratio)} if ratio else {})


def report(device='cpu'):
    cost = {'flops_per_step': 3e9, 'share_of_peak': 0.125, 'peak_is': 'measured', 'device_kind': 'a GPU'}
    records = [
        record('gax', 4.0, **cost),
        record('torch', 1.0, 4.0),
        record('torch_channels_last', 2.0, 2.0),
        record('torch_tuned', 2.5, 1.6),
        {'model': 'dcgan64', 'said': '', 'batch_size': 32, 'implementation': 'artifex', 'skipped': 'no'},
    ]
    versions = {'jax': '0.10', 'torch': '2.13'}
    config = {'device': device, 'threads': 0}
    where = {'device': 'an EPYC', 'cpus': 2, 'date': '2026-11-24T01:02:03', 'versions': versions}
    return {**where, 'config': config, 'results': records}


def test_rows_have_the_fastest_of_each_kind_and_the_ratio_to_the_fastest_of_all(table):
    lines = table.of_report(report()).splitlines()
    assert lines[0].startswith('2 CPU cores (an EPYC), float32, JAX 0.10 against PyTorch 2.13, 2026-11-24.')
    assert lines[2].startswith('| steps/sec | batch | gax | PyTorch eager | tuned | gax / PyTorch')
    assert lines[4] == '| `dcgan64` | 32 | 4.00 | 2.00 | 2.50 | 1.60 (1.44 to 1.76) |'
    assert lines[-1] == '| `dcgan64` | 32 | 128 | 8.00 / 5.00 | 4.00 / 2.50 | 3.00 | 12.5 |'
    assert table.of_report(report('gpu')).startswith("a GPU, gax's networks in bfloat16, JAX")


def test_first_steps_that_were_not_taken_alone_are_left_out(table):
    measured = report('gpu')
    for found in measured['results']:
        found['first_step_alone'] = False
    lines = table.of_report(measured | {'note': 'r3gan32 was not finished.'}).splitlines()
    assert lines[-3] == '| `dcgan64` | 32 | 128 |  | 4.00 / 2.50 | 3.00 | 12.5 |'
    assert lines[-1] == 'First steps were not taken alone, and are left out. r3gan32 was not finished.'


def test_peers_of_one_model_are_said_to_be_so(table):
    measured = report()
    measured['results'].insert(1, record('artifex', 0.5, 8.0))
    assert table.of_report(measured).splitlines()[-1] == 'Artifex: written for one model.'
    measured['results'].insert(1, record('naive_flax', 0.5, 8.0))
    assert table.of_report(measured).endswith('naive Flax and Artifex: written for one model each.')


def test_versions_are_those_that_the_workers_imported(table):
    measured = report()
    measured['results'][0]['versions'] = {'jax': '0.11', 'python': '3.12'}
    measured['results'].insert(1, record('artifex', 0.5, 8.0, versions={'jax': '0.9'}))
    measured['results'][2]['versions'] = {'torch': '2.14'}
    assert 'JAX 0.11 against PyTorch 2.14' in table.of_report(measured).splitlines()[0]


@pytest.mark.parametrize(
    ('value', 'said'),
    [(0.004123, '0.00412'), (9.999, '10.0'), (152.0, '152'), (81_234.0, '81200'), (None, '')],
)
def test_numbers_have_three_digits(table, value, said):
    assert table.number(value) == said


def test_what_stands_between_the_marks_is_replaced_and_nothing_else(table):
    page = f'a\n{table.BEGIN}\nold\n{table.END}\nb\n'
    assert table.replaced(page, 'new') == f'a\n{table.BEGIN}\n\nnew\n\n{table.END}\nb\n'
    for broken in ('a', page + page, f'{table.END}\n{table.BEGIN}'):
        with pytest.raises(ValueError, match='once each'):
            table.replaced(broken, 'new')


def test_the_page_has_the_tables_of_the_results(table):
    """`python benchmarks/table.py --write` writes them between the marks."""
    page = table.PAGE.read_text()
    assert table.replaced(page, table.text()) == page


def test_the_table_of_devices(table):
    path = ROOT / 'benchmarks' / 'results' / 'scaling.json'
    found = json.loads(path.read_text())
    lines = table.of_scaling(found).splitlines()
    assert len(lines) == 2 + len(found['programs'])
    for program in found['programs'].values():
        for mode in ('jit', 'shard_map'):
            several = [program[mode][n] for n in ('2', '4', '8')]
            counts = [one['collectives'] for one in several]
            assert counts[0] == counts[1] == counts[2]  # constant in the number of devices
        assert not program['jit']['1'][
            'collectives'
        ]  # (the other mode's mean over one replica is still there)
        # One mean a move, of the gradient and little beside it.
        assert program['shard_map']['8']['collectives'] == {'all-reduce': program['moves']}
        assert 1.0 <= program['shard_map']['8']['bytes'] / program['gradients'] < 1.1
