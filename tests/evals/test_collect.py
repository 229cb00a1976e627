"""From chunks to what is known of a set: padding left out, the same on any number of devices; reals in two
disjoint halves.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image

from gax import errors
from gax.config import base
from gax.data import arrays as memory
from gax.data import synthetic
from gax.distributed import sharding
from gax.evals import cache, collect, external_samples
from gax.evals.collect import Chunk
from gax.evals.evaluator import Evaluator, Setting, in_proportion
from gax.evals.features import extractors
from gax.evals.metrics import fid, prdc
from gax.evals.reference import Reference, parts, preprocessing, reference
from gax.viz import png_folder

METRICS = ('frechet', 'prdc', 'nearest')


def images(count: int = 120) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 6, 6, 1)).astype(np.uint8)


def ref_of(x: np.ndarray, labels: np.ndarray | None = None, devices: int = 1) -> tuple[Reference, Any]:
    mesh = sharding.mesh(jax.devices()[:devices])
    config = base('vanilla')
    config.data.name = 'npz:made.npz'
    return reference(memory.from_arrays('npz:made.npz', x, labels), config.data, mesh), mesh


def evaluator(
    folder: Path, num: int = 40, devices: int = 1, x: np.ndarray | None = None, **setting: Any
) -> Evaluator:
    ref, mesh = ref_of(images() if x is None else x, devices=devices)
    return Evaluator(ref, Setting(METRICS, 'raw', num, cache=folder, **setting), mesh)


@pytest.mark.parametrize(
    ('size', 'num', 'counts'),
    [
        (120, 40, (40, 40, 40)),
        (80, 40, (40, 40, 0)),
        (79, 40, (40, 39, 0)),
        (9, 50, (5, 4, 0)),
        (1, 50, (1, 0, 0)),
    ],
)
def test_all_reals_are_dealt_out_to_disjoint_parts(size: int, num: int, counts: tuple[int, int, int]) -> None:
    found = parts(np.arange(size)[::-1], num)
    assert tuple(map(len, found)) == counts
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(size))


@pytest.mark.parametrize(('devices', 'block'), [(1, 64), (4, 64), (4, 2048)])
def test_what_is_gathered_is_that_of_the_samples_without_the_padding(
    devices: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, 'BLOCK', block)
    x = images()
    ref, mesh = ref_of(x, np.arange(120) % 3, devices)
    made = Evaluator(ref, Setting(('frechet', 'kernel'), 'raw', 50), mesh)
    chosen = np.arange(100, 30, -1)  # 70, in chunks of 32 with 26 rows of padding
    found = collect.gatherer(made.extractor, made.needs | {'labels', 'x'}, mesh)(ref.read(chosen, 32, 0))
    flat = x[chosen].reshape(70, -1) / 255.0
    assert found.num == 70
    np.testing.assert_allclose(found.features, flat, rtol=1e-6)
    np.testing.assert_array_equal(found.x, x[chosen])
    np.testing.assert_array_equal(found.labels, chosen % 3)
    assert found.moments is not None
    assert found.moments.num == 70
    np.testing.assert_allclose(found.moments.mean, flat.mean(0), rtol=1e-6)
    np.testing.assert_allclose(found.moments.covariance, np.cov(flat.T), atol=1e-7)


def test_reals_themselves_are_at_distance_nothing_and_cover_all(tmp_path: Path) -> None:
    made = evaluator(tmp_path, reals=40, num=40)
    everything = made.statistics.order()
    found, count = made.measure(made.ref.read(everything, made.batch, 0))
    assert count == made.protocol().real == 40
    assert found['frechet_raw'] == pytest.approx(0, abs=1e-9)
    assert found['coverage_raw'] == found['precision_raw'] == found['recall_raw'] == 1.0


def test_the_floor_is_what_some_reals_score_against_all_others(tmp_path: Path) -> None:
    made = evaluator(tmp_path)
    assert made.floor_counts == [80, 40]
    a, b, rest = parts(made.statistics.order(), 40)
    others = made.gather(made.ref.read(np.concatenate([a, rest]), 100, 0))
    some = made.gather(made.ref.read(b, 100, 0))
    expected = fid.distance(others.moments, some.moments).distance
    assert made.floor['frechet_raw'] == pytest.approx(expected, rel=1e-9)
    assert made.floor['coverage_raw'] == prdc.prdc(others.features[:40], some.features).coverage


def test_of_a_small_set_the_floor_is_between_its_halves(tmp_path: Path) -> None:
    made = evaluator(tmp_path, num=100)
    assert made.floor_counts == [60, 60]
    assert (made.protocol().real, made.protocol(30).fake) == (120, 30)
    assert (made.reals.reference.num, len(made.reals.reference.features)) == (100, 100)
    one = made.gather(made.ref.read(np.arange(120), 100, 0))
    assert one.moments is not None
    assert made.reals.reference.moments is not None
    np.testing.assert_allclose(made.reals.reference.moments.scatter, one.moments.scatter, rtol=1e-9)


def test_statistics_are_kept_and_used_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = evaluator(tmp_path)
    floor = first.floor
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 6  # moments and features, of a and of b; moments of the rest; and the order
    second = evaluator(tmp_path)
    second.ref = second.ref._replace(read=None)  # nothing is read again
    assert second.floor == floor
    path = cache.path_of(tmp_path, second.statistics.key('moments', 'a', 40))
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    changed = {name: arrays[name] for name in ('num', 'mean', 'scatter')} | {'mean': arrays['mean'] + 1.0}
    cache.save(
        tmp_path, second.statistics.key('moments', 'a', 40), changed
    )  # what stands there is what is used
    gap = evaluator(tmp_path).floor['frechet_raw'] - floor['frechet_raw']
    assert gap > 9  # 36 dimensions, half of the reals 1 apart
    flipped = bytearray(path.read_bytes())
    flipped[len(flipped) // 2] ^= 4
    for damage in (path.read_bytes()[:-30], b'', path.read_bytes().replace(b'mean', b'maen'), flipped):
        path.write_bytes(damage)
        caplog.clear()
        with caplog.at_level(logging.WARNING, 'gax'):
            assert evaluator(tmp_path).floor == floor
        assert 'is damaged' in caplog.text
        assert 'computed again' in caplog.text
        assert evaluator(tmp_path).floor == floor
    assert sorted(tmp_path.iterdir()) == kept


def test_the_key_of_the_statistics_is_of_all_that_they_depend_on(tmp_path: Path) -> None:
    def path(made: Evaluator) -> Path:
        return cache.path_of(tmp_path, made.statistics.key('moments', 'a', 40))

    one = path(evaluator(tmp_path))
    assert path(evaluator(tmp_path, seed=5)) == one  # the seed is the fakes'
    changed = images()
    changed[60] ^= 1
    assert path(evaluator(tmp_path, x=changed)) != one
    assert path(evaluator(tmp_path, x=images(119))) != one
    made = evaluator(tmp_path)
    made.ref = made.ref._replace(files='other')
    assert path(made) != one


@pytest.mark.parametrize(
    'field', ['data', 'split', 'preprocessing', 'image', 'name', 'checksum', 'resizer', 'need']
)
def test_statistics_of_another_protocol_are_not_used(tmp_path: Path, field: str) -> None:
    """Each of these in turn another one, the examples themselves the same."""
    made = evaluator(tmp_path)
    assert made.extractor is not None
    key = made.statistics.key('moments', 'a', 40)
    cache.save(tmp_path, key, {'num': np.array(40)})
    assert cache.load(tmp_path, made.statistics.key('moments', 'a', 40)) is not None
    if field in made.ref.describe:
        made.ref = made.ref._replace(describe={**made.ref.describe, field: 'other'})
    elif field != 'need':
        made.extractor = made.extractor._replace(**{field: 'other'})
    assert (
        cache.load(tmp_path, made.statistics.key('features' if field == 'need' else 'moments', 'a', 40))
        is None
    )


def test_the_protocol_of_resized_images_and_of_another_resizer_is_another() -> None:
    """Where the key of the cache has it from: the config's data section, and the extractor that is made."""
    config = base('vanilla')
    config.data.name = 'npz:made.npz'
    found = {preprocessing(config.data)}
    for change in ({'image_size': 8}, {'image_size': 8, 'crop': 'none'}, {'image_size': 8, 'resize': 'box'}):
        config.data.update(change)
        found.add(preprocessing(config.data))
    assert len(found) == 4
    made = {name: extractors.make('mnist', (56, 56, 1), name) for name in ('tf1', 'clean')}
    assert made['tf1'].resizer != made['clean'].resizer
    assert extractors.make('emoji', (32, 32, 3)).checksum != made['clean'].checksum


