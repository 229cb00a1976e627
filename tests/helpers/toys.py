"""Nets and games small enough to be differentiated by hand.

Data are points [B, 2]; latents may come in the batch.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gax.core import forward, rng
from gax.core import step as steps
from gax.core.types import Context, Game, Net, Player
from gax.objectives import losses, terms


def net(init, fn, noise=0.0):
    """A Net whose model_state counts its training calls; `noise` draws from the key of the call."""

    def apply(params, model_state, *inputs, train, key):
        out = fn(params, *inputs)
        if noise and train:
            out = out + noise * jax.random.normal(key, out.shape)
        return out, {'calls': model_state['calls'] + 1} if train else model_state

    return Net(lambda key: (init(key), {'calls': jnp.zeros((), jnp.int32)}), apply)


def generator():
    """G(z) = z a + b."""
    return net(
        lambda key: {'a': jax.random.normal(key, (2, 2)), 'b': jnp.ones((2,))},
        lambda p, z: z @ p['a'] + p['b'][None],
    )


def discriminator(noise=0.0):
    """D(x) = tanh(x v) w."""
    return net(
        lambda key: {'v': jax.random.normal(key, (2, 3)), 'w': jnp.array([1.0, -0.5, 2.0])},
        lambda p, x: jnp.tanh(x @ p['v']) @ p['w'],
        noise,
    )


def given_latents(key, num, batch):
    """Latents that the batch brings along, so that a test knows them."""
    return {'z': batch['z']}


def game(d_terms=None, g_terms=None, noise=0.0, loss='non_saturating', rate=0.1, d=None, g=None, **fields):
    """A GAN on points with plain gradient descent; `d` and `g` replace fields of the players."""
    loss = losses.make(loss)
    score = forward.score_both if loss.relativistic else forward.score_fakes
    players = {
        'd': Player(
            nets=('d',),
            forward=forward.score_both(forward.POINTS),
            terms={'adversarial': terms.adversarial(loss.d), **(d_terms or {})},
            optimizer=optax.sgd(rate),
            summary=terms.logit_summary,
        )._replace(**(d or {})),
        'g': Player(
            nets=('g',),
            forward=score(forward.POINTS),
            terms={'adversarial': terms.adversarial(loss.g), **(g_terms or {})},
            optimizer=optax.sgd(rate),
        )._replace(**(g or {})),
    }
    fields = {'latents': forward.normal_latents(2), 'generate': forward.generate('point'), **fields}
    return Game({'g': generator(), 'd': discriminator(noise)}, players, generator=('g',), **fields)


def batch(rows=6, seed=0):
    """Points away from the origin, and latents."""
    draw = np.random.default_rng(seed)
    return {
        'point': jnp.asarray(draw.normal(size=(rows, 2)) + 1.5, jnp.float32),
        'z': jnp.asarray(draw.normal(size=(rows, 2)), jnp.float32),
    }


def init(made, seed=0):
    return steps.init(made, rng.root(seed))


def view(nets, params, real, fake=None, seed=0, train=True, model_state=None):
    """A Context over images, or whatever `real` and `fake` hold."""
    state = (
        {name: {'calls': jnp.zeros((), jnp.int32)} for name in nets} if model_state is None else model_state
    )
    zero = jnp.zeros((), jnp.int32)
    return Context(nets, params, state, real, {}, fake or {}, jax.random.key(seed), zero, train)


def close(actual, expected, tolerance=1e-6):
    """Trees equal, leaf by leaf, relative to the larger of 1 and the leaf's size."""
    actual, expected = jax.device_get((actual, expected))
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for (path, a), e in zip(
        jax.tree_util.tree_leaves_with_path(actual), jax.tree.leaves(expected), strict=True
    ):
        a, e = np.asarray(a), np.asarray(e)
        assert a.shape == e.shape, jax.tree_util.keystr(path)
        np.testing.assert_allclose(a, e, tolerance, tolerance, err_msg=jax.tree_util.keystr(path))


def same(actual, expected):
    """Trees equal bit for bit, dtypes included."""
    actual, expected = jax.device_get((actual, expected))
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for (path, a), e in zip(
        jax.tree_util.tree_leaves_with_path(actual), jax.tree.leaves(expected), strict=True
    ):
        a, e = np.asarray(a), np.asarray(e)
        assert (a.dtype, a.shape) == (e.dtype, e.shape), jax.tree_util.keystr(path)
        assert a.tobytes() == e.tobytes(), jax.tree_util.keystr(path)


def differ(left, right):
    """True where some leaf differs."""
    pairs = zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    return any(not np.array_equal(a, b) for a, b in pairs)
