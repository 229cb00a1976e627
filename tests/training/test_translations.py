"""Evaluation of games that make images from images: every fake against the target of its own example."""

import jax
import numpy as np
import pytest
from PIL import Image

from gax import errors
from gax.core import translation
from gax.distributed import sharding
from gax.evals import results, translated
from gax.evals.evaluator import Setting
from gax.evals.metrics import image_pairs
from gax.training import (
    evaluate,
    evaluators,
    experiment,
    model_selection,
    real_examples,
    results_table,
    step_trace,
    train,
    translations,
)
from gax.training.workdir import read_config
from tests.helpers import tinyruns
from tests.helpers.toys import differ


def pictures(count, size=12, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, channels), np.uint8)


def write(folder, images):
    folder.mkdir(parents=True)
    for i, image in enumerate(images):
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(folder / f'{i:02}.png')


@pytest.fixture(scope='module')
def pairs(tmp_path_factory):
    """40 pairs of images, and a run of two steps on the training split of them."""
    root = tmp_path_factory.mktemp('pairs')
    a, b = pictures(40), pictures(40, seed=1)
    write(root / 'set' / 'A', a)
    write(root / 'set' / 'B', b)
    changes = {'data.name': f'pairs:{root / "set"}', 'data.split': 'train', 'steps': 2, 'batch_size': 4}
    config = tinyruns.config(gan='tests.helpers.recipes.translated', **changes)
    train.train(config, root / 'run')
    return root / 'run'


@pytest.mark.slow
def test_results_of_the_held_out_split_beside_those_of_the_inputs(pairs, tmp_path):
    setting = Setting(('psnr', 'l1', 'ssim'), cache=tmp_path)
    evaluator, rows, *_ = evaluate.of_run(pairs, 'newest', setting, split='test')
    row = rows[0]
    built = evaluators.with_split(evaluate.build(pairs), 'test', 'run')
    examples = real_examples.examples(built, np.arange(4))
    a, b = (np.rint((examples[name] + 1) * 127.5).astype(np.uint8) for name in ('condition', 'image'))
    assert row['baseline']['psnr'] == pytest.approx(image_pairs.psnr(a, b).mean())
    assert row['baseline']['ssim'] == pytest.approx(image_pairs.ssim(a, b).mean())
    assert set(row['metrics']) == {'psnr', 'psnr_y', 'l1', 'ssim'} == set(row['baseline'])
    assert row['metrics']['l1'] != row['baseline']['l1']
    assert row['floor'] == {}
    assert list(tmp_path.iterdir()) == []  # nothing of reals was computed
    protocol = row['protocol']
    assert (protocol['fake'], protocol['split']) == (4, 'test')
    assert protocol['pairs'].startswith('condition 12x12x3 to image 12x12x3, RGB 0..255, nothing cropped')
    text = results_table.table(evaluator, rows)
    assert text.splitlines()[0].split() == ['metric', 'step', '2', 'input', 'real', 'better']
    assert 'input: the inputs in place of the fakes' in text
    assert results.read_results(pairs)[-1] == row


def cell(picture, row, column, size=12):
    """The image at a place of a grid that is doubled, with borders of a pixel."""
    plain = np.asarray(picture)[::2, ::2]
    top, left = row * (size + 1) + 1, column * (size + 1) + 1
    return plain[top : top + size, left : left + size]


