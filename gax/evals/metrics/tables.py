"""How alike two tables are, how useful and how private one is in place of the other.

All functions take the encoding of the real table and the cells of both (see gax.data.columns). They need the
extra `tables`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from gax.data import cells, columns, encoded
from gax.data.columns import Encoding, Rows

FOLDS = 3  # of the cross-validation of a detector
BLOCK = 1024  # rows whose distances are computed at once
SDTYPES = {'continuous': 'numerical', 'integer': 'numerical', 'date': 'datetime', 'category': 'categorical'}


def features(encoding: Encoding, rows: Rows, without: str = '') -> np.ndarray:
    """Rows for a classifier, float32 [N, F].

    A number is standardised by its modes' mixture and followed, if some are missing, by an indicator; a
    missing number is the mean. A category is one-hot.

    Args:
      encoding: The encoding of the real table.
      rows: The cells.
      without: A column that is left out.
    """
    parts = []
    for column in encoding.columns:
        if column.kind == 'constant' or column.name == without:
            continue
        values = rows[column.name]
        if column.kind == 'category':
            known = [*column.values, *[None] * column.missing]
            parts += [np.array([cell == value for cell in values.tolist()]) for value in known]
            continue
        mean, std = moments(column)
        absent = np.isnan(values)
        parts.append(np.where(absent, 0.0, (values - mean) / std))
        parts += [absent] * column.missing
    return np.stack(parts, axis=1).astype(np.float32)


def moments(column: columns.Column) -> tuple[float, float]:
    """(mean, standard deviation) of the mixture of a number's modes."""
    weights = np.array(column.weights) / sum(column.weights)
    means, stds = np.array(column.means), np.array(column.stds)
    mean = float(weights @ means)
    return mean, float(np.sqrt(weights @ (np.square(stds) + np.square(means - mean))))


def quality(encoding: Encoding, real: Rows, fake: Rows) -> dict[str, float]:
    """SDMetrics' QualityReport, from 0 to 1: column shapes, pair trends, and their mean.

    Shapes are 1 - the Kolmogorov-Smirnov distance of numbers and 1 - the total variation of categories;
    trends compare correlations and contingency tables of each pair of columns.
    """
    used = [column for column in encoding.columns if column.kind != 'constant']
    about = {'columns': {column.name: {'sdtype': SDTYPES[column.kind]} for column in used}}
    frames = [cells.framed(encoding, rows)[[column.name for column in used]] for rows in (real, fake)]
    with quiet():
        from sdmetrics.reports.single_table import QualityReport

        report = QualityReport()
        report.generate(*frames, about, verbose=False)
        scores = report.get_properties().set_index('Property')['Score']
    return {
        'quality': float(report.get_score()),
        'column_shapes': float(scores['Column Shapes']),
        'pair_trends': float(scores['Column Pair Trends']),
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of other libraries, such as of a correlation of a constant, or no convergence."""
    with warnings.catch_warnings(), np.errstate(all='ignore'):
        warnings.simplefilter('ignore')
        yield


def classifiers(seed: int) -> Mapping[str, Any]:
    """The classifiers by name: logistic regression, and gradient boosting of histograms; scikit-learn's."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    return {
        'logistic': LogisticRegression(max_iter=300),
        'boosting': HistGradientBoostingClassifier(random_state=seed),
    }


def usefulness(encoding: Encoding, train: Rows, test: Rows, seed: int = 0) -> dict[str, float]:
    """Classifiers that are trained on one table and tested on another: TSTR if the first is synthetic.

    Args:
      encoding: The encoding; its target is what is predicted.
      train: The cells to train on.
      test: The cells to test on, real and of other rows.
      seed: Of the gradient boosting.

    Returns:
      'f1_logistic', 'auc_logistic', 'f1_boosting', 'auc_boosting'. F1 is that of the rarer of two classes in
      `test`, or the mean over more; AUC likewise (one against the rest).
    """
    from sklearn.metrics import f1_score

    column = columns.find(encoding, encoding.target, 'the encoding')
    x, y = (features(encoding, rows, column.name) for rows in (train, test))
    labels, truth = (encoded.codes(column, rows[column.name]) for rows in (train, test))
    present = np.unique(truth)
    rarer = int(present[np.argmin(np.bincount(truth)[present])])
    scores = {}
    for name, classifier in classifiers(seed).items():
        shares = probabilities(classifier, x, labels, y, column.choices)
        guess = shares.argmax(1)
        if column.choices == 2:
            f1 = f1_score(truth, guess, pos_label=rarer, average='binary', zero_division=0)
        else:
            f1 = f1_score(truth, guess, average='macro', labels=present, zero_division=0)
        scores[f'f1_{name}'] = float(f1)
        scores[f'auc_{name}'] = area(truth, shares)
    return scores


