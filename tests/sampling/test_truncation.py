"""Metrics against truncation: of z and of w, as a table and as a file; what is refused."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax import errors
from gax.core import sample, styles
from gax.core.types import Game, Styles
from gax.evals.evaluator import Setting
from gax.sampling import truncation
from gax.training import train
from tests.helpers import tinyruns, toys


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp('truncated')
    data = {'data.name': f'npz:{tinyruns.images(root / "set.npz")}'}
    train.train(tinyruns.config(steps=2, batch_size=4, **{'checkpoint.every': 2}, **data), root / 'run')
    return root / 'run'


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
        ([1.0], 'w', 'vanilla has no mapping network; z is truncated'),
        ([1.0], 'v', "unknown --truncation_space 'v'"),
    ],
)
def test_what_is_refused(run, values, space, message):
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
