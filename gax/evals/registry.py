"""Metrics by name: which suit the data, which apply to it, and those that are requested.

A custom metric is a `gax.evals.metric.Metric` in any module, named by its import path: package.module:metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from gax import errors
from gax.core import lookup
from gax.core.spec import Field, plural
from gax.data import columns, synthetic_table
from gax.evals import metric_table, number_names, paired
from gax.evals.metric import Metric


def metric(name: str) -> Metric:
    """The metric called `name`, or the one at an import path, 'package.module:metric'.

    Raises:
      GaxError: The name is unknown, or the path leads to no Metric.
    """
    if name in metric_table.METRICS or not lookup.is_path(name):
        return errors.lookup('metric', name, metric_table.METRICS)
    imported = lookup.load('metric', name)
    if not isinstance(imported, Metric):
        raise errors.GaxError(
            f'the metric {name!r} must be a gax.evals.metric.Metric, and is {type(imported).__name__}'
        )
    return imported


def default(data: str, kind: str, has: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The metrics that suit the data.

    They are its modes if these are known, else distances of features and of the examples. `swd` is included
    for all kinds that it takes: features may be blind to what it sees at once, such as noise.

    Args:
      data: The name of the data.
      kind: The kind of its examples.
      has: The fields of Samples among metric.PAIRED that the fakes have: paired metrics take the place of
        those that need no pairs and are of images alone.
    """
    if data in metric_table.HAVE_MODES:
        return ('modes', 'swd')
    if has:
        pairs = tuple(
            name for name in paired.DEFAULT if not paired.why_not(name, metric_table.METRICS[name], has)
        )
        return ('frechet', *pairs)
    if data.startswith('table:') or data == synthetic_table.NAME:
        return metric_table.OF_ROWS
    return tuple(
        name
        for name in ('frechet', 'swd', 'ms_ssim', 'kernel', 'prdc')
        if kind in metric_table.METRICS[name].kinds
    )


def why_not(
    name: str, data: str, field: Field, reals: int, fakes: int, has: frozenset[str] = frozenset()
) -> str:
    """The reason why a metric does not apply to the examples of a field; '' if it does.

    Args:
      name: The name of the metric.
      data: The name of the data.
      field: The field that is evaluated.
      reals: The number of reals.
      fakes: The number of fakes.
      has: The fields of Samples among metric.PAIRED that the fakes have.
    """
    requested, shape = metric(name), field.shape
    if field.kind not in requested.kinds:
        takes, holds = (' or '.join(map(plural, kinds)) for kinds in (requested.kinds, (field.kind,)))
        return f'{name} is of {takes}, and {data} has {holds}'
    if not set(requested.info) <= field.info.keys():
        return f'{name} is of tables that are read by table:FILE.csv, and {data} is another'
    if missing := [package for package in requested.packages if find_spec(package) is None]:
        return f"{name} needs {missing[0]}: pip install 'gax[tables]'"
    if name == 'tstr' and not columns.from_text(field.info['encoding']).target:
        return f'tstr predicts a category, and {data} has none'
    if name == 'modes' and data not in metric_table.HAVE_MODES:
        return f'modes are known of {", ".join(metric_table.HAVE_MODES)} only, and the data are {data}'
    if field.kind == 'image' and min(shape[:2]) < requested.side:
        return (
            f'{name} takes images of {requested.side} pixels or more to a side, and {data} has '
            f'{min(shape[:2])}'
        )
    if requested.channels and shape[-1] not in requested.channels:
        takes = ' or '.join(map(str, requested.channels))
        return f'{name} takes images of {takes} channels, and {data} has {shape[-1]}'
    if reason := paired.why_not(name, requested, has):
        return reason
    for count, least, what in zip((reals, fakes), requested.least, ('reals', 'fakes'), strict=True):
        if count < least:
            return f'{name} takes {least} {what} at least, and there {"is" if count == 1 else "are"} {count}'
    return ''


def known() -> list[str]:
    """The valid names of metrics."""
    return [
        *metric_table.METRICS,
        *(name for name in number_names.METRIC_OF if '_' not in name),
        'package.module:metric',
    ]


def check(names: Sequence[str]) -> None:
    """Raises GaxError for a name that is no metric's with any features."""
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong or isinstance(names, str):
        what = names if isinstance(names, str) else wrong[0]
        raise errors.GaxError(
            f"config.eval.metrics must be a tuple of names, such as ('frechet', 'swd'), and holds {what!r}; "
            f'valid: {", ".join(known())}'
        )
    for name in names:
        if lookup.is_path(name):
            metric(name)
        elif name not in known() and not any(name.startswith(f'{base}_') for base in metric_table.METRICS):
            raise errors.GaxError(errors.choices('metric', name, known()))


def parse(names: Sequence[str], features: str) -> dict[str, Metric]:
    """The requested metrics, in order.

    `fid`, `kid` and `is` are accepted on Inception features only. Whether the numbers get these names depends
    on the weights, see `number_names.reported`.

    Args:
      names: The names, with or without the name of the features.
      features: The name of the features.

    Raises:
      GaxError: A name is unknown, or names other features than `features`.
    """
    requested: dict[str, Metric] = {}
    for name in names:
        base = number_names.METRIC_OF.get(name, name)
        if name in number_names.METRIC_OF and features != 'inception':
            raise errors.GaxError(
                f'{name} is the {base} on Inception features; with the features {features} ask for {base} '
                f'(it is called {number_names.reported(base, features)}), or give --features=inception'
            )
        if base not in metric_table.METRICS and base.removesuffix(f'_{features}') in metric_table.METRICS:
            base = base.removesuffix(f'_{features}')
        if base not in metric_table.METRICS and not lookup.is_path(base):
            raise errors.GaxError(errors.choices('metric', name, known()))
        requested[base] = metric(base)
    if not requested:
        raise errors.GaxError(f'no metric is asked for; valid: {", ".join(metric_table.METRICS)}')
    refuse_same_numbers(requested)
    return requested


def refuse_same_numbers(metrics: Mapping[str, Metric]) -> None:
    """Raises GaxError if two metrics give a number of the same name."""
    giver: dict[str, str] = {}
    for name, one in metrics.items():
        for number in one.gives:
            if number in giver:
                raise errors.GaxError(f'{giver[number]} and {name} both give a number called {number}')
            giver[number] = name
