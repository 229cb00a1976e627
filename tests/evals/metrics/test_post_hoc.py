"""Discriminative and predictive scores: known answers, and splits that share no time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gax.errors import GaxError
from gax.evals.metrics import post_hoc

FEW = {'repeats': 2, 'steps': 300}


def windows(rows=400, length=6, columns=2, seed=0):
    """Overlapping windows of a random walk, in random order, and the step at which each begins."""
    walk = np.random.default_rng(seed).normal(size=(rows, columns)).cumsum(0).astype(np.float32)
    starts = np.random.default_rng(1).permutation(rows - length + 1)
    return np.stack([walk[start : start + length] for start in starts]), starts


@pytest.mark.slow
def test_sets_that_are_equal_and_sets_that_are_apart():
    draw = np.random.default_rng(0)
    real, fake = draw.uniform(size=(2, 600, 6, 4)).astype(np.float32)
    assert post_hoc.discriminative(real, fake, **FEW).mean() < 0.08
    assert post_hoc.discriminative(real, np.sqrt(fake) * 0.5 + 0.5, **{**FEW, 'steps': 1500}).mean() > 0.4


@pytest.mark.slow
def test_a_predictor_finds_the_rule_that_the_fakes_have():
    """The last column follows the first: y_(t + 1) = x_t. A constant guess, 0.5, errs by 0.25 on average."""

    def made(seed, follows):
        x = np.random.default_rng(seed).uniform(size=(600, 8, 2)).astype(np.float32)
        x[:, 1:, 1] = x[:, :-1, 0] if follows else x[:, 1:, 1]
        return x

    real = made(0, True)
    followed, noise = (
        post_hoc.predictive(real, made(1, follows), repeats=2, steps=1500).mean() for follows in (True, False)
    )
    assert followed < 0.15
    assert noise == pytest.approx(0.25, abs=0.02)


@pytest.mark.slow
def test_the_scores_do_not_depend_on_the_scale_of_a_column():
    real, fake = np.random.default_rng(0).uniform(size=(2, 40, 4, 2))
    real[0, 0], real[0, 1] = 0.0, 1.0
    few = {'repeats': 1, 'steps': 5}
    plain = post_hoc.predictive(real, fake, **few)
    np.testing.assert_allclose(post_hoc.predictive(8 * real - 4, 8 * fake - 4, **few), plain, rtol=1e-5)


def test_random_parts_overlap_and_separated_parts_do_not():
    x, starts = windows()
    for name, parts in (
        ('random', post_hoc.shuffled(len(x), np.random.default_rng(0))),
        ('apart', post_hoc.separated(x, np.random.default_rng(0))),
    ):
        assert len(parts.test) == 79
        gaps = np.abs(starts[parts.train][:, None] - starts[parts.test][None])
        assert gaps.min() == {'random': 1, 'apart': 5}[name]  # 5: one step in common, and no two in a row
        assert not set(parts.train) & set(parts.test)
    # BLOCKS stretches of the test part, and what overlaps each of them, 4 windows on either side.
    assert len(parts.train) >= len(x) - 79 - 2 * 4 * post_hoc.BLOCKS
    assert len(parts.train) < len(x) - 79
    apart = post_hoc.separated(
        np.random.default_rng(0).normal(size=(50, 4, 2)).astype(np.float32), np.random.default_rng(0)
    )
    assert (len(apart.train), len(apart.test)) == (40, 10)  # windows without overlap: nothing is left out


def test_windows_that_all_overlap_cannot_be_separated():
    x, _ = windows(rows=12, length=8)
    with pytest.raises(GaxError, match=r'^all 5 windows overlap one another: there are none to train on'):
        post_hoc.discriminative(x, x, apart=True, **FEW)
    with pytest.raises(GaxError, match=r'5 reals and 5 fakes at least, and has 4'):
        post_hoc.discriminative(x[:4], x, **FEW)


@pytest.mark.slow
def test_a_judge_has_half_as_many_units_as_columns():
    """A GRU of H units on C columns, 3 (C H + H + H^2) + H numbers, and a dense one of H + 1."""
    for columns, units in ((5, 2), (6, 3), (1, 1)):
        judge = post_hoc.Judge(max(1, columns // 2), last=True)
        params = judge.init(jax.random.key(0), jnp.zeros((1, 3, columns)))
        count = 3 * (columns * units + units + units**2) + units + units + 1
        assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count
