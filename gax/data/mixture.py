"""The encoding of a column fitted to its cells: modes of numbers, values of categories."""

from __future__ import annotations

import warnings

import numpy as np

from gax.data import columns

MODES = 10  # at most
LEAST_WEIGHT = 0.005  # of a mode
LEAST_STD = 1e-3  # of a mode of far numbers, in standard deviations of the column
FITTED = 10_000  # numbers that a mixture is fitted to, chosen at random
DIGITS = 6  # significant digits of what is kept: the same on machines that round differently


def fit(column: columns.Column, cells: columns.Cells) -> columns.Column:
    """The column with its encoding.

    Args:
      column: The column; its kind, rounding and format are known.
      cells: Its cells in training.
    """
    if column.kind == 'constant':
        return column._replace(values=(next(cell for cell in cells.tolist() if cell is not None),))
    if column.kind == 'category':
        absent = sum(cell is None for cell in cells.tolist())
        present = np.array([cell for cell in cells.tolist() if cell is not None], object)
        values, counts = np.unique(present.astype(str), return_counts=True)
        last = [absent] if absent else []
        return column._replace(
            values=tuple(values.tolist()), counts=(*counts.tolist(), *last), missing=bool(absent)
        )
    present = cells[~np.isnan(cells)]
    means, stds, weights = modes(present)
    return column._replace(
        means=means,
        stds=stds,
        weights=weights,
        low=float(present.min()),
        high=float(present.max()),
        missing=len(present) < len(cells),
    )


def modes(x: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """(means, standard deviations, weights) of a variational Gaussian mixture, without modes of small weight.

    As CTGAN's: at most ten modes, a Dirichlet process with concentration 0.001, weights above 0.005. Fitted
    to standardised numbers. Numbers that are more than columns.WIDTH standard deviations from all of them get
    one more mode (CTGAN clips them: of Adult's capital gains all of 99,999 would be lost).

    Args:
      x: float64 [N], finite, at least one.
    """
    different = len(np.unique(x))
    if different == 1:
        return (float(x[0]),), (1.0,), (1.0,)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture

    order = np.random.Generator(np.random.Philox(key=0)).permutation(len(x))[:FITTED]
    center, scale = float(x.mean()), float(x.std())
    model = BayesianGaussianMixture(
        n_components=min(MODES, different, len(order)),
        weight_concentration_prior_type='dirichlet_process',
        weight_concentration_prior=0.001,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ConvergenceWarning)
        model.fit((x[order, None] - center) / scale)
    kept = model.weights_ > LEAST_WEIGHT
    means = center + scale * model.means_[kept, 0]
    stds = scale * np.sqrt(model.covariances_[kept, 0, 0])
    far = x[(np.abs(x[:, None] - means) > columns.WIDTH * stds).all(axis=1)]
    weights = model.weights_[kept]
    if len(far):
        means, weights = np.append(means, far.mean()), np.append(weights, len(far) / len(x))
        stds = np.append(stds, max(far.std(), LEAST_STD * scale))
    return rounded(means), rounded(stds), rounded(weights)


def rounded(x: np.ndarray) -> tuple[float, ...]:
    """DIGITS significant digits of each number."""
    return tuple(float(f'{value:.{DIGITS}g}') for value in x)
