"""Pictures of styles, of a game whose fakes say which styles they are made of."""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gax.core import rng
from gax.core.forward import normal_latents
from gax.core.spec import Field, Spec
from gax.core.types import Game, Styles, TrainState
from gax.errors import GaxError
from gax.evals.evaluator import Setting
from gax.sampling import export, sampler, styled, truncation
from gax.sampling.sampler import Job, Request
from gax.training import train

LAYERS = 3
AVERAGE = 0.25


def mapping(context):
    """The sign of z_0 at each layer."""
    w = jnp.sign(context.latents['z'][:, :1])
    return jnp.broadcast_to(w[:, None], (len(w), LAYERS, 1)), context


def synthesis(context, ws):
    """A pixel for each layer, its style."""
    return {'image': ws[:, None]}, context


GAME = Game(
    {},
    {},
    latents=normal_latents(2),
    styles=Styles(mapping, synthesis, lambda context: jnp.full(1, AVERAGE)),
    generate=lambda context: synthesis(context, mapping(context)[0]),
)
STATE = TrainState(jnp.zeros((), jnp.int32), rng.root(0), {}, {}, {}, {}, {})


class Built(SimpleNamespace):
    def _replace(self, **changes):
        return Built(**{**self.__dict__, **changes})


def job(out='x.png', game=GAME, **fields):
    source = SimpleNamespace(spec=Spec('x', {'image': Field((1, LAYERS, 1))}))
    built = Built(game=game, source=source, config=SimpleNamespace(gan='toy'))
    return Job(Request(Path(), str(out), **fields), '.png', built, STATE, 0, False)


def cells(out, columns):
    """The images of a grid, [rows, columns, 1, LAYERS], in [-1, 1]; 2 pixels for each and a border of one."""
    pixels = np.asarray(Image.open(out), np.float32)[::2, ::2] / 127.5 - 1
    rows = (pixels.shape[0] - 1) // 2
    return np.stack(
        [[pixels[2 * i + 1, (LAYERS + 1) * j + 1 :][:LAYERS] for j in range(columns)] for i in range(rows)]
    )


def test_numbers():
    assert styled.numbers('seeds', '0-3,8') == (0, 1, 2, 3, 8)
    assert styled.numbers('mix', '') == ()
    for text in ('3-1', 'a', '-1', '0-99999999'):
        with pytest.raises(GaxError, match=r'--seeds=.*such as 0-3,8'):
            styled.numbers('seeds', text)
    assert styled.psis(['0', '0.7', '-1']) == (0.0, 0.7, -1.0)
    with pytest.raises(GaxError, match='--psi=half: give numbers'):
        styled.psis(['half'])


def test_a_sample_of_a_seed_does_not_depend_on_the_other_seeds():
    latents = [styled.latents_of(job(seeds=seeds), len(seeds))['z'] for seeds in ((3, 5, 7), (7, 3))]
    np.testing.assert_array_equal(latents[0][2], latents[1][0])
    np.testing.assert_array_equal(latents[0][0], latents[1][1])
    assert np.any(latents[0][0] != latents[0][1])
    assert styled.seeded(job(seeds=(3, 5, 7)))['image'].shape == (3, 1, LAYERS, 1)
    plain = styled.seeded(job(game=GAME._replace(styles=None), seeds=(3, 5, 7)))
    np.testing.assert_array_equal(plain['image'], styled.seeded(job(seeds=(3, 5, 7)))['image'])


def test_layers_are_mixed_from_columns(tmp_path):
    out = tmp_path / 'mixed.png'
    asked = job(out, seeds=(0, 1, 2, 3, 4, 5), mix='0,2')
    assert styled.write_mixed(asked) == '3 x 3 mixtures, layers 0,2 from the columns,'
    w = np.sign(np.asarray(styled.latents_of(asked, 6)['z'][:, 0]))
    assert set(w) == {-1.0, 1.0}
    grid = cells(out, 4)
    for i in range(3):
        np.testing.assert_allclose(grid[1 + i, 0], w[i])
        np.testing.assert_allclose(grid[0, 1 + i], w[3 + i])
        for j in range(3):
            np.testing.assert_allclose(grid[1 + i, 1 + j], [w[3 + j], w[i], w[3 + j]])


def test_mixing_is_refused_where_it_cannot_be():
    with pytest.raises(GaxError, match='the styles have 3 layers, from 0'):
        styled.write_mixed(job(mix='3', num=4))
    with pytest.raises(GaxError, match='--mix needs at least two --seeds'):
        styled.write_mixed(job(mix='0', seeds=(1,)))
    with pytest.raises(GaxError, match=r'--mix is of generators with a mapping .* and toy has none'):
        styled.parts(job(game=GAME._replace(styles=None)).built, 'mix')


def test_a_row_for_each_psi(tmp_path):
    out = tmp_path / 'psi.png'
    asked = job(out, seeds=(0, 1, 2), psi=(0.0, 0.5, 1.0))
    assert styled.write_truncations(asked) == '3 rows, psi 0, 0.5, 1,'
    w = np.sign(np.asarray(styled.latents_of(asked, 3)['z'][:, 0]))
    for row, psi in zip(cells(out, 3), (0.0, 0.5, 1.0), strict=True):
        wanted = AVERAGE + psi * (w - AVERAGE)
        np.testing.assert_allclose(row, np.repeat(wanted[:, None], LAYERS, 1), atol=1 / 127)