def test_a_changed_file_is_another_reference(tmp_path: Path) -> None:
    config = base('vanilla')
    config.data.name = f'npz:{tmp_path / "a.npz"}'

    def digest() -> str:
        from gax.evals.reference import files_digest

        return files_digest(config.data)

    np.savez(tmp_path / 'a.npz', x=images())
    one = digest()
    assert digest() == one
    np.savez(tmp_path / 'a.npz', x=images() ^ 1)
    assert digest() != one


def test_a_cache_that_cannot_be_written_is_told_of_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / 'file').write_text('')
    made = evaluator(tmp_path / 'file')
    with caplog.at_level(logging.WARNING, 'gax'):
        assert made.floor
    assert 'cannot keep the statistics of the data' in caplog.text


def test_labels_are_in_the_proportions_of_the_data() -> None:
    counts = np.array([10, 0, 30, 60])
    labels = in_proportion(counts, 200, 0)
    np.testing.assert_array_equal(np.bincount(labels, minlength=4), 2 * counts)
    np.testing.assert_array_equal(labels, in_proportion(counts, 200, 0))
    assert (labels != in_proportion(counts, 200, 1)).any()
    few = np.bincount(in_proportion(counts, 7, 0), minlength=4)
    assert (np.abs(few - 7 * counts / 100) <= 1).all()


