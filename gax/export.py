"""Samples of a trained run, written as a picture or as arrays: drawn at random, or along one of the latents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gax import errors, experiment, parallel, pictures, rng, sampling
from gax.checkpoint import Checkpoints
from gax.experiment import Experiment
from gax.types import Array, Batch, Game, TrainState
from gax.workdir import read_config

CHUNK = 256  # samples per compiled call
COLUMNS = 10  # of a traversal along a real number
SEEN = 4096  # latents that are drawn to see which values a whole number takes


def export(
    workdir: Path,
    out: Path,
    num: int,
    seed: int = 0,
    step: int | None = None,
    label: int | None = None,
    traverse: str = '',
    span: float = 2.0,
) -> int:
    """Writes `num` samples of the averaged generator to `out` (.png or .npz); returns the checkpoint's step.

    traverse: a latent to vary along each row while the others stay, see `axis_values`; `num` is cut to whole rows.
    Raises GaxError for a workdir without (that) checkpoint, another suffix, a class or a latent that is not there.
    """
    if out.suffix.lower() not in ('.png', '.npz'):
        raise errors.GaxError(f'--out {out} must end in .png (a grid) or .npz (arrays)')
    if num < 1:
        raise errors.GaxError(f'--num must be positive, and is {num}')
    if not out.absolute().parent.is_dir():
        raise errors.GaxError(f'--out {out}: the folder {out.absolute().parent} does not exist')
    one = parallel.mesh(jax.devices()[:1])  # whatever the run was trained on
    built = experiment.build(read_config(workdir / 'config.json'), one)
    classes = built.source.spec.num_classes
    if label is not None and not 0 <= label < classes:
        raise errors.GaxError(f'--label {label}: {built.source.spec.name} has {classes} classes, from 0')
    state, step = restore(built, workdir, step)
    if traverse:
        values = axis_values(built.game, traverse, span, classes)
        made, columns = along(built, state, traverse, values, num, seed, label), len(values)
    else:
        made = draw(built, state, num, seed, label)
        columns = classes if 0 < classes <= 16 else round(num**0.5) or 1
    with errors.plain_os_errors(out):
        if out.suffix.lower() == '.png':
            pictures.save(pictures.draw(made, columns), out)
        else:
            save_npz(made, out)
    return step


def restore(built: Experiment, workdir: Path, step: int | None) -> tuple[TrainState, int]:
    """The run in `workdir` as it stood at `step` (None: at its newest checkpoint), and that step."""
    found = Checkpoints(workdir / 'checkpoints', write=False).restore(experiment.shapes(built), step)
    if found is None:
        raise errors.GaxError(f'{workdir} has no checkpoint yet')
    return jax.device_put(found[1].state), found[0]


def labels_of(num: int, classes: int, label: int | None) -> Array | None:
    """All classes in turn, or one: int32 [num]; None where there are no classes."""
    return sampling.labels_in_turn(num, classes) if label is None else jnp.full((num,), label, jnp.int32)


def draw(
    built: Experiment, state: TrainState, num: int, seed: int, label: int | None
) -> dict[str, np.ndarray]:
    """Fakes from random latents, and the labels that they were made from."""
    labels = labels_of(num, built.source.spec.num_classes, label)

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
    return made


def axis_values(game: Game, axis: str, span: float, classes: int) -> np.ndarray:
    """The values along the axis 'FIELD' or 'FIELD:DIMENSION' of the game's latents.

    A field of whole numbers [B] ('label', InfoGAN's 'category') takes each value that it ever has. A dimension of a
    real field [B, D] ('z:3', 'code:0') goes from -span to span in COLUMNS steps. Raises GaxError for anything else.
    """
    field, _, dimension = axis.partition(':')
    labels = labels_of(SEEN, classes, None)
    seen = game.latents(jax.random.key(0), SEEN, {} if labels is None else {'label': labels})
    values = errors.lookup('latent of --traverse', field, seen)
    if jnp.issubdtype(values.dtype, jnp.integer) and values.ndim == 1:
        if dimension:
            raise errors.GaxError(f'--traverse={axis}: {field} has no dimensions; give --traverse={field}')
        return np.unique(np.asarray(values))
    size = values.shape[-1] if values.ndim == 2 else 0
    if not size:
        raise errors.GaxError(f'--traverse={axis}: {field} is no vector of numbers')
    if not dimension.isdecimal() or int(dimension) >= size:
        raise errors.GaxError(f'--traverse={axis}: say which dimension, {field}:0 to {field}:{size - 1}')
    if not 0 < span < float('inf'):
        raise errors.GaxError(f'--span must be positive, and is {span}')
    return np.linspace(-span, span, COLUMNS, dtype=np.float32)


def along(
    built: Experiment,
    state: TrainState,
    axis: str,
    values: np.ndarray,
    num: int,
    seed: int,
    label: int | None,
) -> dict[str, np.ndarray]:
    """Fakes row by row, [rows * len(values)]: within a row all latents are equal but the axis, which takes `values`."""
    rows = num // len(values)
    if not rows:
        raise errors.GaxError(f'--num {num}: a row of --traverse={axis} takes {len(values)} samples')
    labels = labels_of(rows, built.source.spec.num_classes, label)
    key = jax.random.key(seed)
    batch = {} if labels is None else {'label': labels}
    latents = varied(built.game.latents(rng.stream(key, 'latents'), rows, batch), axis, values)

    @jax.jit
    def synthesize(latents: Batch) -> Batch:
        return sampling.synthesize(built.game, state, latents, rng.stream(key, 'generate'))

    made = {name: np.asarray(fake) for name, fake in synthesize(latents).items()}
    return {**made, 'label': np.asarray(latents['label'])} if 'label' in latents else made


def varied(latents: Batch, axis: str, values: np.ndarray) -> Batch:
    """Each row of the latents once for every value, which is set in field or 'FIELD:DIMENSION'."""
    field, _, dimension = axis.partition(':')
    repeated = {name: jnp.repeat(x, len(values), axis=0) for name, x in latents.items()}
    old = repeated[field]
    new = jnp.tile(jnp.asarray(values, old.dtype), len(old) // len(values))
    repeated[field] = old.at[:, int(dimension)].set(new) if dimension else new
    return repeated


def save_npz(made: dict[str, np.ndarray], out: Path) -> None:
    """'images' uint8, 'labels' int32, or 'points' float32; written beside and renamed."""
    arrays: dict[str, Any] = {f'{name}s': value for name, value in made.items()}
    if 'image' in made:
        arrays['images'] = pictures.to_uint8(made['image'])
    temporary = out.with_name(out.name + '.tmp')
    with open(temporary, 'wb') as file:
        np.savez_compressed(file, **arrays)
    temporary.replace(out)
