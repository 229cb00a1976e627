"""Scores of synthetic series by networks that are trained after the fact: discriminative and predictive.

Yoon, Jarrett and van der Schaar, "Time-series Generative Adversarial Networks", 2019, section 5, as their
code (jsyoon0823/TimeGAN, metrics/) defines them; `Judge` says how. Every score is that of REPEATS judges,
which differ in their first parameters, splits and batches, and are trained together in one program.

Their GRU is TensorFlow's, which multiplies by the reset gate before the recurrent matrix; here it is
nets.recurrent.GRU, Flax's, which does so after it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy import sparse

from gax import errors
from gax.core import rng as streams
from gax.core.types import Array, PyTree
from gax.nets.recurrent import GRU

REPEATS = 10
BATCH = 128
DISCRIMINATIVE_STEPS, PREDICTIVE_STEPS = 2000, 5000
RATE = 1e-3  # of Adam, with its usual betas
SHARE = 0.2  # of the examples, in the test part of the discriminative score
BLOCKS = 5  # stretches of time of which a test part without overlap consists


class Judge(nn.Module):
    """A GRU of max(1, columns // 2) units, and one dense number: of its last state, or of every state.

    Attributes:
      units: The number of units.
      last: Whether only the last state is read.
    """

    units: int
    last: bool

    @nn.compact
    def __call__(self, x: Array) -> Array:
        states = GRU(self.units)(x)
        return nn.Dense(1)(states[:, -1] if self.last else states)[..., 0]


class Parts(NamedTuple):
    """Indices of the examples of a training and of a test part."""

    train: np.ndarray
    test: np.ndarray


def discriminative(
    real: np.ndarray,
    fake: np.ndarray,
    seed: int = 0,
    apart: bool = False,
    repeats: int = REPEATS,
    steps: int = DISCRIMINATIVE_STEPS,
) -> np.ndarray:
    """|accuracy - 1/2| of classifiers of reals and fakes, 0 to 0.5, lower is better.

    Both sets are cut to the size of the smaller one, and 80 % of each train the judge, by the sum of the two
    cross-entropies of a batch of each. The accuracy is that of the other 20 % of both. In the code
    those are chosen at random, although windows of one series overlap, so that most test windows share steps
    with training windows. With `apart` no two steps in a row of the reals are in both parts.

    Args:
      real: float [N, steps, columns].
      fake: float [M, steps, columns].
      seed: Of the judges.
      apart: Whether the parts of the reals share no time.
      repeats: The number of judges.
      steps: The updates of a judge.

    Returns:
      float64 [repeats].

    Raises:
      GaxError: There are too few examples, or `apart` leaves none to train on.
    """
    count = min(len(real), len(fake))
    if count < 5:
        raise errors.GaxError(f'a discriminative score takes 5 reals and 5 fakes at least, and has {count}')
    real, fake = (np.asarray(x[:count], np.float32) for x in (real, fake))
    draw = np.random.default_rng(seed)
    parts = [
        (separated(real, draw) if apart else shuffled(count, draw), shuffled(count, draw))
        for _ in range(repeats)
    ]
    size = min(BATCH, *(len(part.train) for pair in parts for part in pair))
    rows = [np.stack([batches(pair[i].train, steps, size, draw) for pair in parts]) for i in (0, 1)]
    judge = Judge(max(1, real.shape[-1] // 2), last=True)
    logits = _trained(judge, _cross_entropy)(jnp.asarray(real), jnp.asarray(fake), *rows, streams.key(seed))
    of_reals, of_fakes = (np.asarray(x) for x in logits)
    scores = []
    for i, (of_real, of_fake) in enumerate(parts):
        right = np.concatenate([of_reals[i, of_real.test] > 0, of_fakes[i, of_fake.test] <= 0])
        scores.append(abs(right.mean() - 0.5))
    return np.array(scores)


def predictive(
    real: np.ndarray, fake: np.ndarray, seed: int = 0, repeats: int = REPEATS, steps: int = PREDICTIVE_STEPS
) -> np.ndarray:
    """The mean absolute error, on all reals, of predictors that are trained on the fakes; lower is better.

    They predict the last column one step ahead from the other columns so far, by the mean absolute error; a
    single column is predicted from itself. Their output is a sigmoid, so columns that are not within [0, 1]
    in the reals are scaled to it, reals and fakes alike.

    Args:
      real: float [N, steps, columns].
      fake: float [M, steps, columns].
      seed: Of the predictors.
      repeats: The number of predictors.
      steps: The updates of a predictor.

    Returns:
      float64 [repeats], in units of the (scaled) column.

    Raises:
      GaxError: There are fewer than two steps.
    """
    if real.shape[1] < 2:
        raise errors.GaxError('a predictive score takes series of 2 steps at least')
    low = np.minimum(real.min((0, 1)), 0.0)
    high = np.maximum(real.max((0, 1)), 1.0)
    real, fake = (np.asarray((x - low) / (high - low), np.float32) for x in (real, fake))
    draw = np.random.default_rng(seed)
    rows = np.stack(
        [batches(np.arange(len(fake)), steps, min(BATCH, len(fake)), draw) for _ in range(repeats)]
    )
    judge = Judge(max(1, real.shape[-1] // 2), last=False)
    outputs = _trained(judge, _absolute_error)(
        jnp.asarray(fake), jnp.asarray(real), rows, rows, streams.key(seed)
    )
    predicted = 1 / (1 + np.exp(-np.asarray(outputs[1], np.float64)))
    return np.abs(predicted - real[None, :, 1:, -1]).mean((1, 2))


def shuffled(count: int, draw: np.random.Generator) -> Parts:
    """A random 20 % of the examples as the test part.

    >>> [len(part) for part in shuffled(10, np.random.default_rng(0))]
    [8, 2]
    """
    order = draw.permutation(count)
    few = count - int(count * (1 - SHARE))
    return Parts(order[few:], order[:few])


def separated(x: np.ndarray, draw: np.random.Generator) -> Parts:
    """About 20 % of the windows of a series as the test part, and those that share no time with them.

    The test part grows from BLOCKS random windows by windows that overlap them, so that it is some stretches
    of time. Windows that overlap it without being in it are left out. Two windows overlap if they have two
    steps in a row in common, bit for bit; the order in which they are given does not matter.

    Args:
      x: float32 [N, steps, columns].
      draw: Where the first windows come from.

    Raises:
      GaxError: No window is left to train on.

    >>> windows = np.lib.stride_tricks.sliding_window_view(np.arange(99, dtype=np.float32), 3)[..., None]
    >>> parts = separated(windows, np.random.default_rng(0))
    >>> steps = [{*zip(w[:, 0], w[1:, 0], strict=False)} for w in windows]  # of each window, pairs of steps
    >>> any(steps[i] & steps[j] for i in parts.train for j in parts.test)
    False
    """
    count, run = len(x), min(2, x.shape[1])
    view = np.lib.stride_tricks.sliding_window_view(x, run, axis=1)
    pieces = np.ascontiguousarray(view).reshape(count * view.shape[1], -1)
    names = np.unique(
        pieces.view(np.dtype((np.void, pieces.itemsize * pieces.shape[1]))), return_inverse=True
    )[1]
    where: tuple[Any, Any] = (np.repeat(np.arange(count), view.shape[1]), names.reshape(-1))
    holds = sparse.csr_array((np.ones(len(names.reshape(-1)), np.int64), where))
    test: np.ndarray = np.zeros(count, bool)
    wanted = max(1, round(SHARE * count))
    for block, first in enumerate(draw.permutation(count)):
        if test.sum() >= wanted:
            break
        goal = min(wanted, max(int(test.sum()) + 1, (block + 1) * wanted // BLOCKS))
        new = np.array([first]) if not test[first] else np.array([], int)
        while len(new) and test.sum() < goal:
            test[new[: goal - test.sum()]] = True
            new = np.flatnonzero(overlapping(holds, test) & ~test)
    train = np.flatnonzero(~overlapping(holds, test))
    if not len(train):
        raise errors.GaxError(
            f'all {count} windows overlap one another: there are none to train on that share no time with '
            'those to test on; have shorter windows, or more of them'
        )
    return Parts(train, np.flatnonzero(test))


def overlapping(holds: Any, chosen: np.ndarray) -> np.ndarray:
    """bool [N]: the windows with a piece in common with one of the `chosen`, bool [N]; these included.

    >>> print(overlapping(np.array([[1, 0], [1, 1], [0, 1]]), np.array([True, False, False])))
    [ True  True False]
    """
    return (holds @ (holds.T @ chosen.astype(np.int64))) > 0


def batches(rows: np.ndarray, steps: int, size: int, draw: np.random.Generator) -> np.ndarray:
    """int32 [steps, size] of `rows`, distinct ones in each batch.

    >>> batches(np.arange(5), 3, 2, np.random.default_rng(0)).shape
    (3, 2)
    """
    picked = [draw.choice(len(rows), size, replace=False, shuffle=False) for _ in range(steps)]
    return rows[np.stack(picked)].astype(np.int32)


def _cross_entropy(apply: Callable[[Array], Array], real: Array, fake: Array) -> Array:
    """The judge's loss on a batch of reals and one of fakes."""
    logits = apply(jnp.concatenate([real, fake]))
    return jnp.mean(jax.nn.softplus(-logits[: len(real)])) + jnp.mean(jax.nn.softplus(logits[len(real) :]))


def _inputs(x: Array) -> Array:
    """What a predictor reads of series [B, T, C]: all columns but the last one, without the last step."""
    return x[:, :-1, : max(1, x.shape[-1] - 1)]


def _absolute_error(apply: Callable[[Array], Array], x: Array, _: Array) -> Array:
    """The predictor's loss on a batch."""
    return jnp.mean(jnp.abs(jax.nn.sigmoid(apply(_inputs(x))) - x[:, 1:, -1]))


@cache
def _trained(judge: Judge, loss: Callable[..., Array]) -> Callable[..., tuple[Array, Array]]:
    """The compiled training of many judges.

    Args:
      judge: The network.
      loss: (x -> output, batch of `one`, batch of `other`) -> scalar.

    Returns:
      (one [N, T, C], other [M, T, C], rows of one [R, steps, B], rows of other [R, steps, B'], key) -> the
      outputs of the R judges on all of `one` and of `other`.
    """
    optimizer = optax.adam(RATE)
    inputs_of = _inputs if loss is _absolute_error else lambda x: x

    def step(carry: Any, rows: Any, one: Array, other: Array) -> tuple[Any, None]:
        params, state = carry
        batch = one[rows[0]], other[rows[1] if loss is _cross_entropy else rows[0][:1]]
        grads = jax.grad(lambda p: loss(lambda x: judge.apply({'params': p}, x), *batch))(params)
        with jax.numpy_dtype_promotion('standard'):
            updates, state = optimizer.update(grads, state)
        return (optax.apply_updates(params, updates), state), None

    def run(one: Array, other: Array, rows: Array, others: Array, key: Array) -> tuple[Array, Array]:
        def single(key: Array, rows: Array, others: Array) -> tuple[Array, Array]:
            params: PyTree = judge.init(key, inputs_of(one[:1]))['params']
            begin = params, optimizer.init(params)
            (params, _), _ = jax.lax.scan(lambda c, r: step(c, r, one, other), begin, (rows, others))
            outputs: Any = tuple(judge.apply({'params': params}, inputs_of(x)) for x in (one, other))
            return outputs

        return jax.vmap(single)(jax.random.split(key, len(rows)), rows, others)

    return jax.jit(run)
