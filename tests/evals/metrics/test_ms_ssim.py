"""MS-SSIM: pytorch_msssim's values as literals, cases by hand, and pairs that are pairs."""

import numpy as np
import pytest

from gax.errors import GaxError
from gax.evals.metrics import ms_ssim as module
from gax.evals.metrics.ms_ssim import diversity, draw_pairs, ms_ssim, weights
from tests.helpers.cases import with_slow


def made(size):
    """Noise, and the same noise with others mixed in; RandomState's stream is frozen."""
    rng = np.random.RandomState(size)
    x = rng.randint(0, 256, (1, size, size, 3)).astype(np.uint8)
    return x, (0.7 * x + 0.3 * rng.randint(0, 256, x.shape)).astype(np.uint8)


@pytest.mark.parametrize(
    ('size', 'theirs'),
    with_slow(
        [
            (176, 0.9065775110336524),  # pytorch_msssim 1.0.0, ms_ssim in float64
            (
                32,
                0.877799295,
            ),  # the same package's ssim parts at two scales, weights 0.0448 and 0.2856 over their sum
        ],
        1,
    ),
)
def test_literals(size, theirs):
    assert ms_ssim(*made(size))[0] == pytest.approx(theirs, rel=2e-6)


def test_flat_images_differ_by_their_luminance_alone():
    x, y = np.full((1, 16, 16, 1), 100, np.uint8), np.full((1, 16, 16, 1), 50, np.uint8)
    expected = (2 * 100 * 50 + 6.5025) / (100**2 + 50**2 + 6.5025)  # one scale; contrast and structure are 1
    assert ms_ssim(x, y)[0] == pytest.approx(expected, rel=1e-9)


def test_the_same_is_one_and_the_negative_is_none():
    x = made(24)[0]
    assert ms_ssim(x, x)[0] == pytest.approx(1.0, abs=1e-12)
    assert ms_ssim(x, 255 - x)[0] == 0.0  # structures opposed: negative, and counted as 0


def test_scales_that_fit():
    assert weights(161).tolist() == weights(1024).tolist() == [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
    assert [len(weights(side)) for side in (160, 81, 80, 32, 28, 21, 20, 11)] == [4, 4, 3, 2, 2, 2, 1, 1]
    assert weights(32) == pytest.approx([0.0448 / 0.3304, 0.2856 / 0.3304])
    with pytest.raises(GaxError, match='11 pixels or more to a side, not 10'):
        weights(10)


def test_an_odd_side_repeats_its_last_row():
    x = np.arange(15.0).reshape(1, 3, 5, 1)
    # Rows 0 1 | 2 2, columns 0 1 | 2 3 | 4 4, of 5 row + column.
    assert np.asarray(module._halve(x))[0, :, :, 0].tolist() == [[3, 5, 6.5], [10.5, 12.5, 14]]


def test_pairs_are_two_images_of_one_class_and_every_pair_is_drawn():
    labels = np.array([2, 0, 0, 1, 2, 0])  # the one image of class 1 has no partner
    one, other = draw_pairs(2000, 0, labels)
    assert (labels[one] == labels[other]).all()
    assert (one != other).all()
    assert set(zip(one.tolist(), other.tolist(), strict=True)) == {
        (0, 4), (4, 0), (1, 2), (2, 1), (1, 5), (5, 1), (2, 5), (5, 2)
    }  # fmt: skip
    counts = np.bincount(one, minlength=6)
    assert counts[3] == 0
    assert counts[[0, 1, 2, 4, 5]].min() > 300


def test_diversity_of_two_images_and_of_copies():
    x = np.concatenate(made(16))
    alone = ms_ssim(x[:1], x[1:])[0]
    found = diversity(x, pairs=7)
    assert found.mean == pytest.approx(alone, rel=1e-12)
    assert (found.error, found.pairs) == (pytest.approx(0, abs=1e-12), 7)
    assert diversity(x.repeat(3, axis=0), pairs=50, labels=np.repeat([0, 1], 3)).mean == pytest.approx(1.0)
    # Three copies of each: of five partners two are copies.
    assert diversity(x.repeat(3, axis=0), pairs=1000).mean == pytest.approx(0.4 + 0.6 * alone, abs=0.03)


def test_what_has_no_pairs_is_refused():
    x = made(16)[0].repeat(3, axis=0)
    with pytest.raises(GaxError, match='no two of 3 images are of one class'):
        diversity(x, labels=[0, 1, 2])
    with pytest.raises(GaxError, match=r'3 images, but labels \[2\]'):
        diversity(x, labels=[0, 0])
    with pytest.raises(GaxError, match='2 images and 2 pairs at least, not 1 and 1000'):
        diversity(x[:1])
    with pytest.raises(GaxError, match='images uint8'):
        diversity(x / 255)
