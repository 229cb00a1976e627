"""Inception Score: its ends, a case by hand, and the order of samples."""

import numpy as np
import pytest

from gax.errors import GaxError
from gax.evals.metrics import inception_score as inception


def test_ignorance_scores_one():
    assert inception.score(np.full((40, 5), 0.2)) == pytest.approx((1.0, 0.0), abs=1e-12)
    assert inception.of_logits(np.zeros((40, 5))) == pytest.approx((1.0, 0.0), abs=1e-12)


def test_certainty_scores_the_number_of_classes():
    balanced = np.eye(5)[np.arange(200) % 5]
    assert inception.score(balanced, seed=None) == pytest.approx((5.0, 0.0), abs=1e-12)
    assert inception.of_logits(1e4 * balanced, seed=None) == pytest.approx((5.0, 0.0), abs=1e-9)
    assert inception.score(np.eye(5)[np.zeros(50, int)]).mean == pytest.approx(1.0)


def test_by_hand():
    # p(y) = (1/2, 1/2); KL of each row: 3/4 log 3/2 + 1/4 log 1/2.
    expected = np.exp(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    found = inception.score(np.array([[0.75, 0.25], [0.25, 0.75]]), splits=1)
    assert found == pytest.approx((expected, 0.0), rel=1e-12)


def test_sorted_classes_want_shuffling():
    in_order = np.eye(5)[np.repeat(np.arange(5), 40)]
    # Twenty samples to a split, each split of one class: it scores 1.
    assert inception.score(in_order, seed=None).mean == pytest.approx(1.0)
    assert inception.score(in_order).mean > 4


def test_splits_that_are_not_equal():
    p = np.random.RandomState(0).dirichlet(np.ones(4), 23)
    parts = [p[:7], p[7:15], p[15:]]  # 23 i // 3
    each = [inception.score(part, splits=1, seed=None).mean for part in parts]
    expected = np.mean(each), np.std(each)
    assert inception.score(p, splits=3, seed=None) == pytest.approx(expected, rel=1e-12)


def test_what_is_no_probability_is_refused():
    with pytest.raises(GaxError, match='sum to 1 in every row'):
        inception.score(np.ones((20, 3)))
    with pytest.raises(GaxError, match='sum to 1 in every row'):
        inception.score(np.tile([1.5, -0.5], (20, 1)))
    with pytest.raises(GaxError, match='9 samples cannot be split into 10; between 1 and 9 can'):
        inception.score(np.full((9, 2), 0.5))
