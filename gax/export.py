"""Samples of a trained run, written as a picture or as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors, experiment, parallel, pictures, sampling
from gax.checkpoint import Checkpoints
from gax.types import Array
from gax.workdir import read_config

CHUNK = 256  # samples per compiled call


def export(
    workdir: Path, out: Path, num: int, seed: int = 0, step: int | None = None, label: int | None = None
) -> int:
    """Writes `num` samples of the averaged generator to `out` (.png or .npz); returns the checkpoint's step.

    Raises GaxError for a workdir without (that) checkpoint, another suffix, a class that is not there.
    """
    if out.suffix.lower() not in ('.png', '.npz'):
        raise errors.GaxError(f'--out {out} must end in .png (a grid) or .npz (arrays)')
    if num < 1:
        raise errors.GaxError(f'--num must be positive, and is {num}')
    if not out.absolute().parent.is_dir():
        raise errors.GaxError(f'--out {out}: the folder {out.absolute().parent} does not exist')
    made, step, columns = draw(workdir, num, seed, step, label)
    with errors.plain_os_errors(out):
        if out.suffix.lower() == '.png':
            pictures.save(pictures.draw(made, columns), out)
        else:
            save_npz(made, out)
    return step


def draw(
    workdir: Path, num: int, seed: int, step: int | None, label: int | None
) -> tuple[dict[str, np.ndarray], int, int]:
    """(fakes and labels as numpy arrays, the checkpoint's step, the grid's columns)."""
    one = parallel.mesh(jax.devices()[:1])  # whatever the run was trained on
    built = experiment.build(read_config(workdir / 'config.json'), one)
    classes = built.source.spec.num_classes
    if label is not None and not 0 <= label < classes:
        raise errors.GaxError(f'--label {label}: {built.source.spec.name} has {classes} classes, from 0')
    found = Checkpoints(workdir / 'checkpoints', write=False).restore(experiment.shapes(built), step)
    if found is None:
        raise errors.GaxError(f'{workdir} has no checkpoint yet')
    state = jax.device_put(found[1].state)
    labels = sampling.labels_in_turn(num, classes) if label is None else jnp.full((num,), label, jnp.int32)

    @jax.jit
    def chunk(key: Array, label: Array | None) -> Any:
        return sampling.sample(built.game, state, key, CHUNK, label)

    parts = []
    for i in range(0, num, CHUNK):
        part = None if labels is None else jnp.resize(labels[i : i + CHUNK], (CHUNK,))
        parts.append(jax.device_get(chunk(jax.random.fold_in(jax.random.key(seed), i), part)))
    made = {name: np.concatenate([part[name] for part in parts])[:num] for name in parts[0]}
    if labels is not None and 'label' in built.game.latents(jax.random.key(0), 1, {'label': labels[:1]}):
        made['label'] = np.asarray(labels)
    return made, found[0], classes if 0 < classes <= 16 else round(num**0.5) or 1


def save_npz(made: dict[str, np.ndarray], out: Path) -> None:
    """'images' uint8, 'labels' int32, or 'points' float32; written beside and renamed."""
    arrays: dict[str, Any] = {f'{name}s': value for name, value in made.items()}
    if 'image' in made:
        arrays['images'] = pictures.to_uint8(made['image'])
    temporary = out.with_name(out.name + '.tmp')
    with open(temporary, 'wb') as file:
        np.savez_compressed(file, **arrays)
    temporary.replace(out)
