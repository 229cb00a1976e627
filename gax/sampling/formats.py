"""Samples as the files that each kind of data is usually kept in: .wav, .csv, .txt; and as arrays, .npz."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import wavfile

from gax import errors, paths
from gax.core.spec import Field, Spec
from gax.data import kinds
from gax.viz import charts, images

RATE = 16_000  # samples a second of audio of which nobody said it
SILENCE = 0.25  # seconds between the samples in one .wav
ALWAYS = ('.png', '.npz')
DIGITS = '.9g'  # with which a float32 is read again as it was


def wav(x: np.ndarray, field: Field, out: Path) -> None:
    """float [N, samples, channels] in [-1, 1], clipped to that: 16 bits, one sample after another."""
    rate = int(field.info.get('sample_rate') or RATE)
    silence = np.zeros((round(SILENCE * rate), x.shape[-1]), np.float32)
    parts = [part for one in x for part in (silence, one)][1:]
    whole = np.rint(np.clip(np.concatenate(parts), -1, 1) * 32767).astype(np.int16)
    content = io.BytesIO()
    wavfile.write(content, rate, whole[:, 0] if whole.shape[1] == 1 else whole)
    with paths.replacing(out) as temporary:
        temporary.write_bytes(content.getvalue())


def columns_of(field: Field) -> list[str]:
    """The names of the columns; their numbers where they have none."""
    return [str(name) for name in field.info.get('columns') or range(field.shape[-1])]


def table(x: np.ndarray, field: Field, out: Path) -> None:
    """float [N, columns]: a line an example, under the names of the columns."""
    write_rows([columns_of(field), *([format(float(v), DIGITS) for v in row] for row in x)], out)


def series(x: np.ndarray, field: Field, out: Path) -> None:
    """float [N, length, columns]: a line a time, after the number of the example and the time."""
    rows = [
        [str(i), str(t), *(format(float(v), DIGITS) for v in row)]
        for i, one in enumerate(x)
        for t, row in enumerate(one)
    ]
    write_rows([['example', 'time', *columns_of(field)], *rows], out)


def write_rows(rows: list[list[str]], out: Path) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    paths.write_text(out, text.getvalue())


def text(x: np.ndarray, field: Field, out: Path) -> None:
    """int [N, length]: a line an example, see `charts.texts`."""
    lines = charts.texts(x, field.info.get('vocabulary', ()))
    paths.write_text(out, ''.join(f'{line}\n' for line in lines))


# kind -> ending -> (examples [N, ...], their field, the file) -> None
FORMATS: dict[str, dict[str, Callable[[np.ndarray, Field, Path], None]]] = {
    'audio': {'.wav': wav},
    'series': {'.csv': series},
    'table': {'.csv': table},
    'tokens': {'.txt': text},
}
SUFFIXES = tuple(sorted({suffix for formats in FORMATS.values() for suffix in formats}))


def check(spec: Spec, suffix: str, folder: str, out: str) -> None:
    """Raises GaxError where examples of the data's kind are not written with this ending.

    folder: what stands for the ending of a folder, which images alone are written as.
    """
    kind = spec.fields[spec.target].kind
    valid = [*ALWAYS, *FORMATS.get(kind, ()), *([folder] if kind == 'image' else [])]
    if suffix not in valid:
        what = 'are no images' if suffix == folder else f'are not written as {suffix}'
        raise errors.GaxError(
            f'--out {out}: {plural(kind)} {what}; write {" or ".join(valid[1:] if suffix == folder else valid)}'
        )


def plural(kind: str) -> str:
    return f'{kind}s' if kind in ('image', 'point', 'video', 'table') else kind


def save(values: np.ndarray, field: Field, suffix: str, out: Path) -> None:
    """Writes examples [N, ...] of a field; beside, and renamed. suffix: of FORMATS."""
    FORMATS[field.kind][suffix](values, field, out)


def save_npz(made: Mapping[str, np.ndarray], spec: Spec, out: Path) -> None:
    """All fields of samples, and 'labels' int32 where they have some; written beside and renamed.

    Arrays are called 'images', 'points', 'series' ... after their kinds, or after their fields where these
    have names of their own. Images and videos are uint8, other fields as they are.
    """
    arrays: dict[str, Any] = {}
    for name, value in made.items():
        if name == 'label':
            arrays['labels'] = value
            continue
        kind = spec.fields[name].kind if name in spec.fields else name
        arrays[kinds.written(name, kind)] = images.to_uint8(value) if kind in ('image', 'video') else value
    with paths.replacing(out) as temporary, open(temporary, 'wb') as file:
        np.savez_compressed(file, **arrays)
