"""Evaluates a set of samples in files against data."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from gax import data, errors
from gax.config import choices
from gax.config import defaults as configs
from gax.distributed import sharding
from gax.evals import external_samples
from gax.evals.evaluator import Evaluator, Setting
from gax.evals.progress import with_bar
from gax.evals.reference import reference
from gax.training import evaluate
from gax.training.evaluate import Evaluated


def of_samples(
    path: Path, section: Any, setting: Setting, workdir: Path | None = None, against: Path | None = None
) -> Evaluated:
    """Evaluates a set of samples against data.

    The row of results is appended to the eval.jsonl of `workdir`, with the path as its "samples" and no step.

    Args:
      path: The samples: a folder, or an .npz.
      section: The data, a section like config.data.
      setting: The setting; `num` samples are chosen at random, or all are taken.
      workdir: Where to append the results; None: nowhere.
      against: The workdir of a run, with whose last result to compare.

    Returns:
      The results.

    Raises:
      GaxError: The samples or the data cannot be read, or the other result has another protocol.
    """
    plain = configs.base('vanilla')
    with plain.unlocked():
        plain.data = section
        data.as_they_are(plain.data)
    configs.check(plain)
    mesh = sharding.mesh()
    ref = reference(data.load(plain), plain.data, mesh)
    source = external_samples.open_samples(path, ref, plain.data)
    num = min(setting.num or source.spec.size, source.spec.size)
    evaluator = Evaluator(ref, setting._replace(num=num), mesh)
    others = [evaluate.comparable(against, evaluator)] if against else []
    began = time.perf_counter()
    chunks = external_samples.chunks(source, num, evaluator.batch, mesh)
    measured = evaluator.measure(with_bar(chunks, f'{num} samples', num))
    row = {**evaluator.row(None, *measured, began, 'evaluate'), 'samples': str(path)}
    kept = workdir is not None and evaluate.keep(workdir, row, evaluator)
    return Evaluated(evaluator, [row], others, kept)


def data_of(name: str, config: Any) -> Any:
    """The data with which samples are compared.

    Args:
      name: The name of the data, as in config.data.name; '': that of the config.
      config: The config of a run, or None.

    Returns:
      A section like config.data.

    Raises:
      GaxError: There is neither a name nor a config, or the name is unknown.
    """
    if not name and config is None:
        raise errors.GaxError(
            'say what the samples are held against: --data=embedded:mnist, or the --workdir of a run'
        )
    config = config or configs.base('vanilla')
    if name:
        choices.set(config, 'data.name', name)  # without the fields that are of another kind of data
    return config.data
