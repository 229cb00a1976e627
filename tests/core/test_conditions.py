"""A game on two images: fakes are made from noise and another image, in training and when sampling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.core import sample
from gax.core.spec import Field, Spec
from gax.data.source import Source
from gax.distributed import sharding
from gax.errors import GaxError
from gax.training import experiment, fixed_samples, programs, real_examples
from tests.helpers import tinyruns
from tests.helpers.toys import close, differ

FIELDS = {'image': Field((4, 4, 3)), 'condition': Field((4, 4, 1))}


def pairs(size=12):
    draw = np.random.default_rng(0)
    arrays = {
        name: draw.uniform(-1, 1, (size, *field.shape)).astype(np.float32) for name, field in FIELDS.items()
    }
    return Source(
        Spec('pairs', FIELDS, 0, size), arrays, lambda a, rows, key: {n: x[rows] for n, x in a.items()}
    )


def built(devices=1):
    config = tinyruns.config(gan='tests.helpers.recipes.translated')
    return experiment.build(config, sharding.mesh(jax.devices()[:devices]), pairs())


@pytest.fixture(scope='module')
def trained():
    made = built()
    return made, jax.device_get(programs.advancer(made)(experiment.init(made), 0, 2))


@pytest.mark.slow
def test_it_trains_and_four_devices_agree(trained):
    made, carry = trained
    assert differ(carry.state.params, jax.device_get(experiment.init(made)).state.params)
    assert {'d/loss', 'g/l1', 'd/diversity'} <= set(carry.meter.totals)
    four = built(devices=4)
    close(
        jax.device_get(programs.advancer(four)(experiment.init(four), 0, 2)).state.params,
        carry.state.params,
        1e-4,
    )


def test_samples_follow_their_conditions(trained):
    made, carry = trained
    conditions = {'condition': jnp.stack([jnp.full((4, 4, 1), value) for value in (-1.0, 1.0)])}

    @jax.jit
    def fakes(conditions):
        return sample.sample(made.game, carry.state, jax.random.key(0), 2, conditions)['image']

    swapped = {'condition': conditions['condition'][::-1]}
    assert differ(fakes(conditions), fakes(swapped))
    with pytest.raises(GaxError, match="'condition' was not given"):
        sample.sample(made.game, carry.state, jax.random.key(0), 2)


def test_pictures_of_a_run_are_made_from_real_conditions(trained):
    made, carry = trained
    real = real_examples.reals(made, 4)
    close(real_examples.conditions(made, 4)['condition'], real['condition'])
    key = jax.random.key(0)
    fakes = fixed_samples.sampler(made, 4)(carry.state)['image']
    assert fakes.shape == (4, 4, 4, 3)
    noise = sample.sample(made.game, carry.state, key, 4, {'condition': jnp.asarray(real['condition'])})[
        'image'
    ]
    assert noise.shape == fakes.shape
