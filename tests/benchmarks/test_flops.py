"""The compiled step does the arithmetic of the algorithm and hardly any more.

Counted by hand: two operations per multiply-add of dense and convolution layers, all kernel taps, as papers
count. With F the forward of a net over B rows, and no gradient towards a net's input unless the other player
needs it: one shared G pass and its way back (3 F_G less the first layer's input gradient), D's update on 2B
rows (2 * 3 F_D less the first layer's input gradient), G's path through the moved D (F_D, then F_D back to
the pixels).
"""

import itertools

import jax
import pytest

from configs import dcgan_mnist, vanilla_mnist
from gax.core import updates
from gax.distributed import sharding
from gax.nets.ops import conv
from gax.training import experiment, feed, programs


def dense(*widths: int) -> list[int]:
    """Multiply-adds per example of each layer."""
    return [a * b for a, b in itertools.pairwise(widths)]


VANILLA = {'g': dense(100, 128, 256, 512, 1024, 784), 'd': dense(784, 1024, 512, 256, 1)}
DCGAN = {
    'g': [100 * 12544, 49 * 25 * 256 * 128, 49 * 25 * 128 * 64, 196 * 25 * 64],
    'd': [196 * 25 * 64, 49 * 25 * 64 * 128, 6272],
}


def measured(module, layers) -> float:
    """Counted over the minimum."""
    config = module.get_config()
    built = experiment.build(config, sharding.mesh(jax.devices()[:1]))
    carry = experiment.init(built)
    lowered = programs.program(built, updates.Active(unroll=True)).lower(
        carry, built.arrays, feed.indices(built, 0)
    )
    flops = lowered.compile().cost_analysis()['flops']
    g, d = sum(layers['g']), sum(layers['d'])
    per_example = (3 * g - layers['g'][0]) + 2 * (3 * d - layers['d'][0]) + 2 * d
    minimum = 2 * per_example * config.batch_size
    print(f'{module.__name__}: {flops:.4g} of {minimum:.4g}, ratio {flops / minimum:.4f}')
    return flops / minimum


@pytest.mark.slow
@pytest.mark.parametrize(('module', 'layers'), [(vanilla_mnist, VANILLA), (dcgan_mnist, DCGAN)])
def test_flops_within_five_percent_of_the_minimum(module, layers, monkeypatch):
    """Of convolutions as sums over all taps."""
    monkeypatch.setattr(conv, 'default_lowering', lambda: 'patches')
    ratio = measured(module, layers)
    assert ratio <= 1.05
    assert ratio >= 0.9  # less would mean that part of the algorithm is missing


@pytest.mark.slow
def test_flops_saved_by_values_at_points():
    """49 * 25 products of the largest layer become 121, of those with stride 4 * 94 at most; the transforms
    cost as much again.
    """
    assert 0.25 < measured(dcgan_mnist, DCGAN) < 0.4
