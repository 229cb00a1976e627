"""On the same features the same numbers as torch-fidelity and `prdc`: by their literals anywhere, by
themselves where installed.
"""

import importlib.util

import numpy as np
import pytest

from tests.helpers import tinyruns

NUM, DIMS, SUBSETS = 400, 16, (10, 100)
# Made by agreement.by_peers(*features(400, 16), subsets=(10, 100)) on the features as float64: torch-fidelity
# 0.4.0 (torch 2.13.0), prdc 0.2 (scikit-learn 1.9.1).
LITERALS = {
    'fid': 0.9058461779134177,
    'kid_mean': 0.11964358221110061,
    'kid_std': 0.4358611782474758,
    'is_mean': 7.089693034060947,
    'is_std': 0.7596028424028823,
    'precision': 0.9,
    'recall': 0.9725,
    'density': 0.8810000000000001,
    'coverage': 0.95,
}


@pytest.fixture(scope='module')
def agreement():
    """benchmarks/agreement.py, which imports its peers only when they are asked."""
    with tinyruns.benchmark('agreement') as module:
        yield module


def test_the_peers_literals(agreement):
    real, fake = agreement.features(NUM, DIMS)
    assert (real.sum(dtype=float), fake.sum(dtype=float)) == pytest.approx((4733.43043, 5246.23491), rel=1e-6)
    assert agreement.by_gax(real, fake, SUBSETS) == pytest.approx(LITERALS, rel=1e-6)


@pytest.mark.parametrize(('num', 'dims'), [(400, 64), (300, 500)])
def test_the_peers_themselves(agreement, num, dims):
    """Also where covariances are singular: 300 samples of 500 dimensions."""
    for package in ('torch', 'torchvision', 'torch_fidelity', 'prdc'):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f'{package} is not installed')
    real, fake = agreement.features(num, dims)
    mine = agreement.by_gax(real, fake, SUBSETS)
    assert mine == pytest.approx(agreement.by_peers(real, fake, SUBSETS), rel=1e-4)
    exact = agreement.by_peers(real.astype(np.float64), fake.astype(np.float64), SUBSETS)
    assert mine == pytest.approx(exact, rel=1e-6)