@pytest.mark.slow
def test_points_of_a_mixture_and_their_modes(tmp_path: Path) -> None:
    config, mesh = base('vanilla'), sharding.mesh(jax.devices()[:1])
    config.data.name = 'synthetic:ring'
    ref = reference(synthetic.named('ring'), config.data, mesh)
    made = Evaluator(ref, Setting(num=500, cache=tmp_path), mesh)
    assert list(made.names) == ['modes', 'quality', 'reverse_kl', 'swd']
    assert made.floor['modes'] == 8
    assert made.floor['quality'] > 0.97
    centers = synthetic.MIXTURES['ring'].centers.astype(np.float32)
    found, _ = made.measure([Chunk(np.repeat(centers[:4], 64, axis=0), None, 256)])
    assert found.pop('swd') > 0.1 > made.floor['swd'] > 0
    assert found == {'modes': 4, 'quality': 1.0, 'reverse_kl': pytest.approx(np.log(2), rel=1e-5)}
    both = Evaluator(ref, Setting(('frechet', 'swd'), num=500, cache=tmp_path), mesh)
    assert list(both.names) == ['frechet_raw', 'swd']
    with pytest.raises(errors.GaxError, match='ms_ssim is of images, and synthetic:ring has points'):
        Evaluator(ref, Setting(('ms_ssim',), num=500), mesh)


