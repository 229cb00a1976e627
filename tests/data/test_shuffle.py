"""The order of reading: shuffled epochs without end, a function of seed and position."""

import numpy as np
import pytest

from gax.data import shuffle


@pytest.mark.parametrize('size', [1, 7, 64])
def test_each_epoch_is_a_permutation(size):
    stream = shuffle.indices(3, 0, 5 * size, size).reshape(5, size)
    for epoch in stream:
        assert sorted(epoch) == list(range(size))
    assert stream.dtype == np.int32


def test_epochs_and_seeds_differ():
    epochs = shuffle.indices(0, 0, 300, 100).reshape(3, 100)
    assert len({tuple(e) for e in epochs}) == 3
    assert shuffle.indices(1, 0, 100, 100).tolist() != epochs[0].tolist()
    assert sorted(epochs[0]) != epochs[0].tolist()


@pytest.mark.parametrize('cut', [1, 6, 7, 8, 20, 34])
def test_a_resumed_stream_goes_on_where_it_stopped(cut):
    """Batches cross the ends of epochs."""
    whole = shuffle.indices(5, 0, 35, 7)
    np.testing.assert_array_equal(
        np.concatenate([shuffle.indices(5, 0, cut, 7), shuffle.indices(5, cut, 35 - cut, 7)]), whole
    )


def test_far_positions_need_no_walk():
    far = 10**12
    found = shuffle.indices(0, far * 7, 7, 7)
    assert sorted(found) == list(range(7))


def test_a_source_without_end_gets_its_positions():
    assert shuffle.indices(0, 2**31 - 2, 4, 0).tolist() == [2**31 - 2, 2**31 - 1, 0, 1]
    assert shuffle.indices(0, 5, 2, 0).dtype == np.int32


@pytest.mark.parametrize('seed', [0, 2**32 - 1])
def test_every_seed_that_configs_allow(seed):
    assert sorted(shuffle.indices(seed, 0, 9, 9)) == list(range(9))


def test_reading_does_not_disturb_the_stream():
    first = shuffle.indices(0, 0, 9, 9)
    first[:] = 0
    assert sorted(shuffle.indices(0, 0, 9, 9)) == list(range(9))
