"""L1, PSNR and SSIM of pairs: by hand, and as scikit-image has them."""

import numpy as np
import pytest

from gax.errors import GaxError
from gax.evals.metrics import image_pairs


def made(seed, shape=(2, 24, 33, 3)):
    """Noise, and the same noise with others mixed in."""
    rng = np.random.RandomState(seed)
    x = rng.randint(0, 256, shape).astype(np.uint8)
    return x, (0.7 * x + 0.3 * rng.randint(0, 256, shape)).astype(np.uint8)


def flat(value, shape=(1, 16, 16, 3)):
    return np.full(shape, value, np.uint8)


def test_flat_images_by_hand():
    assert image_pairs.l1(flat(100), flat(90)).tolist() == [10]
    assert image_pairs.psnr(flat(100), flat(90))[0] == pytest.approx(20 * np.log10(25.5), rel=1e-12)
    # On MATLAB's luma a gray step of 10 is one of 10 * 219 / 255.
    luma = 20 * np.log10(25.5 * 255 / 219)
    assert image_pairs.psnr_y(flat(100), flat(90))[0] == pytest.approx(luma, rel=1e-5)
    np.testing.assert_allclose(image_pairs.luma(np.stack([flat(0), flat(255)]))[:, 0, 0, 0], [16, 235])
    expected = (2 * 100 * 50 + 6.5025) / (100**2 + 50**2 + 6.5025)  # the luminance term alone
    assert image_pairs.ssim(flat(100), flat(50))[0] == pytest.approx(expected, rel=1e-12)


def test_equal_images_have_a_finite_psnr_above_all_others():
    x = made(0)[0]
    nearly = x.copy()
    nearly[:, 0, 0, 0] ^= 1
    assert image_pairs.psnr(x, x) == pytest.approx(image_pairs.psnr(x, nearly))
    assert image_pairs.psnr(x, x)[0] == pytest.approx(10 * np.log10(255**2 * 24 * 33 * 3))
    assert image_pairs.ssim(x, x) == pytest.approx(1.0)


def test_the_hole_alone_counts():
    x, y = flat(100, (3, 4, 4, 1)), flat(100, (3, 4, 4, 1))
    mask = np.zeros((3, 4, 4, 1), np.uint8)
    mask[:2, 1:3, 1:3] = 1  # the third image has no hole
    y[0, 1, 1] = 90  # a quarter of its hole is off by 10
    y[:, 0, 0] = 255  # outside
    assert image_pairs.hole_l1(x, y, mask).tolist() == [2.5, 0]
    first, second = image_pairs.hole_psnr(x, y, mask)
    assert first == pytest.approx(10 * np.log10(255**2 / 25), rel=1e-12)
    assert second == pytest.approx(10 * np.log10(255**2 * 4), rel=1e-12)


@pytest.mark.parametrize('channels', [1, 3])
def test_as_scikit_image_has_them(channels):
    metrics = pytest.importorskip('skimage.metrics', reason='scikit-image is not installed')
    x, y = made(1, (3, 24, 33, channels))
    psnr = [metrics.peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(y, x, strict=True)]
    np.testing.assert_allclose(image_pairs.psnr(x, y), psnr, rtol=1e-12)
    options = {'gaussian_weights': True, 'sigma': 1.5, 'use_sample_covariance': False, 'data_range': 255}
    ssim = [
        metrics.structural_similarity(a, b, channel_axis=-1, **options) for a, b in zip(x, y, strict=True)
    ]
    assert 0.5 < ssim[0] < 0.99
    np.testing.assert_allclose(image_pairs.ssim(x, y), ssim, atol=1e-10)


def test_what_cannot_be_compared():
    x, y = made(0)
    with pytest.raises(GaxError, match=r'of one shape, not uint8 \[2, 24, 33, 3\] and uint8 \[1, 24'):
        image_pairs.psnr(x, y[:1])
    with pytest.raises(GaxError, match='must be uint8'):
        image_pairs.l1(x, y.astype(np.float32))
    with pytest.raises(GaxError, match='SSIM takes images of 11 pixels or more'):
        image_pairs.ssim(x[:, :10], y[:, :10])
