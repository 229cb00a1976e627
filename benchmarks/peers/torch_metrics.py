"""What torch-fidelity and the `prdc` package make of given features: peers of gax/evals. Imported only where
they are installed.

torch-fidelity 0.4 imports torchvision, and a torchvision whose compiled operators do not fit the torch beside
it fails on two names that nothing here runs; once they are declared it is imported.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from functools import cache
from typing import Any

import numpy as np

SUBSETS, SIZE, SEED, SPLITS = 100, 1000, 2020, 10


@cache
def torch_fidelity() -> tuple[Any, Any]:
    """The modules torch and torch_fidelity."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            importlib.import_module('torchvision')
        except RuntimeError:  # operator torchvision::nms does not exist
            for name in ('nms', 'qnms'):
                with contextlib.suppress(RuntimeError):  # declared by somebody else
                    torch.library.define(f'torchvision::{name}', '(Tensor a, Tensor b, float c) -> Tensor')
        import torch_fidelity.metric_fid
        import torch_fidelity.metric_isc
        import torch_fidelity.metric_kid
    return torch, torch_fidelity


def fid(real: np.ndarray, fake: np.ndarray) -> float:
    torch, peer = torch_fidelity()
    statistics = [peer.metric_fid.fid_features_to_statistics(torch.from_numpy(x)) for x in (real, fake)]
    return peer.metric_fid.fid_statistics_to_metric(*statistics, verbose=False)['frechet_inception_distance']


def kid(real: np.ndarray, fake: np.ndarray, subsets: int = SUBSETS, size: int = SIZE) -> tuple[float, float]:
    """Mean and standard deviation."""
    torch, peer = torch_fidelity()
    found = peer.metric_kid.kid_features_to_metric(
        torch.from_numpy(real),
        torch.from_numpy(fake),
        kid_subsets=subsets,
        kid_subset_size=size,
        rng_seed=SEED,
        verbose=False,
    )
    return found['kernel_inception_distance_mean'], found['kernel_inception_distance_std']


def inception_score(logits: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation."""
    torch, peer = torch_fidelity()
    found = peer.metric_isc.isc_features_to_metric(torch.from_numpy(logits), SPLITS, True, SEED)
    return found['inception_score_mean'], found['inception_score_std']


def prdc(real: np.ndarray, fake: np.ndarray, k: int) -> dict[str, float]:
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        found = compute_prdc(real, fake, k)
    return {name: float(value) for name, value in found.items()}