def test_samples_of_others_as_an_npz_and_as_a_folder(tmp_path: Path) -> None:
    x = images(50)
    np.savez(tmp_path / 'ours.npz', images=x, labels=np.arange(50) % 3)
    np.savez(tmp_path / 'theirs.npz', x[..., 0])
    for i, image in enumerate(x):
        (tmp_path / 'pngs' / str(i % 2)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(tmp_path / 'pngs' / str(i % 2) / f'{i:03d}.png')
    made, results = evaluator(tmp_path / 'cache', num=50), []
    for name in ('ours.npz', 'theirs.npz', 'pngs'):
        source = external_samples.open_samples(tmp_path / name, made.ref, base('vanilla').data)
        results.append(made.measure(external_samples.chunks(source, 50, made.batch, made.mesh)))
    assert results[0] == results[1]
    assert results[2][1] == 50
    for name, value in results[0][0].items():  # the folder's order is another
        assert results[2][0][name] == pytest.approx(value, rel=1e-6, abs=1e-9)


CLASSES = ('zebra', 'ant', 'cat/dog', 'bee')


def labels_of_folders(
    root: Path, names: tuple[str, ...], classes: tuple[str, ...] = CLASSES, num: int = 4
) -> list[int]:
    """The labels that samples in these class folders get, one a folder, where the reference has `classes`."""
    for name in names:
        (root / name).mkdir(parents=True)
        Image.fromarray(images(1)[0, ..., 0]).save(root / name / 'a.png')
    x = images(num or 2)
    config, mesh = base('vanilla'), sharding.mesh(jax.devices()[:1])
    config.data.name = 'npz:made.npz'
    made = memory.from_arrays('npz:made.npz', x, np.arange(num) if num else None, classes=classes)
    ref = reference(made, config.data, mesh)
    source = external_samples.open_samples(root, ref, config.data)
    assert source.spec[2:] == (num, len(names), classes if num else ())
    (chunk,) = external_samples.chunks(source, 10, 16, mesh)
    return [] if chunk.label is None else sorted(np.asarray(chunk.label)[: chunk.valid].tolist())


@pytest.mark.slow
def test_class_folders_have_the_labels_of_the_reference(tmp_path: Path) -> None:
    """Not all classes need be there."""
    assert labels_of_folders(tmp_path / 'names', ('zebra', 'bee', 'ant')) == [0, 1, 3]
    assert labels_of_folders(tmp_path / 'numbers', ('003', '001', '2')) == [1, 2, 3]
    assert labels_of_folders(tmp_path / 'both', ('cat_dog', '000')) == [0, 2]
    assert labels_of_folders(tmp_path / 'nameless', ('003', '1'), ()) == [1, 3]
    assert labels_of_folders(tmp_path / 'own', ('1', '4'), ('4', '3', '2', '1')) == [0, 3]
    assert labels_of_folders(tmp_path / 'none', ('x', 'y'), (), 0) == []


@pytest.mark.parametrize(
    ('name', 'classes', 'says'),
    [
        ('zebras', CLASSES, r"'zebras' \(nearest: 'zebra'\); valid: ant, bee, cat_dog, zebra$"),
        ('004', CLASSES, r"'004'; valid: ant, bee, cat_dog, zebra$"),
        ('004', (), r"'004' \(nearest: '003'\); valid: 000, 001, 002, 003$"),
        ('01', ('4', '3', '2', '1'), r"'01' \(nearest: '1'\); valid: 1, 2, 3, 4$"),
    ],
)
def test_a_folder_of_no_class_is_refused(
    tmp_path: Path, name: str, classes: tuple[str, ...], says: str
) -> None:
    with pytest.raises(errors.GaxError, match='^unknown class of npz:made.npz, a folder in .*/s: ' + says):
        labels_of_folders(tmp_path / 's', (name,), classes)


def test_what_is_exported_by_class_comes_back_by_class(tmp_path: Path) -> None:
    source = memory.embedded('emoji')
    mesh, config = sharding.mesh(jax.devices()[:1]), base('vanilla')
    config.data.name = 'embedded:emoji'
    ref, rows = reference(source, config.data, mesh), np.arange(0, 1906, 90)
    x, labels = source.arrays['image'][rows], source.arrays['label'][rows]
    png_folder.save(x, tmp_path / 'made', labels, source.spec.classes)
    found = external_samples.chunks(
        external_samples.open_samples(tmp_path / 'made', ref, config.data), 99, 32, mesh
    )
    pairs = [(i.tobytes(), int(n)) for c in found for i, n in zip(c.x[: c.valid], c.label, strict=False)]
    assert sorted(pairs) == sorted((i.tobytes(), int(n)) for i, n in zip(x, labels, strict=True))


def test_labels_of_an_npz_that_names_its_classes_are_matched_by_name(tmp_path: Path) -> None:
    """Label 1 is a bee there, and an ant here."""
    config, mesh = base('vanilla'), sharding.mesh(jax.devices()[:1])
    config.data.name = 'npz:made.npz'
    made = memory.from_arrays('npz:made.npz', images(4), np.arange(4), classes=CLASSES)
    ref = reference(made, config.data, mesh)
    for names, expected in ((('cat/dog', 'bee'), [2, 2, 3, 3]), (('bee', 'gnu'), None)):
        np.savez(tmp_path / 'a.npz', images=images(4), labels=[0, 1, 1, 0], classes=np.array(names))
        if expected is None:
            with pytest.raises(errors.GaxError, match=r"unknown class of npz:made.npz, in .*a.npz: 'gnu'"):
                external_samples.open_samples(tmp_path / 'a.npz', ref, config.data)
        else:
            source = external_samples.open_samples(tmp_path / 'a.npz', ref, config.data)
            assert sorted(source.arrays['label'].tolist()) == expected


@pytest.mark.parametrize('labels', [[0, 1, 4], [0, -1, 2]])
def test_labels_of_samples_that_the_reference_has_not_are_refused(tmp_path: Path, labels: list[int]) -> None:
    np.savez(tmp_path / 'a.npz', images=images(3), labels=labels)
    ref = ref_of(images(), np.arange(120) % 4)[0]
    says = f'are {min(labels)} to {max(labels)}, and those of npz:made.npz 0 to 3'
    with pytest.raises(errors.GaxError, match=says):
        external_samples.open_samples(tmp_path / 'a.npz', ref, base('vanilla').data)


@pytest.mark.parametrize(
    ('arrays', 'says'),
    [
        ({'z': np.zeros(3)}, r'has none of the arrays images, image, x, arr_0 \(found: z\)'),
        (
            {'x': np.zeros((3, 6, 6, 1), np.float32)},
            r'must be uint8 .* and are float32 of shape \(3, 6, 6, 1\)',
        ),
        ({'x': np.zeros((3, 8, 8, 3), np.uint8)}, 'are 8x8x3 and the reference npz:made.npz is 6x6x1'),
        (
            {'x': np.zeros((3, 6, 6, 1), np.uint8), 'y': np.zeros(2, int)},
            'must be 3 whole numbers, one a sample',
        ),
        ({'x': np.zeros((0, 6, 6, 1), np.uint8)}, r'must be uint8 .* of shape \(0, 6, 6, 1\)'),
    ],
)
def test_samples_that_are_none_are_said(tmp_path: Path, arrays: dict[str, Any], says: str) -> None:
    np.savez(tmp_path / 'a.npz', **arrays)
    with pytest.raises(errors.GaxError, match=says):
        external_samples.open_samples(tmp_path / 'a.npz', ref_of(images())[0], base('vanilla').data)


def test_files_that_are_no_samples_are_said(tmp_path: Path) -> None:
    (tmp_path / 'a.npz').write_bytes(b'PK\x03\x04 and no more')
    ref = ref_of(images())[0]
    with pytest.raises(errors.GaxError, match=r'cannot read .*a.npz: truncated, or not an .npz file'):
        external_samples.open_samples(tmp_path / 'a.npz', ref, base('vanilla').data)
    with pytest.raises(errors.GaxError, match=r'nowhere is no folder of images and no \.npz file'):
        external_samples.open_samples(tmp_path / 'nowhere', ref, base('vanilla').data)
