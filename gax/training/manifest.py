"""The manifest of a checkpoint: the layout of its arrays, and the SHA-256 of every file."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jax

from gax.core.types import PyTree


def layout(tree: PyTree) -> list[str]:
    """The path, dtype and shape of every leaf, e.g. `.state.params['d']['Dense_0']['bias'] float32 (1,)`."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [f'{jax.tree_util.keystr(path)} {leaf.dtype} {tuple(leaf.shape)}' for path, leaf in leaves]


def why_other(there: list[str], here: list[str]) -> str:
    """The message for a checkpoint that has other arrays than the run.

    Args:
      there: The layout of the checkpoint.
      here: The layout of the run.
    """
    before, after = (dict(map(split_line, lines)) for lines in (there, here))
    if [in_32_bits(line) for line in there] == [in_32_bits(line) for line in here]:
        wide = any('64 ' in kind for kind in before.values())
        return (
            f'was written {"with" if wide else "without"} JAX_ENABLE_X64=1, and now it is '
            f'{"not " if wide else ""}set; give JAX_ENABLE_X64={int(wide)}'
        )
    differ = [path for path in dict.fromkeys([*before, *after]) if before.get(path) != after.get(path)]
    if not differ:
        return (
            'is of another version of gax: its arrays are in another order; go on with the version that '
            'wrote it'
        )
    first = differ[0]
    return (
        f'is of other networks or data, or of another version of gax: {len(differ)} arrays differ, such as '
        f'{first}, {before.get(first, "absent")} there and {after.get(first, "absent")} here; go on with '
        'what wrote it'
    )


def split_line(line: str) -> tuple[str, str]:
    """Splits a line of `layout` into (path, dtype and shape)."""
    head, _, shape = line.rpartition(' (')
    path, _, dtype = head.rpartition(' ')
    return path, f'{dtype} ({shape}'


def in_32_bits(line: str) -> str:
    """A line of `layout` with 32 bits in place of 64."""
    path, kind = split_line(line)
    return f'{path} {kind.replace("64 (", "32 (")}'


def write(folder: Path, arrays: list[str]) -> None:
    """Flushes every file of a checkpoint to disk and writes their digests to its manifest.json.

    Args:
      folder: The folder of the checkpoint.
      arrays: The `layout` of its arrays.
    """
    written = sorted(path for path in folder.rglob('*') if path.is_file())
    files = {str(path.relative_to(folder)): digest(path, flush=True) for path in written}
    content = {'arrays': arrays, 'files': files}
    sha256 = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    text = json.dumps({**content, 'sha256': sha256}, indent=1)
    (folder / 'manifest.json').write_text(text, encoding='utf-8')
    digest(folder / 'manifest.json', flush=True)


def read_checked(folder: Path) -> dict[str, Any]:
    """Reads manifest.json of a checkpoint and checks every file.

    Args:
      folder: The folder of the checkpoint.

    Returns:
      {'arrays': the layout of its arrays, 'files': {file: SHA-256}}.

    Raises:
      ValueError: A file is missing or does not match its digest, or the manifest is damaged.
      OSError: A file cannot be read.
    """
    content = json.loads((folder / 'manifest.json').read_text(encoding='utf-8'))
    sha256 = content.pop('sha256')
    if hashlib.sha256(json.dumps(content).encode()).hexdigest() != sha256:
        raise ValueError('manifest.json does not match its SHA-256')
    for name, wanted in content['files'].items():
        if not (folder / name).is_file() or digest(folder / name) != wanted:
            raise ValueError(f'{name} is missing, or does not match its SHA-256')
    return content


def digest(path: Path, flush: bool = False) -> str:
    """The SHA-256 of a file, hex. With `flush`, its content is flushed to disk before."""
    with open(path, 'rb') as file:
        if flush:
            os.fsync(file.fileno())
        return hashlib.file_digest(file, 'sha256').hexdigest()
