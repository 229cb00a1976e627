"""Writes samples in the format in which each kind of data is usually kept (.wav, .csv, .txt), or as .npz."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import wavfile

from gax import errors, paths
from gax.core.spec import Field, Spec, plural
from gax.data import columns, encoded, kinds, scaling
from gax.viz import charts, images

RATE = 16_000  # samples per second, for audio without a sample rate
SILENCE = 0.25  # seconds between the samples in one .wav
ALWAYS = ('.png', '.npz')
DIGITS = '.9g'  # enough to restore a float32 exactly


def wav(x: np.ndarray, field: Field, out: Path) -> None:
    """Writes audio, 16 bits, one sample after another with silence between them.

    Args:
      x: float [N, samples, channels] in [-1, 1]; values outside are clipped.
      field: The field of the data; its `sample_rate` in Hz, or RATE.
      out: The file.
    """
    rate = int(field.info.get('sample_rate') or RATE)
    silence = np.zeros((round(SILENCE * rate), x.shape[-1]), np.float32)
    parts = [part for one in x for part in (silence, one)][1:]
    whole = np.rint(np.clip(np.concatenate(parts), -1, 1) * 32767).astype(np.int16)
    content = io.BytesIO()
    wavfile.write(content, rate, whole[:, 0] if whole.shape[1] == 1 else whole)
    with paths.replacing(out) as temporary:
        temporary.write_bytes(content.getvalue())


def columns_of(field: Field) -> list[str]:
    """The names of the columns of a field, or their numbers if they have no names."""
    return [str(name) for name in field.info.get('columns') or range(field.shape[-1])]


def table(x: np.ndarray, field: Field, out: Path) -> None:
    """Writes a table, one line per example, under the names of the columns.

    Encoded rows are decoded: the columns, types and rounding are those of the file that the data was read
    from.

    Args:
      x: float [N, columns].
      field: The field of the data.
      out: The file.
    """
    if encoding := columns.of_info(field.info):
        return write_rows(encoded.lines(encoding, x), out)
    write_rows([columns_of(field), *([format(float(v), DIGITS) for v in row] for row in x)], out)


def series(x: np.ndarray, field: Field, out: Path) -> None:
    """Writes series, one line per time step, each with the number of the example and the time step.

    Args:
      x: float [N, length, columns]. If the field has a scaling (see gax.data.scaling), it is undone: the file
        is in the units of the data.
      field: The field of the data.
      out: The file.
    """
    if scaled := scaling.of_info(field.info):
        x = scaled.inverse(x)
    rows = [
        [str(i), str(t), *(format(float(v), DIGITS) for v in row)]
        for i, one in enumerate(x)
        for t, row in enumerate(one)
    ]
    write_rows([['example', 'time', *columns_of(field)], *rows], out)


def write_rows(rows: list[list[str]], out: Path) -> None:
    """Writes a .csv file of these rows of cells."""
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    paths.write_text(out, text.getvalue())


def text(x: np.ndarray, field: Field, out: Path) -> None:
    """Writes tokens, one line per example, see `charts.texts`.

    Args:
      x: int [N, length].
      field: The field of the data; it may have a `vocabulary`.
      out: The file.
    """
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
    """Checks that examples of this kind of data can be written with this ending.

    Args:
      spec: The data.
      suffix: The ending.
      folder: The text that stands for a folder in place of an ending; only images are written as a folder.
      out: The path, for messages.

    Raises:
      GaxError: They cannot.
    """
    kind = spec.fields[spec.target].kind
    valid = [*ALWAYS, *FORMATS.get(kind, ()), *([folder] if kind == 'image' else [])]
    if suffix not in valid:
        what = 'are no images' if suffix == folder else f'are not written as {suffix}'
        raise errors.GaxError(
            f'--out {out}: {plural(kind)} {what}; write '
            f'{" or ".join(valid[1:] if suffix == folder else valid)}'
        )


def save(values: np.ndarray, field: Field, suffix: str, out: Path) -> None:
    """Writes examples. The file is complete or absent.

    Args:
      values: The examples, [N, ...].
      field: Their field.
      suffix: An ending of FORMATS.
      out: The file.
    """
    FORMATS[field.kind][suffix](values, field, out)


def save_npz(samples: Mapping[str, np.ndarray], spec: Spec, out: Path) -> None:
    """Writes all fields of samples as .npz, with 'labels' int32 if they have labels. Complete or absent.

    The arrays are called 'images', 'points', 'series' ... after their kinds, or after their fields for fields
    with other names. Images and videos are uint8, other fields as they are.

    Args:
      samples: {field: [N, ...]}.
      spec: The data.
      out: The file.
    """
    arrays: dict[str, Any] = {}
    for name, value in samples.items():
        if name == 'label':
            arrays['labels'] = value
            continue
        kind = spec.fields[name].kind if name in spec.fields else name
        arrays[kinds.written(name, kind)] = images.to_uint8(value) if kind in ('image', 'video') else value
    with paths.replacing(out) as temporary, open(temporary, 'wb') as file:
        np.savez_compressed(file, **arrays)
