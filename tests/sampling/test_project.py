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
from gax.core.types import Game, Styles
from gax.evals.evaluator import Setting
from gax.sampling import project, project_distances, projector, spaces, truncation
from gax.sampling.project import Descent, Space
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
    usual = {'num': 2, 'restarts': 3, 'steps': 10, 'features': 'd'}
    return projector.Request(run, tmp_path / 'projected.png', **{**usual, **fields})


@pytest.mark.slow
def test_held_out_images_come_nearer_and_the_files_say_the_same(run, tmp_path):
    asked = request(run, tmp_path, latents=tmp_path / 'a.npz', video=tmp_path / 'a.gif', frames=5)
    done = projector.run(asked)
    assert (done.step, done.space, done.features) == (2, 'z', 'd')
    assert done.images.shape == (2, 3, 8, 8, 1)
    assert (np.diff(done.distances, axis=1) >= 0).all()
    arrays = np.load(asked.latents)
    np.testing.assert_array_equal(arrays['images'], done.images)
    built = trained_run.build(run, read_config(run / 'config.json'))
    state, _ = trained_run.restore(built, run)
    latents = {name: jnp.asarray(arrays[name]).reshape(6, *arrays[name].shape[2:]) for name in ('z', 'label')}
    run_again = jax.jit(lambda: sample.synthesize(built.game, state, latents, rng.key(0))['image'])
    again = run_again()
    np.testing.assert_allclose(to_uint8(again).astype(int), done.images.reshape(6, 8, 8, 1), atol=1)
    with Image.open(asked.video) as film:
        assert film.n_frames == 5 + 1  # of the equal ones at the end one is written, for a second
    with Image.open(asked.out) as picture:
        assert picture.size == (4 * 66 + 2, 2 * (64 + 15 + 2) + 2)
    held_out = trained_run.with_data(run, built.config, '', built.mesh)
    assert held_out.source.split == 'train'


def test_a_fake_of_the_run_itself_is_recovered(run, tmp_path):
    built = trained_run.build(run, read_config(run / 'config.json'))
    state, _ = trained_run.restore(built, run)
    label = {'label': jnp.asarray([1])}
    fake = jax.jit(lambda: sample.sample(built.game, state, rng.key(5), 1, label)['image'])()
    Image.fromarray(to_uint8(fake)[0, ..., 0]).save(tmp_path / 'fake.png')
    asked = request(run, tmp_path, input=tmp_path / 'fake.png', steps=100, label=1, features='none')
    done = projector.run(asked)
    assert done.latents['label'].tolist() == [[1, 1, 1]]
    assert done.psnr[0, 0] > 30


def test_without_a_label_the_restarts_have_the_classes_in_turn(run):
    built = trained_run.build(run, read_config(run / 'config.json'))
    assert spaces.conditions(built, None, (2, 4))['label'].tolist() == [0, 1, 2, 0, 0, 1, 2, 0]
    assert spaces.conditions(built, np.array([2, 1]), (2, 2))['label'].tolist() == [2, 2, 1, 1]


@pytest.mark.parametrize(
    ('fields', 'message'),
    with_slow(
        [
            ({'steps': 0}, '--steps must be positive, and is 0'),
            ({'space': 'v'}, "unknown --space 'v'; valid: z"),
            ({'features': 'vgg'}, "unknown --features 'vgg'"),
            ({'label': 3}, '--label=3: the generator of this run has no such class'),
            ({'pixel_weight': 0.0, 'feature_weight': 0.0}, 'neither may be below 0, and one must be above'),
            ({'rate': 0.0}, '--rate must be positive'),
        ],
        1,
        2,
        3,
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
