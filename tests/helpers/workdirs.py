"""Workdirs written by hand, with what a run leaves there: quick, and with whatever a test wants to be in
them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from gax.config import base, choices
from gax.viz import images

PROTOCOL = {
    'features': 'mnist',
    'checksum': 'ab',
    'data': 'embedded:mnist',
    'real': 100,
    'fake': 100,
    'seed': 0,
}


def make(folder: Path, steps: int = 100, every: int = 10, gan: str = 'vanilla', **changes: Any) -> Path:
    """A run that logged and drew every so many steps. changes: of config fields, `d__updates=2`."""
    config = base(gan)
    config.steps = steps
    choices.set_all(config, {name.replace('__', '.'): value for name, value in changes.items()})
    (folder / 'samples').mkdir(parents=True)
    (folder / 'config.json').write_text(config.to_json())
    rows = [row(step) for step in range(every, steps + 1, every)]
    (folder / 'metrics.jsonl').write_text(''.join(json.dumps(r) + '\n' for r in rows))
    for step in range(0, steps + 1, every):
        draw(folder, step)
    return folder


def row(step: int, **more: float) -> dict[str, float]:
    speed = {'steps_per_sec': 20.0, 'images_per_sec': 1280.0, 'seconds': step / 20}
    return {
        'step': step,
        'd/loss': 1 / step,
        'g/loss': 0.1 * step,
        'd/grad_norm': 10.0**-step,
        **speed,
        **more,
    }


def draw(folder: Path, step: int) -> None:
    """A grid of noise, another one at every step."""
    noise = np.random.default_rng(step).integers(0, 256, (4, 8, 8, 1), np.uint8)
    images.save(images.grid(noise, 2), folder / 'samples' / f'{step:07d}.png')


def evaluate(
    folder: Path, step: int, metrics: dict[str, float], by: str = 'evaluate', **protocol: Any
) -> None:
    """A line in eval.jsonl; what real data score is a tenth of what the fakes do."""
    content = {
        'step': step,
        'metrics': metrics,
        'floor': {name: value / 10 for name, value in metrics.items()},
        'floor_counts': [50, 50],
        'protocol': {**PROTOCOL, **protocol},
        'by': by,
    }
    with open(folder / 'eval.jsonl', 'a') as file:
        file.write(json.dumps(content) + '\n')