def probabilities(classifier: Any, x: np.ndarray, labels: np.ndarray, y: np.ndarray, classes: int) -> Any:
    """The probability of each class for the rows `y`, float [M, classes], after training on `x`.

    If all labels are one class, it has probability 1.
    """
    shares = np.zeros((len(y), classes))
    present = np.unique(labels)
    if len(present) == 1:
        shares[:, present[0]] = 1.0
        return shares
    with quiet():
        shares[:, present] = classifier.fit(x, labels).predict_proba(y)
    return shares


def area(truth: np.ndarray, shares: np.ndarray) -> float:
    """The area under the ROC curve, the mean over classes of each against the rest.

    Args:
      truth: int [N].
      shares: float [N, classes].

    Returns:
      From 0 to 1; 0.5 if there is nothing to tell apart.

    >>> area(np.array([0, 1]), np.array([[0.9, 0.1], [0.3, 0.7]]))
    1.0
    """
    from sklearn.metrics import roc_auc_score

    present = np.unique(truth)
    if len(present) < 2:
        return 0.5
    chosen = present[-1:] if len(present) == 2 and shares.shape[1] == 2 else present
    return float(np.mean([roc_auc_score(truth == k, shares[:, k]) for k in chosen]))


def detection(encoding: Encoding, real: Rows, fake: Rows, seed: int = 0) -> dict[str, float]:
    """How well classifiers tell real rows from fakes: the AUC by cross-validation, 0.5 at best.

    Both tables are cut to the size of the smaller one.

    Returns:
      'detection_logistic' and 'detection_boosting'.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    one, other = (features(encoding, rows) for rows in (real, fake))
    count = min(len(one), len(other))
    x = np.concatenate([one[:count], other[:count]])
    labels: np.ndarray = np.repeat([0, 1], count)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    scores = {}
    for name, classifier in classifiers(seed).items():
        with quiet():
            shares = cross_val_predict(classifier, x, labels, cv=folds, method='predict_proba')
        scores[f'detection_{name}'] = area(labels, shares)
    return scores


def closest(encoding: Encoding, real: Rows, fake: Rows) -> dict[str, float]:
    """The distance of each fake to the closest real row, and the share of fakes that are copies.

    The distance is Euclidean: a number counts by its standard deviation, two different categories as 1.

    Returns:
      'dcr', the median distance; 'dcr_low', the 5th percentile; 'copied', the share of rows all of whose
      cells are those of a real row.
    """
    scale = scales(encoding)
    known, new = (features(encoding, rows) * scale for rows in (real, fake))
    lengths = np.square(known).sum(1)
    distances = []
    for start in range(0, len(new), BLOCK):
        part = new[start : start + BLOCK]
        squares = np.square(part).sum(1)[:, None] + lengths - 2 * part @ known.T
        distances.append(np.sqrt(np.maximum(squares.min(1), 0)))
    nearest = np.concatenate(distances)
    originals = set(written(encoding, real))
    copies = np.mean([row in originals for row in written(encoding, fake)])
    return {
        'dcr': float(np.median(nearest)),
        'dcr_low': float(np.percentile(nearest, 5)),
        'copied': float(copies),
    }


def scales(encoding: Encoding) -> np.ndarray:
    """The factor of each of the `features` in a distance, float32 [F]."""
    factors: list[float] = []
    for column in encoding.columns:
        if column.kind == 'category':
            factors += [0.5**0.5] * column.choices
        elif column.kind != 'constant':
            factors += [1.0] * (1 + column.missing)
    return np.array(factors, np.float32)


def written(encoding: Encoding, rows: Rows) -> list[tuple[str, ...]]:
    """Rows as a .csv file has them."""
    return list(zip(*(encoded.texts(column, rows[column.name]) for column in encoding.columns), strict=True))
