"""Numbers that change along training: literals of published schedules, where they may be, and what is
refused.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gax import errors, gans
from gax.config import base, choices, choose, optimizer
from gax.config import defaults as configs
from gax.core import ema, optax_functions, optimizers, schedules
from gax.core import step as steps
from gax.core.spec import Field, Spec
from tests.helpers import toys

# Huang et al., "The GAN is dead; long live the GAN!", 2024, table 6, CIFAR-10, at 5, 10, 15 and 20 million
# images: computed by hand from a + (b - a) (1 - cos(pi t / T)) / 2.
R3GAN = {
    '2e-4:5e-5': (1.780330e-4, 1.25e-4, 7.196699e-5, 5e-5),
    '0.05:0.005': (0.0434099, 0.0275, 0.0115901, 0.005),
    '0.9:0.99': (0.9131802, 0.945, 0.9768198, 0.99),
    '0:0.55': (0.0805456, 0.275, 0.4694544, 0.55),
    '0:5000': (732.233, 2500.0, 4267.767, 5000.0),
}


@pytest.mark.parametrize(('ends', 'values'), R3GAN.items())
def test_cosines_of_r3gan(ends, values):
    config = base('vanilla')
    config.batch_size = 512
    choose(config, 'terms.r1', weight=f'cosine:{ends}:20000kimg')
    fn = schedules.resolved(config).terms.r1.weight
    at = jnp.array([5e6, 10e6, 15e6, 20e6, 90e6]) / 512
    found = jax.jit(jax.vmap(fn))(at)
    np.testing.assert_allclose(found, [*values, values[-1]], rtol=1e-6)
    assert float(fn(0)) == pytest.approx(float(ends.partition(':')[0]), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(('length', 'half'), [('100', 50), ('0.5', 200), ('6.4kimg', 50), ('1.0', 400)])
def test_lengths(length, half):
    """In steps, in a share of 800 steps, and in images, 64 a step."""
    config = base('vanilla')
    config.steps, config.batch_size = 800, 64
    choose(config, 'terms.r1', weight=f'linear:2:0:{length}')
    fn = schedules.resolved(config).terms.r1.weight
    assert (float(fn(0)), float(fn(half)), float(fn(2 * half))) == (2.0, 1.0, 0.0)


def test_half_lives_of_published_settings():
    for batch, kimg, decay in ((64, 500, 0.9999112811), (32, 10, 0.9977843871), (512, 5000, 0.9999290242)):
        assert float(ema.half_life(kimg, batch)(0)) == pytest.approx(decay, abs=1e-7)
    ramped = ema.half_life(500.0, 64, ramp=0.05)
    assert float(ramped(0)) == 0.0
    assert float(ramped(1000)) == pytest.approx(0.9862327, abs=1e-7)  # 64,000 images: n = 3,200
    assert float(ramped(10**6)) == pytest.approx(0.9999112811, abs=1e-7)


def test_half_lives_from_a_config():
    config = base('vanilla')
    config.batch_size = 512
    choose(config, 'ema', 'half_life', kimg='cosine:0:5000:20000kimg')
    assert config.ema.to_dict() == {'name': 'half_life', 'kimg': 'cosine:0:5000:20000kimg', 'ramp': 0.0}
    configs.check(config)
    decay = ema.from_config(schedules.resolved(config))
    assert float(decay(0)) == 0.0
    assert float(decay(20e6 / 512)) == pytest.approx(0.9999290242, abs=1e-7)
    choices.set(config, 'ema.name', 'decay')
    assert config.ema.to_dict() == {'name': 'decay', 'decay': 0.999}


def test_adam_follows_its_schedules():
    """Each step by hand, with the learning rate, b2 and bias correction of that step."""
    rate, b2 = schedules.along('cosine', 0.1, 0.01, 3), schedules.along('linear', 0.5, 0.9, 3)
    chain = optimizers.make({'name': 'adam', 'learning_rate': rate, 'b1': 0.0, 'b2': b2, 'eps': 0.0})
    params, g, second = jnp.array([1.0, -2.0]), np.array([0.5, 3.0]), np.zeros(2)
    state = chain.init(params)
    for step in range(4):
        updates, state = chain.update(jnp.asarray(g, jnp.float32), state, params, step=jnp.asarray(step))
        b, share = 0.5 + 0.4 * step / 3, step / 3
        second = b * second + (1 - b) * g**2
        lr = 0.1 - 0.09 * (1 - np.cos(np.pi * share)) / 2
        expected = -lr * g / np.sqrt(second / (1 - b ** (step + 1)))
        np.testing.assert_allclose(updates, expected, rtol=2e-5)
        g = g * [-2.0, 0.7]
    with pytest.raises(errors.GaxError, match=r'^schedules of b2 follow the training step'):
        chain.update(params, state, params)


def test_a_schedule_times_a_schedule_and_the_lazy_correction():
    section = {
        **{'name': 'sgd', 'learning_rate': lambda step: 0.1 * (step + 1.0), 'lazy_interval': 3},
        'schedule': {'name': 'linear_schedule', 'end_value': 0.0, 'transition_steps': 4},
    }
    chain = optimizers.make(section)
    params = jnp.ones(1)
    updates, _ = chain.update(params, chain.init(params), params, step=jnp.asarray(2))
    np.testing.assert_allclose(updates, -0.1 * 3 * 0.75 * 0.5, rtol=1e-6)


def test_an_optimizer_that_takes_no_schedule():
    no = next(name for name in optax_functions.optimizers() if not optax_functions.takes_schedule(name))
    with pytest.raises(errors.GaxError, match=rf"^optimizer '{no}' .* no schedule \('learning_rate'\)"):
        optimizers.make({'name': no, 'learning_rate': lambda step: 0.1})


def test_in_a_game_nothing_is_compiled_again():
    config = base('vanilla')
    config.latent_dim = 3
    config.g.net.widths = config.d.net.widths = (4,)
    choose(config, 'terms.r1', weight='linear:1:0:2')
    config.d.optimizer = optimizer('adam', 'cosine:0.1:0.01:3', b1=0.0, b2='linear:0.9:0.99:3')
    choose(config, 'ema', 'half_life', kimg='linear:0:1:10')
    configs.check(config)
    game = gans.make(config, Spec('points', {'point': Field((2,), 'point')}))
    step = jax.jit(steps.make_step(game))
    state, batch = toys.init(game), {'point': jnp.ones((4, 2))}
    for _ in range(4):
        state, metrics = step(state, batch)
    assert step._cache_size() == 1
    assert all(bool(jnp.isfinite(total)) for total, _ in metrics.values())
    loss, adversarial = metrics['d/loss'][0], metrics['d/adversarial'][0]
    assert float(loss) == float(adversarial)  # the weight of R1 is 0 by now
    assert float(metrics['d/r1'][0]) > 0


def test_numbers_again():
    """What had a schedule takes a number, and a number of a config file a schedule."""
    config = base('vanilla')
    choices.follow(config, {'terms.r1.weight': 'linear:1:0:5'})
    config.terms.r1.weight = 'linear:1:0:5'
    choices.set(config, 'terms.r1.weight', 0.5)
    config.d.optimizer = optimizer('adam', 'cosine:0.1:0.01:3')
    choices.set(config, 'd.optimizer.learning_rate', 1e-3)
    choices.set(config, 'd.optimizer.b2', 'linear:0.9:0.99:3')
    configs.check(config)
    restored = configs.restored(config.to_dict())
    assert restored.to_dict() == config.to_dict()
    assert schedules.resolved(base('vanilla').copy_and_resolve_references()).batch_size == 64


def checked(path, text):
    config = base('vanilla')
    choices.set(config, path, text)
    configs.check(config)


@pytest.mark.parametrize(
    ('path', 'text', 'message'),
    [
        (
            'terms.r1.weight',
            'cosin:1:0:5',
            r"unknown schedule of config\.terms\.r1\.weight: 'cosin' \(nearest: 'cosine'",
        ),
        ('terms.r1.weight', 'cosine:1:0', r'config\.terms\.r1\.weight=.* is not cosine:START:END:LENGTH'),
        ('terms.r1.weight', 'cosine:1:x:5', r'config\.terms\.r1\.weight=.* START and END are numbers'),
        ('terms.r1.weight', 'cosine:1:0:0', r'config\.terms\.r1\.weight=.* LENGTH positive'),
        ('terms.r1.weight', 'cosine:1:0:1.5', r'.*a share of config\.steps up to 1\.0'),
        ('terms.r1.weight', 'cosine:1:-1:5', r'config\.terms\.r1\.weight must be at least 0\.0'),
        ('d.optimizer.b2', 'cosine:0.9:1:5', r'config\.d\.optimizer\.b2 must be from 0 to below 1'),
        ('label_smoothing', 'cosine:0:0.1:5', r'config\.label_smoothing must be a number, and is'),
        ('ema.kimg', 'cosine:0:1:5', r'unknown field config\.ema\.kimg'),
    ],
)
def test_refused(path, text, message):
    with pytest.raises(errors.GaxError, match=message) as info:
        checked(path, text)
    assert '\n' not in str(info.value)


def test_adam_with_numbers_is_that_of_optax():
    params, g = jnp.array([1.0]), jnp.array([0.5])
    made = optimizers.make(
        {'name': 'adam', 'learning_rate': 0.1, 'b2': schedules.along('linear', 0.9, 0.9, 5)}
    )
    plain = optax.adam(0.1, b2=0.9)
    found, _ = made.update(g, made.init(params), params, step=jnp.asarray(0))
    np.testing.assert_allclose(found, plain.update(g, plain.init(params), params)[0], rtol=1e-6)
