"""Files in, files out: sizes, names, channels, opacity, masks, directions, samples, and what is refused."""

import jax
import numpy as np
import pytest
from PIL import Image

from gax import errors
from gax.core import rng, sample
from gax.data import preprocess
from gax.sampling import translate, translator, weights
from gax.training import trained_run
from gax.training.workdir import read_config
from tests.helpers import tinyruns


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(path)
    return path


def read(path):
    return np.asarray(Image.open(path))


def made_run(root, gan='tests.helpers.recipes.translated', **changes):
    config = tinyruns.config(gan=gan, steps=2, batch_size=4, **{'checkpoint.every': 1}, **changes)
    return tinyruns.untrained(config, root / 'run', 1, 2)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A run on pairs of 8x8, of a generator that treats every pixel alike."""
    root = tmp_path_factory.mktemp('pairs')
    for side, seed in (('A', 0), ('B', 1)):
        for i in range(8):
            write(root / 'set' / side / f'{i}.png', noise(8, 8, 3, seed=10 * i + seed))
    return made_run(root, **{'data.name': f'pairs:{root / "set"}'})


@pytest.fixture(scope='module')
def filler(tmp_path_factory):
    """A run that is told where the hole is."""
    root = tmp_path_factory.mktemp('holes')
    np.savez(root / 'set.npz', x=noise(8, 8, 8, 3))
    changes = {'data.name': f'npz:{root / "set.npz"}', 'data.condition': 'mask:boxes'}
    return made_run(root, gan='tests.helpers.recipes.filled', **changes)


def translated(run, source, out, **request):
    return translate.translate(translator.Request(run, source, out, **request))


def by_hand(run, pixels, seed=0, number=0, index=0):
    """The outputs of the averaged generator for a whole image, uint8."""
    built = trained_run.build(run, read_config(run / 'config.json'))
    state = trained_run.restore(built, run)[0]
    key = jax.random.fold_in(jax.random.fold_in(rng.key(seed), number), index)
    latents = built.game.latents(rng.stream(key, 'latents'), 1, {})
    latents['condition'] = pixels[None].astype(np.float32) / 127.5 - 1
    made = sample.synthesize(built.game, state, latents, rng.stream(key, 'generate'))['image'][0]
    return np.rint((np.clip(np.asarray(made), -1, 1) + 1) * 127.5).astype(np.uint8)


def near(a, b):
    """Equal but for the rounding of values in the middle."""
    assert a.shape == b.shape
    assert np.abs(a.astype(int) - b).max() <= 1


def test_a_folder_of_all_sizes_keeps_its_names(run, tmp_path):
    sizes = {'small': (3, 5), 'deep/exact': (8, 8), 'deep/large': (21, 34)}
    for name, size in sizes.items():
        write(tmp_path / 'in' / f'{name}.png', noise(*size, 3))
    assert translated(run, tmp_path / 'in', tmp_path / 'out') == (3, 2)
    made = sorted(str(p.relative_to(tmp_path / 'out')) for p in (tmp_path / 'out').rglob('*.png'))
    assert made == ['deep/exact.png', 'deep/large.png', 'small.png']
    for number, name in enumerate(('deep/exact', 'deep/large', 'small')):
        expected = by_hand(run, noise(*sizes[name], 3), number=number)
        near(read(tmp_path / 'out' / f'{name}.png'), expected)


def test_opacity_is_kept_and_gray_is_repeated(run, tmp_path):
    rgba = noise(10, 12, 4)
    source = write(tmp_path / 'a.png', rgba)
    translated(run, source, tmp_path / 'out.png')
    made = read(tmp_path / 'out.png')
    np.testing.assert_array_equal(made[..., 3], rgba[..., 3])
    over_white = np.asarray(Image.alpha_composite(Image.new('RGBA', (12, 10), 'white'), Image.open(source)))
    near(made[..., :3], by_hand(run, over_white[..., :3]))
    gray = noise(10, 12, 1)
    translated(run, write(tmp_path / 'gray.png', gray), tmp_path / 'gray_out.png')
    near(read(tmp_path / 'gray_out.png'), by_hand(run, gray.repeat(3, axis=-1)))


def test_samples_differ_in_their_latents_and_follow_the_seed(run, tmp_path):
    source = write(tmp_path / 'a.png', noise(9, 20, 3))
    assert translated(run, source, tmp_path / 'out', samples=2)[0] == 2
    first, second = (read(tmp_path / 'out' / f'a_{i}.png') for i in range(2))
    near(second, by_hand(run, noise(9, 20, 3), index=1))
    assert (first != second).any()
    translated(run, source, tmp_path / 'again', samples=2)
    np.testing.assert_array_equal(read(tmp_path / 'again' / 'a_1.png'), second)
    translated(run, source, tmp_path / 'other', samples=2, seed=1)
    assert (read(tmp_path / 'other' / 'a_1.png') != second).any()


def test_scale_and_tile(run, tmp_path):
    pixels = noise(9, 20, 3)
    source = write(tmp_path / 'a.png', pixels)
    translated(run, source, tmp_path / 'half.png', scale=0.5, tile=32, overlap=2)
    near(read(tmp_path / 'half.png'), preprocess.resize(by_hand(run, pixels), (4, 10)))


@pytest.mark.slow
def test_between_two_checkpoints(run, tmp_path):
    built = trained_run.build(run, read_config(run / 'config.json'))
    one, another = (trained_run.restore(built, run, step)[0] for step in ('2', '1'))
    mixed = weights.between(built.game, one, another, 0.25)
    for part in ('params', 'ema'):
        a, b, m = (jax.tree.leaves(getattr(state, part)['g']) for state in (one, another, mixed))
        for x, y, z in zip(a, b, m, strict=True):
            np.testing.assert_allclose(z, 0.75 * x + 0.25 * y, rtol=1e-6, atol=1e-8)
    for x, y in zip(jax.tree.leaves(mixed.params['d']), jax.tree.leaves(one.params['d']), strict=True):
        np.testing.assert_array_equal(x, y)
    source = write(tmp_path / 'a.png', noise(8, 8, 3))
    for name, request in {
        'one': {'step': '1'},
        'all': {'interpolate': f'{run}:1', 'alpha': 1.0},
        'none': {'interpolate': '1', 'alpha': 0.0},
        'newest': {},
    }.items():
        translated(run, source, tmp_path / f'{name}.png', **request)
    np.testing.assert_array_equal(read(tmp_path / 'one.png'), read(tmp_path / 'all.png'))
    np.testing.assert_array_equal(read(tmp_path / 'none.png'), read(tmp_path / 'newest.png'))


@pytest.mark.slow
def test_holes_are_filled_and_the_rest_stays(filler, tmp_path):
    pixels, mask = noise(8, 19, 3), np.zeros((8, 19, 1), np.uint8)
    mask[2:5, 10:15] = 255
    write(tmp_path / 'in' / 'a.png', pixels)
    write(tmp_path / 'masks' / 'a.png', mask)
    assert translated(filler, tmp_path / 'in', tmp_path / 'out', mask=tmp_path / 'masks')[0] == 1
    made, hole = read(tmp_path / 'out' / 'a.png'), mask[..., 0] > 0
    np.testing.assert_array_equal(made[~hole], pixels[~hole])
    assert (made[hole] != pixels[hole]).any()
    # The same from the inverted mask, if it is said; what is in the hole changes nothing.
    changed = pixels.copy()
    changed[hole] = 7
    source, inverted = write(tmp_path / 'c.png', changed), write(tmp_path / 'inverted.png', 255 - mask)
    translated(filler, source, tmp_path / 'c_out.png', mask=inverted, hole='black')
    np.testing.assert_array_equal(read(tmp_path / 'c_out.png'), made)


@pytest.mark.parametrize(
    ('mask', 'says'),
    [
        (noise(8, 9, 1), r'mask .*m.png is 9x8 pixels, and its image .*a.png is 8x8'),
        (np.full((8, 8, 1), 255, np.uint8), r'mask .*m.png is all white: one colour marks the hole'),
        (np.zeros((8, 8, 1), np.uint8), r'mask .*m.png is all black'),
        (
            np.where(np.arange(64).reshape(8, 8, 1) < 48, 255, 0).astype(np.uint8),
            r'75% of it is white, and white marks the hole: say --hole=black',
        ),
    ],
)
def test_masks_that_are_refused(filler, tmp_path, mask, says):
    source, where = write(tmp_path / 'a.png', noise(8, 8, 3)), write(tmp_path / 'm.png', mask)
    with pytest.raises(errors.GaxError, match=says):
        translated(filler, source, tmp_path / 'out.png', mask=where)
    assert not (tmp_path / 'out.png').exists()


@pytest.mark.slow
def test_both_directions(tmp_path):
    for i, name in enumerate(('trainA', 'trainB')):
        write(tmp_path / 'set' / name / '0.png', noise(8, 8, 3, seed=i))
        write(tmp_path / 'set' / name / '1.png', noise(8, 8, 3, seed=i + 2))
    changes = {'data.name': f'domains:{tmp_path / "set"}'}
    run = made_run(tmp_path, gan='tests.helpers.recipes.both_ways', **changes)
    pixels = noise(5, 11, 3)
    source = write(tmp_path / 'a.png', pixels)
    built = trained_run.build(run, read_config(run / 'config.json'))
    params = trained_run.restore(built, run)[0].params
    for direction in ('ab', 'ba'):
        translated(run, source, tmp_path / f'{direction}.png', direction=direction)
        dense = params[f'g_{direction}']['Dense_0']
        made = np.tanh((pixels / 127.5 - 1) @ np.asarray(dense['kernel']) + np.asarray(dense['bias']))
        near(read(tmp_path / f'{direction}.png'), np.rint((made + 1) * 127.5).astype(np.uint8))


def test_requests_that_are_refused(run, filler, tmp_path):
    source = write(tmp_path / 'in' / 'a.png', noise(8, 8, 3))
    mask = write(tmp_path / 'm.png', noise(8, 8, 1))
    cases = [
        ({}, 'nowhere', 'does not exist'),
        ({'direction': 'ba'}, source, "translates 'condition' to 'image' alone"),
        ({'mask': mask}, source, 'knows of no holes: leave --mask out'),
        ({'samples': 0}, source, '--samples must be positive'),
        ({'overlap': 8}, source, r'--overlap=8 must be below the sides of the tiles, 8x8'),
        ({'alpha': 2.0}, source, '--alpha=2.0 must be from 0 to 1'),
        ({'out': tmp_path / 'x.jpg'}, source, 'results are written as .png'),
        ({'out': tmp_path / 'in'}, source, 'would be replaced by its result'),
        ({'out': tmp_path / 'x.png', 'samples': 2}, source, 'is one file, and 2 are made'),
    ]
    for request, where, says in cases:
        out = request.pop('out', tmp_path / 'out')
        with pytest.raises(errors.GaxError, match=says):
            translated(run, tmp_path / where, out, **request)
    with pytest.raises(errors.GaxError, match='fills holes: --mask says where they are'):
        translated(filler, source, tmp_path / 'out')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(errors.GaxError, match='one mask is wanted for the image a, and there is none'):
        translated(filler, source, tmp_path / 'out', mask=tmp_path / 'empty')
    write(tmp_path / 'in' / 'a.bmp', noise(8, 8, 3))
    with pytest.raises(errors.GaxError, match='have one name, and so have their results'):
        translated(run, tmp_path / 'in', tmp_path / 'out')
    with pytest.raises(errors.GaxError, match='has no images'):
        translated(run, tmp_path / 'empty', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


@pytest.mark.slow
def test_a_run_that_makes_images_from_noise(tmp_path):
    run = made_run(tmp_path, gan='vanilla')
    with pytest.raises(errors.GaxError, match='vanilla makes no images from images: use gax-sample'):
        translated(run, write(tmp_path / 'a.png', noise(8, 8, 3)), tmp_path / 'out')
