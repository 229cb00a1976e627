"""Series of a trained run: as CSV in the units of the data, of any length, and as points in the plane."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from configs import quantgan_sp500
from gax import errors
from gax.config import base, choose
from gax.data import scaling
from gax.sampling import lengths
from gax.sampling.export import export as export_
from gax.sampling.sampler import Request
from gax.training import experiment, train, workdir
from tests.helpers import tinyruns


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp('series')
    config = quantgan_sp500.get_test_config()
    config.steps = 2
    with tinyruns.compiled_once():
        train.train(config, folder / 'run')
        yield folder / 'run'


def export(run: Path, out: Path, num: int, **choices: Any) -> str:
    return export_(Request(run, str(out), num, **choices)).description


@pytest.mark.slow
def test_a_csv_is_in_the_units_of_the_data(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / 'a.csv', 3, seed=1)
    export(run, tmp_path / 'a.npz', 3, seed=1)
    with (tmp_path / 'a.csv').open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ['example', 'time', 'SP500_log_return']
    assert [row[:2] for row in rows[1:]] == [[str(i), str(t)] for i in range(3) for t in range(8)]
    field = workdir.read_data(run).spec.fields['series']
    wanted = scaling.of_info(field.info).inverse(np.load(tmp_path / 'a.npz')['series'])
    np.testing.assert_allclose([float(row[2]) for row in rows[1:]], wanted.ravel(), rtol=1e-6)
    assert float(field.info['scale'][0]) == pytest.approx(0.0115, abs=0.001)  # a return has 1.1 % a day


@pytest.mark.slow
def test_any_length(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / 'long.npz', 2, length=500)
    assert np.load(tmp_path / 'long.npz')['series'].shape == (2, 500, 1)
    assert lengths.chunk(0, 256) == 256
    assert lengths.chunk(8312, 256) == 126
    assert lengths.chunk(2**21, 256) == 1


@pytest.mark.slow
def test_reals_and_samples_in_the_plane(run: Path, tmp_path: Path) -> None:
    pytest.importorskip('sklearn')
    assert export(run, tmp_path / 'a.png', 1, project=40).startswith('40 reals and as many samples')
    with Image.open(tmp_path / 'a.png') as picture:
        assert np.asarray(picture).std() > 5


def test_networks_of_one_length_refuse_another(tmp_path: Path) -> None:
    config = base('vanilla')
    config.data.name = 'embedded:sp500'
    choose(config, 'data', length=8, stride=64, columns='SP500')
    config.g.net.widths, config.d.net.widths = (4,), (4,)
    built = experiment.build(config)
    with pytest.raises(
        errors.GaxError, match=r'^--length=9: the networks of this run are for series of 8 steps'
    ):
        lengths.lengthened(built, 9)
    with pytest.raises(
        errors.GaxError, match=r'^--length=-1 is the number of steps of a series, and it must be'
    ):
        lengths.lengthened(built, -1)
    config.data.name = 'synthetic:ring'
    for name in ('length', 'stride', 'columns'):
        with config.unlocked():
            del config.data[name]
    with pytest.raises(errors.GaxError, match=r'steps of a series, and synthetic:ring has points'):
        lengths.lengthened(experiment.build(config), 9)