@pytest.mark.slow
def test_pictures_are_rows_of_input_output_and_target(pairs):
    built = evaluate.build(pairs)
    examples = real_examples.reals(built, 64)
    picture = Image.open(pairs / 'samples' / '0000002.png')
    assert picture.size == (2 * (30 * 13 + 1), 2 * (7 * 13 + 1))  # 64 examples in blocks of 10
    for place, name in ((0, 'condition'), (2, 'image')):
        for example in (0, 1, 10):  # the eleventh begins the second line
            shown = cell(picture, example // 10, example % 10 * 3 + place)
            np.testing.assert_array_equal(shown, np.rint((examples[name][example] + 1) * 127.5))


@pytest.mark.slow
def test_a_perfect_generator_is_perfect_in_every_order(pairs, tmp_path):
    """The fakes are the targets: conditions and targets come from the same examples."""
    built = evaluate.build(pairs)
    swapped = {'condition': built.source.arrays['image'], 'image': built.source.arrays['condition']}
    game = built.game._replace(
        generate=lambda context: ({'image': context.latents['condition']}, context), ema={}
    )
    same = built.source._replace(arrays={**swapped, 'condition': swapped['image']})
    built = built._replace(game=game, source=same, arrays=step_trace.Arrays(same.arrays, {}))
    evaluator = evaluators.of_experiment(built, Setting(('psnr', 'l1', 'histogram'), cache=tmp_path))
    numbers, count = evaluators.of_generator(built, evaluator)(experiment.init(built).state)
    assert count == 32
    assert numbers['l1'] == 0
    assert numbers['psnr'] == pytest.approx(10 * np.log10(255**2 * 12 * 12 * 3))
    assert numbers['histogram_a'] == 1


def test_the_usual_metrics_and_those_that_do_not_apply(pairs, tmp_path):
    built = evaluate.build(pairs)
    evaluator = evaluators.of_experiment(built, Setting(cache=tmp_path))
    assert list(evaluator.metrics) == ['frechet', 'l1', 'psnr', 'ssim', 'histogram']
    assert evaluator.setting.num == 32  # each example once
    for name, says in (('hole', 'in the holes of a mask'), ('cycle', 'that translate both ways')):
        with pytest.raises(errors.GaxError, match=says):
            evaluators.of_experiment(built, Setting((name,), cache=tmp_path))
    with pytest.raises(errors.GaxError, match=r"--direction=ba: .* translates 'condition' to 'image' alone"):
        evaluators.of_experiment(built, Setting(cache=tmp_path), 'ba')
    plain = experiment.build(tinyruns.config(**{'data.name': 'embedded:emoji'}))
    with pytest.raises(errors.GaxError, match='psnr compares every fake with the true image of its example'):
        evaluators.of_experiment(plain, Setting(('psnr',), cache=tmp_path))


def domain_config(root, **changes):
    for i, name in enumerate(('trainA', 'trainB', 'testA', 'testB')):
        if not (root / 'set' / name).exists():
            images = pictures(6, seed=i)
            if name == 'trainB':
                images = images[:5]  # other names than those of trainA: no pairs
            write(root / 'set' / name, images)
    changes = {'data.name': f'domains:{root / "set"}', 'steps': 2, 'batch_size': 4, **changes}
    return tinyruns.config(gan='tests.helpers.recipes.both_ways', **changes)


def test_both_directions_and_the_error_of_cycles(tmp_path):
    config = domain_config(tmp_path)
    built = experiment.build(config)
    ways = translation.directions(built.game, built.source.spec)
    assert ways == (('b', 'a'), ('a', 'b'))  # to the data's target first
    assert not built.source.paired
    with pytest.raises(errors.GaxError, match='for domains without pairs, a split that has some'):
        evaluators.of_experiment(built, Setting(('psnr',), cache=tmp_path))
    judged = evaluators.with_split(built, 'test', 'run')
    assert judged.source.paired
    state, rows = experiment.init(built).state, {}
    for direction in ('ab', 'ba'):
        evaluator = evaluators.of_experiment(judged, Setting(('l1', 'cycle'), cache=tmp_path), direction)
        rows[direction] = evaluators.of_generator(judged, evaluator, direction)(state)[0]
        assert evaluator.baseline['cycle'] == evaluator.baseline['cycle_jpeg'] == 0
    examples = real_examples.examples(judged, np.arange(6))
    params = jax.device_get(state.params)

    def translate(net, x):
        dense = params[net]['Dense_0']
        return np.tanh(x @ dense['kernel'] + dense['bias'])

    def as_bytes(x):
        return np.rint((x + 1) * 127.5)

    fake = translate('g_ba', examples['b'])
    assert rows['ba']['l1'] == pytest.approx(
        np.abs(as_bytes(fake) - as_bytes(examples['a'])).mean(), abs=1e-3
    )
    between = {'cycle': fake, 'cycle_8bit': as_bytes(fake) / 127.5 - 1}
    for name, x in between.items():
        back = as_bytes(translate('g_ab', x))
        assert rows['ba'][name] == pytest.approx(np.abs(back - as_bytes(examples['b'])).mean(), abs=2e-3)
    assert rows['ba']['cycle_jpeg'] != rows['ba']['cycle_8bit']


@pytest.mark.slow
def test_holes_are_the_same_for_every_batch_and_filled_with_the_mean_as_a_baseline(tmp_path):
    np.savez(tmp_path / 'set.npz', x=pictures(10))
    changes = {'data.name': f'npz:{tmp_path / "set.npz"}', 'data.condition': 'mask:boxes'}
    one = sharding.mesh(jax.devices()[:1])
    built = experiment.build(tinyruns.config(gan='tests.helpers.recipes.translated', **changes), one)
    task = translations.task_of(built)
    assert translated.available(task) == {'inputs', 'targets', 'masks'}
    make = translated.inputs(task, ('masks', 'targets'))
    whole, parts = next(make(10, 10)), list(make(10, 4))
    assert [part.valid for part in parts] == [4, 4, 2]
    for name in ('masks', 'targets'):
        joined = np.concatenate([np.asarray(part.beside[name])[: part.valid] for part in parts])
        np.testing.assert_array_equal(joined, whole.beside[name])
    masks, targets, filled = np.asarray(whole.beside['masks']), whole.beside['targets'], np.asarray(whole.x)
    assert differ(masks[0], masks[1])
    for i in range(10):
        hole = masks[i, ..., 0] == 1
        np.testing.assert_array_equal(filled[i][~hole], np.asarray(targets)[i][~hole])
        mean = np.asarray(targets)[i][~hole].astype(float).mean(0)
        np.testing.assert_allclose(filled[i][hole], np.broadcast_to(mean, filled[i][hole].shape), atol=0.51)
    evaluator = evaluators.of_experiment(built, Setting(('hole',), cache=tmp_path))
    expected = image_pairs.hole_l1(filled, np.asarray(targets), masks).mean()
    assert evaluator.baseline['hole_l1'] == pytest.approx(expected)


def test_a_smaller_gray_input_as_a_target():
    x = np.zeros((1, 4, 4, 1), np.float32) + 0.5
    np.testing.assert_allclose(
        translated.as_target(x, None, (8, 8, 3)), np.full((1, 8, 8, 3), 0.5), atol=1e-6
    )
    red = np.zeros((1, 4, 4, 3), np.float32)
    red[..., 0] = 1
    np.testing.assert_allclose(translated.as_target(red, None, (4, 4, 1))[0, 0, 0], [0.299], atol=1e-6)


def test_while_training_the_split_that_is_asked_for_is_evaluated(pairs, tmp_path):
    config = read_config(pairs / 'config.json').copy_and_resolve_references()
    with config.unlocked():
        config.eval.update({'every': 1, 'metrics': ('l1',), 'split': 'test'})
    selection = model_selection.Selection(experiment.build(config), tmp_path)
    assert selection.evaluator.protocol().split == 'test'
    assert selection.evaluator.setting.num == 4
    with config.unlocked():
        config.data.split = ''
    with pytest.raises(errors.GaxError, match=r'config\.eval\.split=test: this run was trained on all'):
        model_selection.Selection(experiment.build(config), tmp_path)
