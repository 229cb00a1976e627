"""The pool of fakes against a list in Python that does what the paper's code is described to do."""

import jax
import jax.numpy as jnp
import numpy as np

from gax.nets.pool import image_pool

SIZE, BATCH, STEPS = 5, 3, 40


def images(step):
    """Images of one pixel whose value is their number."""
    return jnp.arange(step * BATCH, (step + 1) * BATCH, dtype=jnp.float32).reshape(BATCH, 1, 1, 1)


def run(train=True):
    net = image_pool(SIZE, (1, 1, 1))
    params, state = net.init(jax.random.key(0))
    apply = jax.jit(lambda state, x, key: net.apply(params, state, x, train=train, key=key))
    outs = []
    for step in range(STEPS):
        out, state = apply(state, images(step), jax.random.fold_in(jax.random.key(1), step))
        outs.append(np.asarray(out).ravel())
    return np.concatenate(outs), state


def test_filled_first_then_half_are_exchanged():
    out, state = run()
    went_in = np.arange(STEPS * BATCH)
    np.testing.assert_array_equal(out[:SIZE], went_in[:SIZE])
    pool, exchanged = list(range(SIZE)), 0
    for new, old in zip(went_in[SIZE:], out[SIZE:], strict=True):
        if old == new:
            continue
        pool[pool.index(old)] = new  # it fails where what comes out is not in the pool
        exchanged += 1
    np.testing.assert_array_equal(np.asarray(state['images']).ravel(), pool)
    # 115 chances of a half: 57.5 with a standard deviation of 5.4.
    assert abs(exchanged - 57.5) < 4 * 5.4
    assert int(state['count']) == SIZE


def test_outside_of_training_images_pass():
    out, state = run(train=False)
    np.testing.assert_array_equal(out, np.arange(STEPS * BATCH))
    assert int(state['count']) == 0


def test_it_is_not_averaged():
    assert not image_pool(SIZE, (1, 1, 1)).average_state
