"""Runs in an environment with the package ctgan (Business Source Licence 1.1) and imbalanced-learn:

python benchmarks/peers/tables_ctgan.py ctgan|tvae|smote TRAIN.csv OUT.csv EPOCHS SEED TARGET CATEGORY,CATEGORY...

Writes as many synthetic rows as TRAIN.csv has, and prints the seconds of fitting and of sampling as JSON.
"""

import json
import sys
import time

import numpy as np
import pandas as pd


def fitted(method: str, train: pd.DataFrame, categories: list[str], epochs: int, seed: int):
    """A model of ctgan on the CPU, trained."""
    import ctgan
    import torch

    torch.manual_seed(seed)
    np.random.seed(seed)
    cls = {'ctgan': ctgan.CTGAN, 'tvae': ctgan.TVAE}[method]
    names = cls.__init__.__code__.co_varnames
    model = cls(epochs=epochs, **{'enable_gpu' if 'enable_gpu' in names else 'cuda': False})
    model.fit(train, categories)
    return model


def smote(train: pd.DataFrame, categories: list[str], target: str, seed: int) -> pd.DataFrame:
    """As many new rows of each class as it has: between a row and one of its five nearest of the class."""
    from imblearn.over_sampling import SMOTENC

    x, y = train.drop(columns=target), train[target]
    wanted = {label: 2 * count for label, count in y.value_counts().items()}
    columns = [name for name in categories if name != target]
    resampled, labels = SMOTENC(columns, sampling_strategy=wanted, random_state=seed).fit_resample(x, y)
    made = resampled.iloc[len(x) :].copy()
    made[target] = labels.iloc[len(x) :]
    return made[train.columns]


def main() -> None:
    """Runs one method."""
    method, source, out, epochs, seed, target, names = sys.argv[1:]
    categories = names.split(',')
    train = pd.read_csv(source)
    train[categories] = train[categories].astype(str)
    began = time.perf_counter()
    if method == 'smote':
        made = smote(train, categories, target, int(seed))
        fitting = time.perf_counter() - began
    else:
        model = fitted(method, train, categories, int(epochs), int(seed))
        fitting = time.perf_counter() - began
        made = model.sample(len(train))
    made.to_csv(out, index=False)
    print(json.dumps({'fit': fitting, 'sample': time.perf_counter() - began - fitting}))


if __name__ == '__main__':
    main()
