"""Samples of a game on two images: from the run's held-out pairs, or from images of the user."""

import numpy as np
import pytest
from PIL import Image

from gax import errors
from gax.sampling import export, sampler
from tests.helpers import tinyruns
from tests.helpers.toys import differ


def write(folder, count, seed, channels=3):
    folder.mkdir(parents=True)
    draw = np.random.default_rng(seed)
    for i in range(count):
        pixels = draw.integers(0, 256, (8, 8, channels), np.uint8)
        Image.fromarray(pixels).save(folder / f'{i:02}.png')


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A run of two steps on 12 pairs of images."""
    root = tmp_path_factory.mktemp('pairs')
    write(root / 'pairs' / 'A', 12, 0)
    write(root / 'pairs' / 'B', 12, 1)
    write(root / 'mine', 3, 2)
    changes = {'data.name': f'pairs:{root / "pairs"}', 'data.split': 'train', 'steps': 2, 'batch_size': 4}
    config = tinyruns.config(gan='tests.helpers.recipes.translated', **changes)
    tinyruns.untrained(config, root / 'run', 2)
    return root


def sample(root, **request):
    out = root / 'out.npz'
    export.export(sampler.Request(root / 'run', str(out), num=3, **request))
    with np.load(out) as arrays:
        return arrays['images']


def test_conditions_come_from_the_test_split_or_from_the_user(run):
    held_out = sample(run)
    assert held_out.shape == (3, 8, 8, 3)
    assert not differ(held_out, sample(run, split='test'))
    assert differ(held_out, sample(run, split='train'))
    mine = sample(run, conditions=f'folder:{run / "mine"}')
    assert differ(mine, held_out)
    assert (run / 'run' / 'samples').is_dir()


def test_a_picture_has_rows_of_input_output_and_target(run):
    """Of the user's own images there is no target."""
    inside = run / 'pairs'
    for request, places in (({}, 3), ({'conditions': f'folder:{run / "mine"}'}, 2)):
        export.export(sampler.Request(run / 'run', str(run / 'out.png'), num=1, **request))
        picture = np.asarray(Image.open(run / 'out.png'))[::2, ::2]
        assert picture.shape == (10, 9 * places + 1, 3)
        shown = {picture[1:9, 1 + 9 * k : 9 + 9 * k].tobytes() for k in range(places)}
        sources = (run / 'mine',) if request else (inside / 'A', inside / 'B')
        for source in sources:
            assert shown & {np.asarray(Image.open(path)).tobytes() for path in source.iterdir()}


def test_conditions_that_do_not_fit_are_refused(run):
    with pytest.raises(errors.GaxError, match=r'nothing'):
        sample(run, conditions=f'folder:{run / "nothing"}')
    with pytest.raises(errors.GaxError, match='split'):
        sample(run, split='tests')
    gray = run / 'gray.npz'
    np.savez(gray, x=np.zeros((3, 4, 4, 1), np.uint8))
    with pytest.raises(
        errors.GaxError, match=r'condition has the shape \(4, 4, 1\) and must have \(8, 8, 3\)'
    ):
        sample(run, conditions=f'npz:{gray}')
