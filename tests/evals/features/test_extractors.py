"""Feature extractors by name: what they give, and what is said where one will not do."""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors
from gax.data import arrays
from gax.evals import measurement, number_names, registry
from gax.evals.features import classifier, extractors
from gax.evals.metric import LOWER, Metric, Samples
from gax.evals.metrics import fid as frechet
from tests.helpers import tinyruns

MODULE = """
import jax.numpy as jnp
import numpy as np
NUMBER = 3
def means(images):
    return images.astype(jnp.float32).mean((1, 2))
def inception(images):
    return means(images)
def both(images):
    return {'features': means(images), 'probabilities': jnp.full((images.shape[0], 4), 0.25)}
def wrong(images):
    return images
def host(images):
    return np.mean(np.asarray(images), (1, 2))
def branch(images):
    return means(images) if images.sum() > 0 else means(images)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / 'my_features.py').write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return 'my_features'


@pytest.mark.slow
def test_the_shipped_classifiers_see_their_images() -> None:
    for name in classifier.SHIPPED:
        x, y = arrays.load_npz(Path(arrays.__file__).parent / 'embedded' / arrays.EMBEDDED[name])
        assert y is not None
        made = extractors.make(name, x.shape[1:])
        out = made.apply(made.variables, jnp.asarray(x[:: classifier.HELD_OUT]))
        right = float((np.asarray(out['probabilities']).argmax(-1) == y[:: classifier.HELD_OUT]).mean())
        assert right >= {'mnist': 0.98, 'emoji': 0.65}[name]
        assert out['features'].shape[1] == {'mnist': 64, 'emoji': 224}[name]
        assert (made.resizer, len(made.checksum)) == ('none', 16)
    # Standardised over the nine tenths that it was trained on: near 0 and 1 on the others, too.
    shown = np.asarray(out['features'])
    live = shown.std(axis=0) > 0
    assert live.sum() > 180
    assert abs(shown[:, live].mean()) < 0.1
    assert 0.8 < np.median(shown[:, live].std(axis=0)) < 1.2


@pytest.mark.slow
def test_the_distance_of_emoji_rises_as_they_get_worse() -> None:
    """Noise, holes, and few distinct images: each step further from the reals than the one before."""
    x, _ = arrays.load_npz(Path(arrays.__file__).parent / 'embedded' / 'emoji32.npz')
    order = np.random.default_rng(0).permutation(len(x))
    real, fake = x[order[:500]], x[order[500:1000]]
    made = extractors.make('emoji', (32, 32, 3))
    compiled = jax.jit(made.apply)

    def moments(images: np.ndarray) -> frechet.Moments:
        return frechet.batch_moments(compiled(made.variables, images)['features'])

    def noisy(level: int) -> np.ndarray:
        noise = np.random.default_rng(1).normal(size=fake.shape)
        return np.clip(np.rint(fake + level * noise), 0, 255).astype(np.uint8)

    def holed(side: int) -> np.ndarray:
        out = fake.copy()
        out[:, 8 : 8 + side, 8 : 8 + side] = 128
        return out

    reference, clean = moments(real), frechet.distance(moments(real), moments(fake)).distance
    for worse, levels in (
        (noisy, (8, 16, 32)),
        (holed, (4, 8, 12)),
        (lambda n: np.resize(fake[:n], fake.shape), (200, 60, 10)),
    ):
        found = [frechet.distance(reference, moments(worse(level))).distance for level in levels]
        assert clean < found[0] < found[1] < found[2], worse
        assert found[2] > 1.3 * clean


@pytest.mark.slow
def test_the_benchmark_of_extractors_makes_images_worse_and_sees_it() -> None:
    x, y = arrays.load_npz(Path(arrays.__file__).parent / 'embedded' / 'emoji32.npz')
    assert y is not None
    with tinyruns.benchmark('extractors') as bench:
        for what, (change, strengths) in bench.WORSE.items():
            made = bench.Set(x[::90], y[::90], np.random.default_rng(0))
            found = change(made, strengths[-1])
            assert found.shape == made.images.shape, what
            assert np.abs(found.astype(float) - made.images).mean() > 5, what
        same, worse = (lambda made, _: made.images, (1, 2)), (bench.noise, (40, 80))
        rows = bench.measure('emoji', 100, 1, {'nothing': same, 'noise': worse})
    assert [(r['features'], r['worse'], r['grows']) for r in rows[:2]] == [
        ('emoji', 'nothing', False),
        ('emoji', 'noise', True),
    ]
    assert rows[0]['distances'] == [rows[0]['clean']] * 2
    assert bench.markdown(rows).splitlines()[3].startswith('| emoji | noise | 40, 80 | ')


@pytest.mark.slow
def test_digits_of_another_size_are_resized_and_it_is_said() -> None:
    x, _ = arrays.load_npz(Path(arrays.__file__).parent / 'embedded' / 'mnist10k.npz')
    large = arrays.fitted('digits', x[:50], arrays.Fit(image_size=56))
    small, made = extractors.make('mnist', (28, 28, 1)), extractors.make('mnist', (56, 56, 1))
    assert made.resizer == 'clean'
    one, other = small.apply(small.variables, x[:50]), made.apply(made.variables, large)
    labels = [np.asarray(out['probabilities']).argmax(-1) for out in (one, other)]
    assert (labels[0] == labels[1]).mean() >= 0.95
    assert extractors.make('mnist', (56, 56, 1), 'tf1').resizer == 'tf1'


def test_raw_features_are_fractions_of_pixels_and_points_as_they_are() -> None:
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    np.testing.assert_allclose(
        extractors.flat((), jnp.asarray(images))['features'][1, 0], 48 / 255, rtol=1e-6
    )
    points = jnp.array([[1.5, -2.0]])
    np.testing.assert_array_equal(extractors.flat((), points)['features'], points)


def test_a_function_by_its_path(module: str) -> None:
    made = extractors.make(f'{module}:means', (8, 8, 3))
    assert (made.label, made.name, len(made.checksum)) == ('means', f'{module}:means', 16)
    shapes = made.shapes((8, 8, 3), jnp.uint8)
    assert shapes['features'].shape == (extractors.BATCH, 3)
    assert (
        number_names.reported('frechet', extractors.make(f'{module}:inception', (8, 8, 3)).label)
        == 'frechet_inception'
    )
    assert set(extractors.make(f'{module}:both', (8, 8, 3)).shapes((8, 8, 3), jnp.uint8)) == {
        'features',
        'probabilities',
    }


@pytest.mark.parametrize(
    ('name', 'shape', 'says'),
    [
        (
            'mnits',
            (28, 28, 1),
            r"unknown feature extractor 'mnits' \(nearest: 'mnist'\); valid: emoji, inception",
        ),
        ('mnist', (32, 32, 3), 'the features mnist are of 28x28x1 images, and the data are 32x32x3'),
        ('mnist', (2,), 'the features mnist are of 28x28x1 images, and the data are 2'),
        (
            'no.such.module:f',
            (8, 8, 1),
            r'cannot import the features .no.such.module:f. \(ModuleNotFoundError',
        ),
        ('my_features:other', (8, 8, 1), r'cannot import the features .my_features:other. \(AttributeError'),
        ('my_features:NUMBER', (8, 8, 1), 'the features my_features:NUMBER are no function, but int'),
    ],
)
def test_what_will_not_do_is_said(module: str, name: str, shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(errors.GaxError, match=says):
        extractors.make(name, shape)


def test_a_function_that_returns_something_else_is_said(module: str) -> None:
    with pytest.raises(errors.GaxError, match=r'my_features:wrong must return \[B, D\] for 256 images'):
        extractors.make(f'{module}:wrong', (8, 8, 3)).shapes((8, 8, 3), jnp.uint8)
    with pytest.raises(errors.GaxError, match="unknown resizer 'tf2'"):
        extractors.make('mnist', (56, 56, 1), 'tf2')
    with pytest.raises(errors.GaxError, match='the function my_features:means resizes by itself'):
        extractors.make(f'{module}:means', (8, 8, 3), 'tf1')


def test_without_weights_the_inception_says_which_file_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.delenv('GAX_INCEPTION', raising=False)
    with pytest.raises(
        errors.GaxError, match=r'no Inception weights: download https://\S+pth into ~/.cache/gax/'
    ):
        extractors.make('inception', (32, 32, 3))


def test_the_default_suits_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.delenv('GAX_INCEPTION', raising=False)
    assert extractors.default((28, 28, 1), 'embedded:mnist') == ('mnist', '')
    assert extractors.default((32, 32, 3), 'embedded:emoji') == ('emoji', '')
    assert extractors.default((2,), 'synthetic:ring') == ('raw', '')
    for shape, name in (
        ((64, 48, 3), 'emoji'),
        ((64, 64, 1), 'mnist'),
        ((12, 20, 5), 'raw'),
        ((99, 99, 2), ''),
    ):
        found, why = extractors.default(shape, 'folder:faces')
        assert found == name
        assert 'are no FID. For FID: no Inception weights: download https://' in why
    # Who asks for a FID, or says where the weights are, means the Inception.
    assert extractors.default((64, 64, 3), 'folder:faces', metrics=('swd', 'fid')) == ('inception', '')
    assert extractors.default((64, 64, 3), 'folder:faces', 'weights.pth') == ('inception', '')
    (tmp_path / '.cache' / 'gax').mkdir(parents=True)
    (tmp_path / '.cache' / 'gax' / 'inception-2015-12-05.npz').write_bytes(b'')
    assert extractors.default((28, 28, 3), 'embedded:stacked_mnist') == ('inception', '')
    assert extractors.default((64, 64, 3), 'folder:faces') == ('inception', '')


def test_a_function_that_is_no_pure_jax_is_said_in_one_line(module: str) -> None:
    for name, reason in (('host', 'TracerArrayConversionError'), ('branch', 'TracerBoolConversionError')):
        made = extractors.make(f'{module}:{name}', (8, 8, 3))
        with pytest.raises(
            errors.GaxError, match=rf'my_features:{name} cannot be compiled: .*\({reason}'
        ) as said:
            made.shapes((8, 8, 3), jnp.uint8)
        assert '\n' not in str(said.value)


def test_a_function_in_the_current_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'path', list(sys.path))
    (tmp_path / 'features_here.py').write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    assert extractors.make('features_here:means', (8, 8, 3)).label == 'means'


def test_a_frechet_distance_is_a_fid_on_the_inception_alone() -> None:
    chosen = registry.parse(('frechet', 'kernel', 'score', 'prdc', 'swd'), 'mnist')
    assert list(number_names.names(chosen, 'mnist')) == [
        *('frechet_mnist', 'kernel_mnist', 'kernel_mnist_std', 'score_mnist', 'score_mnist_std'),
        *('precision_mnist', 'recall_mnist', 'density_mnist', 'coverage_mnist', 'swd'),
    ]
    for asked in (('fid', 'kid', 'is'), ('frechet', 'kernel', 'score')):
        chosen = registry.parse(asked, 'inception')
        assert list(number_names.names(chosen, '')) == ['fid', 'kid', 'kid_std', 'is', 'is_std']
        assert list(number_names.names(chosen, 'inception')) == [
            *('frechet_inception', 'kernel_inception', 'kernel_inception_std'),
            *('score_inception', 'score_inception_std'),
        ]
    with pytest.raises(
        errors.GaxError, match=r'fid is the frechet on Inception features; .* called frechet_mnist\)'
    ):
        registry.parse(('fid',), 'mnist')
    with pytest.raises(
        errors.GaxError, match=r"unknown metric 'frecet' \(nearest: 'frechet'\); valid: accuracy"
    ):
        registry.parse(('frecet',), 'mnist')
    assert list(registry.parse(('frechet_mnist',), 'mnist')) == ['frechet']


def test_the_number_to_be_the_best_by() -> None:
    chosen = registry.parse(('frechet', 'prdc', 'nearest'), 'mnist')
    assert number_names.direction(chosen, 'mnist', 'frechet') == ('frechet_mnist', False)
    assert number_names.direction(chosen, 'mnist', 'coverage_mnist') == ('coverage_mnist', True)
    fid = registry.parse(('fid',), 'inception')
    assert number_names.direction(fid, '', 'fid') == ('fid', False)
    assert number_names.direction(fid, 'inception', 'fid') == ('frechet_inception', False)
    for name in ('fid_mnist', 'nearest', 'kernel'):
        with pytest.raises(
            errors.GaxError, match=r'unknown number to be the best by .*; valid: coverage_mnist'
        ):
            number_names.direction(chosen, 'mnist', name)


def test_numbers_that_are_not_finite_are_refused() -> None:
    chosen = {'frechet': Metric((), {'frechet': LOWER}, lambda *a: {'frechet': float('nan')})}
    with pytest.raises(errors.GaxError, match='frechet_mnist is not finite'):
        measurement.measure(chosen, 'mnist', Samples(1), Samples(1), 0)


def test_extractors_compile_once_for_all_chunks() -> None:
    made = extractors.make('mnist', (28, 28, 1))
    compiled = jax.jit(made.apply)
    for value in (0, 7):
        compiled(made.variables, jnp.full((made.batch, 28, 28, 1), value, jnp.uint8))
    assert compiled._cache_size() == 1


def test_weights_that_a_function_holds_are_in_its_checksum(tmp_path, monkeypatch):
    """Statistics are kept under it: the same source with other weights is another extractor."""
    source = """
import jax, numpy, pathlib
weights = numpy.load(pathlib.Path(__file__).with_name('weights.npy'))
inner = jax.jit(lambda x: x @ weights)
def plain(images): return images.reshape(images.shape[0], -1)
def whole(images): return plain(images) @ weights
def nested(images): return inner(plain(images))
"""
    (tmp_path / 'heldfeatures.py').write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    def checksums(value):
        np.save(tmp_path / 'weights.npy', np.full((12, 2), value, np.float32))
        monkeypatch.delitem(sys.modules, 'heldfeatures', raising=False)
        names = ('plain', 'whole', 'nested')
        return [extractors.make(f'heldfeatures:{name}', (2, 2, 3)).checksum for name in names]

    one, same, other = checksums(1), checksums(1), checksums(2)
    assert one == same
    assert [a == b for a, b in zip(one, other, strict=True)] == [True, False, False]
