"""The weights of the FID Inception: finds, checks and converts them without PyTorch.

The usual file is pytorch-fid's, which torch-fidelity publishes under another name. gax neither ships nor
downloads it: the error of `find` names the file and the folder. It is read directly, or from an .npz or
.safetensors with the same names, shapes and layout (gax-convert-inception writes them, with the
digest of their source). Other weights are accepted, but results with them are not called FID.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from gax import errors, paths
from gax.evals.features import inception, tensor_file

URL = 'https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth'
SHA256 = '6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2'  # of that file, whatever its name
NAMES = (
    'pt_inception-2015-12-05-6726825d.pth',
    'weights-inception-2015-12-05-6726825d.pth',
    'inception-2015-12-05.npz',
    'inception-2015-12-05.safetensors',
)
# gax's cache, and PyTorch's, where pytorch-fid and torch-fidelity keep their downloads.
FOLDERS = ('~/.cache/gax', '~/.cache/torch/hub/checkpoints')
VARIABLE = 'GAX_INCEPTION'
EPSILON = 1e-3  # of the batch norms
NORM = ('weight', 'bias', 'running_mean', 'running_var')


class Weights(NamedTuple):
    """Converted weights.

    Attributes:
      variables: Of `inception.Inception`, on the device.
      path: The file.
      published: Whether they are the published weights of FID.
      checksum: 16 hex digits of the weights' digest, the same for every file format.
    """

    variables: Any
    path: Path
    published: bool
    checksum: str


def load(requested: str = '') -> Weights:
    """Reads and converts the weights.

    Args:
      requested: The file or its folder; '' for the places of `find`.

    Raises:
      GaxError: There is no such file, or it is damaged or holds another network.
    """
    path = find(requested)
    arrays, source = read(path)
    return Weights(jax.tree.map(jnp.asarray, convert(arrays)), path, source == SHA256, digest(arrays))


def find(requested: str = '') -> Path:
    """The weight file: `requested`, or $GAX_INCEPTION, each a file or its folder; else in FOLDERS.

    Raises:
      GaxError: There is none. The message says which file to download and where to put it.
    """
    named = requested or os.environ.get(VARIABLE, '')
    for place in [paths.user(named)] if named else folders():
        for path in [place / name for name in NAMES] if place.is_dir() else [place]:
            if path.is_file():
                return path
    where = f'no Inception weights at {named}' if named else 'no Inception weights'
    raise errors.GaxError(
        f'{where}: download {URL} into {FOLDERS[0]}/ (or name the file by --weights=FILE or {VARIABLE}=FILE)'
    )


def folders() -> list[Path]:
    """FOLDERS, if the home is known."""
    try:
        return [paths.user(folder) for folder in FOLDERS]
    except errors.GaxError:
        return []


def read(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """Reads the network's tensors.

    Args:
      path: The file.

    Returns:
      (the tensors as float32 under PyTorch's names and in its layout, the SHA-256 of their source in hex).
      The source is the file itself; for a file that `write` wrote and whose weights match its checksum, the
      file that it was converted from.

    Raises:
      GaxError: The file is damaged or holds another network.
    """
    file = tensor_file.read(path)
    arrays = {name: a for name, a in file.arrays.items() if not name.endswith('num_batches_tracked')}
    check(arrays, path)
    tensors: dict[str, np.ndarray] = {name: arrays[name].astype(np.float32) for name in shapes()}
    confirmed = file.notes.get('checksum') == digest(tensors)
    return tensors, file.notes.get('source', file.sha256) if confirmed else file.sha256


def write(arrays: Mapping[str, np.ndarray], source: str, out: Path) -> None:
    """Writes the tensors as .npz or .safetensors, with their source and a checksum that confirms it.

    Args:
      arrays: As `read` returns them.
      source: As `read` returns it.
      out: The file.
    """
    tensor_file.write(arrays, out, {'source': source, 'checksum': digest(arrays)})


@cache
def _convolutions() -> dict[str, tuple[int, ...]]:
    """The name of every convolution in the file, 'Mixed_5b.branch1x1' -> its kernel's shape in Flax."""
    flat = traverse_util.flatten_dict(inception.structure()['params'])
    return {'.'.join(path[:-2]): leaf.shape for path, leaf in flat.items() if path[-2:] == ('conv', 'kernel')}


def shapes() -> dict[str, tuple[int, ...]]:
    """The shapes of a weight file's tensors by name; convolutions are [out, in, height, width]."""
    by_name: dict[str, tuple[int, ...]] = {}
    for name, (height, width, fan_in, out) in _convolutions().items():
        by_name[f'{name}.conv.weight'] = (out, fan_in, height, width)
        by_name |= {f'{name}.bn.{part}': (out,) for part in NORM}
    return by_name | {
        'fc.weight': (inception.CLASSES, inception.FEATURES),
        'fc.bias': (inception.CLASSES,),
    }


def check(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Checks names, dtypes, shapes and values of the tensors.

    Raises:
      GaxError: They are not those of this network.
    """
    want, other = shapes(), f'{path}: not the FID Inception, which is at {URL}'
    if any(name.startswith('AuxLogits') for name in arrays):
        raise errors.GaxError(f"{other}: it is torchvision's, another network")
    missing, unknown = [n for n in want if n not in arrays], [n for n in arrays if n not in want]
    if missing or unknown:
        first = f'it lacks {missing[0]}' if missing else f'it has {unknown[0]}'
        raise errors.GaxError(f'{other}: {first} ({len(missing)} tensors missing, {len(unknown)} unknown)')
    for name, shape in want.items():
        array = arrays[name]
        if array.shape != shape or array.dtype.kind != 'f':
            raise errors.GaxError(f'{other}: {name} is {array.dtype} {array.shape}, not float {shape}')
        if not np.isfinite(array).all() or (name.endswith('running_var') and array.min() < 0):
            raise errors.GaxError(f'{path}: damaged: {name} has values that no network can have')


def convert(arrays: Mapping[str, np.ndarray]) -> Any:
    """The variables of `inception.Inception`, float32 NumPy arrays, from checked tensors.

    Each batch norm is folded into the convolution before it, in float64: with s = weight / sqrt(running_var +
    1e-3), the kernel is multiplied by s and the bias is bias - s * running_mean.
    """
    params: dict[tuple[str, ...], np.ndarray] = {}
    for name in _convolutions():
        norm: Any = {part: arrays[f'{name}.bn.{part}'].astype(np.float64) for part in NORM}
        scale = norm['weight'] / np.sqrt(norm['running_var'] + EPSILON)
        conv = (*name.split('.'), 'conv')
        params[*conv, 'kernel'] = arrays[f'{name}.conv.weight'].transpose(2, 3, 1, 0) * scale
        params[*conv, 'bias'] = norm['bias'] - scale * norm['running_mean']
    params['fc', 'kernel'] = arrays['fc.weight'].T
    params['fc_bias',] = arrays['fc.bias']
    return {
        'params': traverse_util.unflatten_dict(
            {k: v.astype(np.float32, order='C') for k, v in params.items()}
        )
    }


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """16 hex digits of the SHA-256 of all names, shapes and float32 values, sorted by name."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        sha.update(f'{name} {arrays[name].shape} '.encode())
        sha.update(np.ascontiguousarray(arrays[name], '<f4'))
    return sha.hexdigest()[:16]
