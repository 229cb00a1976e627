"""How fast images are made ready, against how fast training takes them: python benchmarks/pipeline.py

Writes folders of PNG and of JPEG files (the embedded emoji, enlarged), and reads each as a run does whose set
does not fit on
the device: decoded, resized to the size of the config, put together and on the device, by threads and by
worker processes, with nothing else at work. Beside that, images/sec that training of a named config takes, on
the same machine, from
the device's memory: fetching must be faster than that, or the device waits. One JSON line each; all go into
--out.
"""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import PIL
from absl import flags
from models import config_file
from PIL import Image

from gax import cli
from gax.data import arrays, folder, prefetch, preprocess
from gax.data.source import order_of
from gax.distributed import sharding
from gax.training import experiment, programs

CONFIG = flags.DEFINE_string(
    'config', 'dcgan_emoji', 'Name of the config in configs/ that training is measured of.'
)
IMAGES = flags.DEFINE_integer('images', 512, 'Files in a folder.', lower_bound=64)
SIZES = flags.DEFINE_list('sizes', ['64', '256'], 'Their width and height, in pixels.')
WORKERS = flags.DEFINE_list('workers', ['0', '2'], 'Processes that fetch; 0: threads, one a core.')
SECONDS = flags.DEFINE_float('seconds', 5.0, 'Each measurement lasts so long.')
OUT = flags.DEFINE_string('out', 'benchmarks/results/pipeline.json', 'File of all results.')
WARM = 4  # calls before the clock starts: workers begin, programs are compiled


def write(root: Path, kind: str, size: int) -> None:
    """IMAGES files of `kind`, 'png' or 'jpg', of size x size pixels."""
    emoji = arrays.embedded('emoji').arrays['image']
    for i in range(IMAGES.value):
        large = preprocess.resize(emoji[i % len(emoji)], size, 'bicubic')
        Image.fromarray(large).save(root / f'{i:05d}.{kind}')


def per_second(call: Callable[[], Any], images: int) -> float:
    """images/sec of `call`, which handles `images` of them and returns arrays on the device."""
    for _ in range(WARM):
        jax.block_until_ready(call())
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS.value:
        jax.block_until_ready(call())
        done += images
    return done / (time.perf_counter() - began)


def fetching(config: Any, root: Path, size: int, workers: int) -> float:
    """images/sec of the stream that training would read, over an endless order, to `size` pixels."""
    with config.unlocked():
        config.data.name, config.data.image_size, config.data.channels = f'folder:{root}', size, 3
        config.data.device_limit_mib = 0
    source = folder.named(str(root), config.data)
    assert source.fetch is not None
    pick = prefetch.Pick(0, config.batch_size, order_of(source), source.fetch)
    stream = prefetch.Stream(pick, sharding.rows(sharding.mesh(), 1), workers)
    steps = iter(range(2**31))
    try:
        return per_second(lambda: stream(next(steps), 1), config.batch_size)
    finally:
        stream.close()


def training(config: Any) -> tuple[float, int]:
    """(images/sec that training takes from the device's memory, their size)."""
    built = experiment.build(config)
    advance, carry = programs.advancer(built), experiment.init(built)
    count, at = config.steps_per_call or 1, 0

    def call() -> Any:
        nonlocal carry, at
        carry = advance(carry, at, count)
        at += count
        return carry

    return per_second(call, count * config.batch_size), built.source.spec.target_shape[0]


def machine() -> dict[str, Any]:
    """What was measured on, and how busy it was."""
    versions = {module.__name__: module.__version__ for module in (jax, np, PIL)}
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else None
    cpu = next(
        (x for x in Path('/proc/cpuinfo').read_text().splitlines() if 'model name' in x), platform.processor()
    )
    device = jax.devices()[0].device_kind
    today = time.strftime('%Y-%m-%d')
    return {
        'device': device,
        'cpu': cpu.partition(': ')[2],
        'cores': prefetch.cores(),
        'load': load,
        'date': today,
    } | versions


def main(argv: list[str]) -> int:
    config = config_file(CONFIG.value).get_config()
    needed, size = training(config)
    rows: list[dict[str, Any]] = [
        {'what': f'training {CONFIG.value}', 'images_per_sec': needed, 'image_size': size}
    ]
    print(json.dumps(rows[0]), flush=True)
    for kind in ('png', 'jpg'):
        for pixels in map(int, SIZES.value):
            with tempfile.TemporaryDirectory() as root:
                write(Path(root), kind, pixels)
                for workers in map(int, WORKERS.value):
                    speed = fetching(config, Path(root), size, workers)
                    how = f'{workers} processes' if workers else f'{prefetch.cores()} threads'
                    row = {
                        'what': f'{kind} {pixels} px',
                        'by': how,
                        'images_per_sec': speed,
                        'times_needed': speed / needed,
                    }
                    rows.append(row)
                    print(json.dumps(row), flush=True)
    out = Path(OUT.value)
    beside = out.with_suffix('.tmp')
    beside.write_text(
        json.dumps({**machine(), 'batch_size': config.batch_size, 'rows': rows}, indent=1) + '\n'
    )
    beside.rename(out)
    return 0


if __name__ == '__main__':
    cli.run(main)
