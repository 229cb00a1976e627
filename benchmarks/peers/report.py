"""What ``compare.py`` makes of its windows: medians, paired ratios, a verdict, a table."""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import math
import os
import pathlib
import platform
from typing import Any

import numpy as np

PACKAGES = ('gax', 'jax', 'jaxlib', 'flax', 'optax', 'torch', 'numpy')

# What gax has set out to reach: the least ratio to PyTorch's best and to naive Flax.
TARGETS = {
    'dcgan_mnist': {'torch': 1.0, 'naive_flax': 2.5},
    'vanilla_mnist': {'torch': 1.5},
    'mlp2d': {'torch': 3.0},
}


def quartiles(values: list[float]) -> dict[str, float]:
    """Median and spread."""
    marks: list[float] = np.percentile(values, [50, 0, 25, 75, 100]).tolist()
    return dict(zip(('median', 'min', 'q1', 'q3', 'max'), marks, strict=True))


def summarize(model: str, names: list[str], rounds: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """One record per implementation; ratios are of gax to it, within the same round."""
    rates = {name: [r[i]['steps_per_sec'] for r in rounds] for i, name in enumerate(names)}
    records: list[dict[str, Any]] = []
    for i, name in enumerate(names):
        record: dict[str, Any] = {
            'model': model,
            'implementation': name,
            'steps_per_sec': quartiles(rates[name]),
        }
        if 'gax' in rates and name != 'gax':
            pairs = zip(rates['gax'], rates[name], strict=True)
            record['gax_ratio'] = quartiles([ours / theirs for ours, theirs in pairs])
        record['others_cpu'] = max(r[i]['others_cpu'] for r in rounds)
        record['windows'] = [r[i] for r in rounds]
        records.append(record)
    return records


def verdict(model: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    """How gax stands against the fastest of each family, and against its target.

    ``torch`` is PyTorch's example as it stands, eager or compiled, in either memory order;
    ``torch_tuned`` is what an expert makes of it, for which no target was set.
    """
    result: dict[str, Any] = {'model': model}
    for family in ('torch', 'torch_tuned', 'naive_flax'):
        members = [
            record
            for record in records
            if 'gax_ratio' in record
            and record['implementation'].startswith(family)
            and ('tuned' in record['implementation']) == ('tuned' in family)
        ]
        if members:
            best = max(members, key=lambda record: record['steps_per_sec']['median'])
            result[f'gax_over_{family}'] = {
                'ratio': best['gax_ratio']['median'],
                'best': best['implementation'],
                'target': TARGETS[model].get(family),
            }
    return result


def format_table(records: list[dict[str, Any]]) -> str:
    """What was measured, for a human."""
    header = ('model', 'implementation', 'steps/s', 'q1 - q3', 'min - max', 'gax / it', 'q1 - q3')
    rows = [header]
    for record in records:
        row = [record['model'], record['implementation']]
        for key, digits in (('steps_per_sec', 4), ('gax_ratio', 3)):
            marks = {k: f'{v:#.{digits}g}'.rstrip('.') for k, v in record.get(key, {}).items()}
            row += [marks.get('median', ''), ' - '.join((marks['q1'], marks['q3'])) if marks else '']
            if key == 'steps_per_sec':
                row.append(' - '.join((marks['min'], marks['max'])) if marks else '')
        rows.append(tuple(row) if 'skipped' not in record else (*row[:2], f'- {record["skipped"]}'))
    widths = [max(len(r[i]) for r in rows if len(r) == len(header)) for i in range(len(header))]
    lines = (zip(row, widths, strict=False) for row in rows)
    return '\n'.join('  '.join(f'{cell:<{width}}' for cell, width in line).rstrip() for line in lines)


def describe_machine() -> dict[str, Any]:
    """Where and with what the numbers were taken."""
    cpuinfo = pathlib.Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    versions = {'python': platform.python_version()}
    for package in PACKAGES:
        if importlib.util.find_spec(package):
            try:
                versions[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                versions[package] = 'not installed as a package'
    return {
        'device': names[0] if names else platform.processor(),
        'cpus': os.cpu_count(),
        'platform': platform.platform(),
        'versions': versions,
        'date': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
        'load_before': os.getloadavg()[0] if hasattr(os, 'getloadavg') else math.nan,
    }
