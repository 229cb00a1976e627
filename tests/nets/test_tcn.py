"""Temporal convolutional networks: receptive field, numbers of parameters, any length, what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.errors import GaxError
from gax.nets import tcn


def test_the_receptive_field_of_the_paper():
    g = tcn.SeriesGenerator((127, 1))
    assert tcn.receptive_field(g.kernel, g.dilations) == 127
    assert g.noise_steps(127) == 253


def test_a_convolution_against_numpy():
    x = np.random.default_rng(0).normal(size=(2, 9, 3)).astype(np.float32)
    layer = tcn.CausalConv(4, kernel=3, dilation=2)
    out, variables = layer.init_with_output(jax.random.key(0), x)
    kernel = np.asarray(variables['params']['Dense_0']['kernel']).reshape(3, 3, 4)  # [tap, C, features]
    wanted = [sum(x[:, t + 2 * i] @ kernel[i] for i in range(3)) for t in range(5)]
    np.testing.assert_allclose(out, np.stack(wanted, axis=1), atol=1e-5)


@pytest.mark.slow
def test_parameters_steps_and_what_an_output_reads():
    """Each block: two convolutions with bias and a PReLU number each, and the skip connection."""
    g = tcn.SeriesGenerator((6, 2), width=5, kernel=2, dilations=(1, 3))
    z = jax.random.normal(jax.random.key(0), (3, 6 + 8, 4))  # the field is 1 + 2 (1 + 3) = 9
    variables = g.init(jax.random.key(1), z, train=False)
    first = 4 * 5 + 5 + 1 + 5 * 5 + 5 + 1
    other = 2 * (2 * 5 * 5 + 5 + 1)
    skips, last = 3 * (5 * 5 + 5), 5 * 2 + 2
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == first + 2 * other + skips + last

    def run(z):
        return g.apply(variables, z, train=False)

    assert run(z).shape == (3, 6, 2)
    assert run(jnp.ones((1, 100, 4))).shape == (1, 92, 2)
    np.testing.assert_allclose(run(z[:, 2:])[:, :4], run(z)[:, 2:], atol=1e-6)  # the same at every step
    read = np.abs(np.asarray(jax.jacobian(lambda z: run(z)[0, 0, 0])(z)))[0].sum(-1) > 0
    assert read.tolist() == [True] * 9 + [False] * 5


def test_a_discriminator_scores_every_stretch():
    d = tcn.SeriesDiscriminator(width=4, dilations=(1, 2), heads={})
    out, _ = jax.eval_shape(lambda: d.init_with_output(jax.random.key(0), jnp.ones((3, 8, 2)), train=False))
    assert (out['logits'].shape, out['features'].shape) == ((3, 2), (3, 4))
    message = r'kernel=2, dilations=\(1, 2\) reads 7 steps at once, and the series has 6: raise'
    with pytest.raises(GaxError, match=message):
        d.init(jax.random.key(0), jnp.ones((3, 6, 2)), train=False)
