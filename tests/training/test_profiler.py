"""The table and the trace of a tiny run."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import jax
import pytest

from gax.distributed import sharding
from gax.errors import GaxError
from gax.training import experiment, profiler
from tests.helpers import tinyruns

TINY = {'data.name': 'synthetic:ring', 'g.net.widths': (8,), 'd.net.widths': (8,), 'steps_per_call': 2}
WIDE = {
    **TINY,
    'g.net.widths': (128, 128),
    'd.net.widths': (128, 128),
    'batch_size': 256,
}  # products are nearly all


@pytest.mark.slow
def test_a_profile_has_a_table_and_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiler, 'CALLS', 3)
    monkeypatch.setattr(profiler, 'SIDE', {'cpu': 64})
    table = profiler.take(tinyruns.config(**TINY), tmp_path)
    assert (table.steps, table.devices) == (6, len(jax.devices()))
    assert table.data_wait == 0.0  # the points are drawn on the device
    assert table.seconds > 0
    assert table.device > 0
    assert table.flops_per_second == pytest.approx(table.flops / table.seconds)
    assert table.share_of_peak == pytest.approx(table.flops_per_second / table.peak)
    assert json.loads((tmp_path / 'profile' / 'table.json').read_text()) == table._asdict()
    (trace,) = (tmp_path / 'profile').rglob('perfetto_trace.json.gz')
    with gzip.open(trace, 'rt') as file:
        names = {event.get('name') for event in json.load(file)['traceEvents']}
    assert any('dot' in str(name) or 'fusion' in str(name) for name in names)
    assert list((tmp_path / 'profile').rglob('*.xplane.pb'))


@pytest.mark.slow
def test_lazy_terms_are_counted_on_their_steps() -> None:
    """R1 on one of four steps: the mean of one dear step and three cheap ones."""
    config = tinyruns.config(**TINY, **{'terms.r1.weight': 1.0, 'terms.r1.every': 4})
    made = experiment.build(config, sharding.mesh(jax.devices()[:1]))
    dear, cheap = profiler.flops_of(made, 1), profiler.flops_of(made, 4)
    none = (4 * cheap - dear) / 3
    assert profiler.flops_of(made, 2) == pytest.approx((dear + none) / 2)
    assert none < 0.9 * dear


@pytest.mark.slow
@pytest.mark.parametrize('mode', ['jit', 'shard_map'])
def test_devices_share_the_work_and_do_not_change_its_count(mode: str) -> None:
    config = tinyruns.config(**WIDE, parallel=mode)
    one, two = (
        profiler.flops_of(experiment.build(config, sharding.mesh(jax.devices()[:count])), 1)
        for count in (1, 2)
    )
    assert two == pytest.approx(one, rel=0.05)


def test_products_are_counted_as_papers_count_them() -> None:
    """Two operations a multiply-add: what is left beside those of a 2-D MLP's layers is small."""
    config = tinyruns.config(**WIDE)
    flops = profiler.flops_of(experiment.build(config, sharding.mesh(jax.devices()[:1])), 1)
    g, d = 4 * 128 + 128 * 128 + 128 * 2, 2 * 128 + 128 * 128 + 128
    minimum = 2 * 256 * ((3 * g - 4 * 128) + 2 * (3 * d - 2 * 128) + 2 * d)
    assert 0.9 < flops / minimum < 1.2


def test_pmap_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GaxError, match=r'config\.parallel=shard_map'):
        profiler.take(tinyruns.config(**TINY, parallel='pmap'), tmp_path)
