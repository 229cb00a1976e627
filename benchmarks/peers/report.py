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
from models import MODELS

PACKAGES = ('gax', 'numpy')  # of all; of frameworks each worker says what it imported

# The least ratios that gax has set out to reach: to naive Flax, and on a GPU to PyTorch; on a CPU see
# models.py.
NAIVE_TARGET = 2.5
GPU_TARGET = 1.5
DISTURBED = 0.1  # CPU seconds a second of other processes, during a window
FAMILIES = ('torch', 'naive_flax', 'artifex')


def quartiles(values: list[float]) -> dict[str, float]:
    """Median and spread."""
    marks: list[float] = np.percentile(values, [50, 0, 25, 75, 100]).tolist()
    return dict(zip(('median', 'min', 'q1', 'q3', 'max'), marks, strict=True))


def disturbed(windows: dict[str, dict[str, Any]]) -> bool:
    """Whether other work was on the cores during one of a round's windows.

    Threads of OpenMP, which wait for each other, then lose far more than their share of the cores.
    """
    return any(window['foreign_cpu'] > DISTURBED for window in windows.values())


def summarize(
    model: str,
    batch_size: int,
    rounds: list[dict[str, dict[str, Any]]],
    told: dict[str, dict[str, Any]],
) -> list[dict[str, Any]]:
    """One record for each implementation of `told`; ratios are of gax to it, within the same round.

    rounds: the window of each, by name. told: what `Worker.tell` gave.
    """
    rates = {name: [r[name]['steps_per_sec'] for r in rounds] for name in told}
    records: list[dict[str, Any]] = []
    for name in told:
        windows = [r[name] for r in rounds]
        record: dict[str, Any] = {
            **{'model': model, 'said': MODELS[model].description, 'batch_size': batch_size},
            **{'implementation': name, 'steps_per_sec': quartiles(rates[name])},
        }
        record['images_per_sec'] = record['steps_per_sec']['median'] * batch_size
        record['cpu_seconds_per_step'] = float(np.median([w['cpu_seconds'] / w['steps'] for w in windows]))
        if 'gax' in rates and name != 'gax':
            pairs = zip(rates['gax'], rates[name], strict=True)
            record['gax_ratio'] = quartiles([ours / theirs for ours, theirs in pairs])
        record |= told[name]
        if record.get('flops_per_step'):
            rate = record['flops_per_step'] * record['steps_per_sec']['median']
            record['share_of_peak'] = rate / record['peak_flops']
        record['others_cpu'] = max(window['others_cpu'] for window in windows)
        record['foreign_cpu'] = max(window['foreign_cpu'] for window in windows)
        record['disturbed'] = sum(map(disturbed, rounds))  # rounds
        record['windows'] = windows
        records.append(record)
    return records


def family_of(implementation: str) -> str:
    """'torch' for every variant of PyTorch, the name itself for others."""
    return 'torch' if implementation.startswith('torch') else implementation


def best_of(family: str, records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The fastest of those that were measured: PyTorch's best is that of the example and of what experts
    make of it.
    """
    members = [r for r in records if 'gax_ratio' in r and family_of(r['implementation']) == family]
    return max(members, key=lambda record: record['steps_per_sec']['median'], default=None)


def verdict(model: str, records: list[dict[str, Any]], device: str = 'cpu') -> dict[str, Any]:
    """How gax stands against the fastest of each family, and against its target on the device, cpu or gpu."""
    targets = (
        {'torch': MODELS[model].target, 'naive_flax': NAIVE_TARGET}
        if device == 'cpu'
        else {'torch': GPU_TARGET}
    )
    result: dict[str, Any] = {'model': model, 'batch_size': records[0]['batch_size'] if records else None}
    for family in FAMILIES:
        if best := best_of(family, records):
            result[f'gax_over_{family}'] = {
                'ratio': best['gax_ratio']['median'],
                'best': best['implementation'],
                'target': targets.get(family),
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
        if record.get('disturbed'):
            row[-1] += f'  ({record["disturbed"]} rounds disturbed by other work)'
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
