"""Growth: phases as numbers, the share of a level, optimizers that begin anew, what is refused."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from gax import errors
from gax.core import forward, growth, transforms
from gax.core.growth import Stage
from gax.core.types import Phase
from tests.helpers import toys


def config_of(batch_size=16, steps=10**7, **fields):
    section = {**growth.section(), **fields}
    return ConfigDict({'batch_size': batch_size, 'steps': steps, 'growth': section})


def at(grown, step):
    """The stage at a step, its share as a number."""
    phase = [part.phase.name for part in grown.parts if part.phase.start <= step][-1]
    context = toys.view({}, {}, {})._replace(step=jnp.asarray(step), phase=phase)
    stage = grown.stage(context)
    return stage.level, None if stage.share is None else float(stage.share)


def lod(stage, last=8):
    """How many levels are missing, as the authors count: a fraction while one is faded in."""
    level, share = stage
    return last - level + (0.0 if share is None else 1.0 - share)


@pytest.mark.parametrize(
    ('first', 'kimg', 'missing', 'whole'), [(4, 900, 7.5, 9600), (8, 1000, 6 + 1 / 3, 8400)]
)
def test_the_published_schedules(first, kimg, missing, whole):
    """Of 1024x1024 images, ProGAN from 4x4 and StyleGAN from 8x8."""
    grown = growth.from_config(config_of(first=first), 8, (1024, 1024, 3))
    assert lod(at(grown, kimg * 1000 // 16)) == pytest.approx(missing, abs=1e-4)
    assert grown.parts[-1] == growth.Part(Phase('level 8', whole * 1000 // 16), 8)
    assert lod(at(grown, whole * 1000 // 16 - 1)) == pytest.approx(0.0, abs=1e-4)
    assert lod(at(grown, 0)) == {4: 8, 8: 7}[first]


def test_phases_without_steps_are_left_out():
    parts = growth.schedule(0, 2, stable=3, fade=0).parts
    assert [(part.phase, part.level) for part in parts] == [
        (Phase('level 0', 0), 0),
        (Phase('level 1', 3), 1),
        (Phase('level 2', 6), 2),
    ]
    parts = growth.schedule(0, 1, stable=0, fade=4).parts
    assert [(part.phase, part.fade) for part in parts] == [
        (Phase('level 1 fades in', 0), 4),
        (Phase('level 1', 4), 0),
    ]
    assert growth.schedule(1, 1, 5, 5).parts == (growth.Part(Phase('level 1', 0), 1),)


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'first': 5}, r'config\.growth\.first=5 must be one of 4, 8, 16 for images of 16'),
        ({'stable': -1.0}, r'stable=-1\.0 and fade=600\.0 cannot be below 0'),
        ({'rates': (1.0, 0.0)}, r'rates=\(1\.0, 0\.0\) must be positive'),
        ({'steps': 9}, r'have grown to 16 pixels at step 150000, and config\.steps=9 ends before'),
    ],
)
def test_what_is_refused(fields, message):
    with pytest.raises(errors.GaxError, match=message):
        growth.from_config(config_of(**fields), 2, (16, 16, 1))


def test_adam_begins_anew_with_each_phase_and_follows_its_factor():
    adam = optax.adam(0.1)
    phased = transforms.by_phase(adam, [0, 3], [1.0, 0.5])
    gradients = [jnp.asarray([x, -2.0 * x]) for x in (1.0, 3.0, -2.0, 0.5, 4.0)]
    params = jnp.zeros(2)
    state, fresh = phased.init(params), adam.init(params)
    for step, gradient in enumerate(gradients):
        if step == 3:
            fresh = adam.init(params)
        updates, state = phased.update(gradient, state, params, step=jnp.asarray(step))
        wanted, fresh = adam.update(gradient, fresh, params)
        np.testing.assert_allclose(updates, wanted * (1.0 if step < 3 else 0.5), rtol=1e-6)
    assert int(state.phase) == 1
    assert int(state.inner[0].count) == 2


def test_reals_are_shown_as_the_stage_makes_them_and_nets_get_the_stage():
    grown = growth.schedule(0, 1, stable=2, fade=4)
    game = toys.game()
    changed = growth.grown(
        game, grown, 'point', lambda x, stage: x * (1 if stage.share is None else stage.share)
    )
    assert [phase.name for phase in changed.phases] == ['level 0', 'level 1 fades in', 'level 1']
    batch = toys.batch()
    context = toys.view({}, {}, batch)._replace(step=jnp.asarray(3), phase='level 1 fades in')
    seen = {}

    def watching(context):
        seen.update(context.batch)
        return {}, context

    player = game.players['d']._replace(forward=watching)
    watched = growth.grown(
        game._replace(players={'d': player}), grown, 'point', lambda x, stage: stage.share * x
    )
    watched.players['d'].forward(context)
    np.testing.assert_allclose(seen['point'], batch['point'] / 4)
    scorer = growth.staged(forward.POINTS, grown)
    inputs = scorer.inputs(context, batch)
    assert isinstance(inputs[-1], Stage)
    assert (inputs[-1].level, float(inputs[-1].share)) == (1, 0.25)