def test_one_psi_truncates_all_pictures():
    built = styled.truncated(job().built, 0.5)
    asked = job()._replace(built=built)
    latents = styled.latents_of(asked, 4)
    w = np.sign(np.asarray(latents['z'][:, 0]))
    np.testing.assert_allclose(styled.to_styles(asked, latents)[0][:, 1, 0], AVERAGE + 0.5 * (w - AVERAGE))
    fakes = sampler.synthesize(asked, latents)['image']
    np.testing.assert_allclose(fakes[:, 0, 0, 0], AVERAGE + 0.5 * (w - AVERAGE))


def test_lines_between_styles_are_straight():
    ws, steps = styled.interpolation(job(interpolate=2, num=30), film=False)
    assert steps == 10
    rows = np.asarray(ws).reshape(-1, steps, LAYERS)
    assert len(rows) == 3
    np.testing.assert_allclose(rows[:, 1:-1], (rows[:, :-2] + rows[:, 2:]) / 2, atol=1e-6)
    assert set(np.unique(rows[:, [0, -1]])) <= {-1.0, 1.0}
    np.testing.assert_array_equal(styled.to_fakes(job(), ws)['image'][:, 0, :, 0], ws[:, :, 0])


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'seeds': (1, 2), 'interpolate': 2}, '--seeds names samples, .* leave --interpolate out'),
        ({'seeds': (1, 2), 'where': ('a=1',)}, 'leave --seeds out'),
        ({'space': 'w'}, '--space=w goes with --interpolate'),
        ({'mix': '0', 'psi': (0.0, 1.0)}, '--mix and --psi are two different pictures'),
        ({'seeds': (-1,)}, '--seed'),
    ],
)
def test_contradictions_are_refused(tmp_path, fields, message):
    with pytest.raises(GaxError, match=message):
        export.plan(Request(tmp_path, str(tmp_path / 'x.png'), **fields))


@pytest.mark.slow
def test_pictures_of_a_trained_stylegan2(tmp_path):
    """By the command's own steps: every picture of a run is written, in its size."""
    config = import_module('configs.stylegan2').get_test_config()
    config.steps = config.checkpoint.every = 2
    config.conditional = False
    train.train(config, tmp_path / 'run')

    def size_of(name, **fields):
        export.export(Request(tmp_path / 'run', str(tmp_path / name), **fields))
        with Image.open(tmp_path / name) as picture:
            return picture.size

    cell = 2 * (8 + 1)  # an image of 8 pixels and its border, enlarged twice
    assert size_of('mix.png', mix='0-1', num=16) == (5 * cell + 2, 5 * cell + 2)
    assert size_of('psi.png', psi=(0.0, 0.5, 1.0), seeds=(3, 4)) == (2 * cell + 2, 3 * cell + 2)
    assert size_of('w.png', interpolate=2, space='w', num=20) == (10 * cell + 2, 2 * cell + 2)
    assert size_of('seeds.png', seeds=(1, 2, 3, 4), psi=(0.7,)) == (10 * cell + 2, cell + 2)  # 10 classes
    with pytest.raises(GaxError, match='the styles have 4 layers, from 0'):
        size_of('none.png', mix='4', num=16)


@pytest.mark.slow
def test_pictures_of_a_trained_gat_and_metrics_against_its_truncation(tmp_path):
    """At psi 0 all samples are the average's, and so the two of the first row are equal."""
    config = import_module('configs.gat').get_test_config()
    config.steps = config.checkpoint.every = 2
    train.train(config, tmp_path / 'run')
    cell = 2 * (8 + 1)
    export.export(Request(tmp_path / 'run', str(tmp_path / 'psi.png'), psi=(0.0, 1.0), seeds=(3, 4)))
    with Image.open(tmp_path / 'psi.png') as picture:
        assert picture.size == (2 * cell + 2, 2 * cell + 2)
        pixels = np.asarray(picture)
    first, second = pixels[2 : cell + 2, 2 : cell + 2], pixels[2 : cell + 2, cell + 2 :]
    np.testing.assert_array_equal(first[:16, :16], second[:16, :16])
    below = pixels[cell + 2 :]
    assert (below[:16, 2:18] != below[:16, cell + 2 : cell + 18]).any()
    export.export(Request(tmp_path / 'run', str(tmp_path / 'mix.png'), mix='0', num=16))
    with Image.open(tmp_path / 'mix.png') as picture:
        assert picture.size == (5 * cell + 2, 5 * cell + 2)
    with pytest.raises(GaxError, match='the styles have 2 layers, from 0'):
        export.export(Request(tmp_path / 'run', str(tmp_path / 'none.png'), mix='2', num=16))
    rows = truncation.curve(tmp_path / 'run', 'newest', Setting(('frechet',), 'raw', 40), [0.5, 1.0])[1]
    assert [row['space'] for row in rows] == ['w', 'w']
    assert rows[0]['metrics'] != rows[1]['metrics']
