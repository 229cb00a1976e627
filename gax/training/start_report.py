"""What a run logs before its first step: devices, data, networks, versions."""

from __future__ import annotations

import platform
import shlex
import socket
import sys
from collections import Counter
from collections.abc import Mapping
from importlib import metadata
from types import MappingProxyType
from typing import Any

import jax

from gax.core.spec import Spec

LIBRARIES = ('gax', 'jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'numpy')


def device() -> str:
    """'device: 2 x NVIDIA H100 (gpu)', the devices of all processes."""
    kinds = Counter((d.device_kind, d.platform) for d in jax.devices())
    return 'device: ' + ', '.join(
        f'{count} x {kind}' + f' ({name})' * (name != kind) for (kind, name), count in kinds.items()
    )


def data(spec: Spec, split: str = '', splits: Mapping[str, int] = MappingProxyType({})) -> str:
    """'data: embedded:mnist, 5000 examples, image 28x28x1, 10 classes'.

    Args:
      spec: The data.
      split: The split of the source.
      splits: {split: how many examples it has}.

    Returns:
      One line.
    """
    parts = [f'{spec.size} examples' if spec.size else 'examples without end']
    if splits:
        listed = ', '.join(f'{name} {count}' for name, count in splits.items())
        parts.append(f'split {split or "all"} of {listed}')
    parts += [f'{name} {"x".join(map(str, field.shape)) or "number"}' for name, field in spec.fields.items()]
    if spec.num_classes:
        named = (
            f' ({", ".join(spec.classes[:10])}{", ..." * (len(spec.classes) > 10)})' if spec.classes else ''
        )
        parts.append(f'{spec.num_classes} classes{named}')
    return f'data: {spec.name}, {", ".join(parts)}'


def networks(params: dict[str, Any]) -> str:
    """'networks, by parameters: g 1,203,457, d 600,321'.

    Args:
      params: {network: arrays, or their shapes}.

    Returns:
      One line.
    """
    counts = {name: sum(x.size for x in jax.tree.leaves(tree)) for name, tree in params.items()}
    listed = ', '.join(f'{name} {count:,}' for name, count in counts.items())
    return f'networks, by parameters: {listed}'


def versions() -> str:
    """The host, the versions of Python and of the libraries, and the command, in one line."""
    libraries = []
    for name in LIBRARIES:
        try:
            libraries.append(f'{name} {metadata.version(name)}')
        except metadata.PackageNotFoundError:  # a checkout that is not installed
            libraries.append(f'{name} not installed')
    system = f'Python {platform.python_version()}, {platform.system()} {platform.machine()}'
    return f'host {socket.gethostname()}, {system}, {", ".join(libraries)}; command: {shlex.join(sys.argv)}'
