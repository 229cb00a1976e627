"""The weight of R1 to begin with, against the values of the code of StyleGAN2-ADA."""

import pytest

from gax.objectives.gamma import suggested_gamma


@pytest.mark.parametrize(
    ('side', 'batch_size', 'gamma'),
    [(32, 64, 0.0032), (64, 64, 0.0128), (128, 64, 0.0512), (256, 16, 0.8192), (512, 64, 0.8192)],
)
def test_the_suggested_gamma_is_that_of_stylegan2_ada(side, batch_size, gamma):
    assert suggested_gamma(side, side, batch_size) == pytest.approx(gamma)
