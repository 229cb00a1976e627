"""Preparation of sets of TensorFlow Datasets; most of them need TensorFlow for it."""

from __future__ import annotations

import os
import shlex
import socket
from pathlib import Path

from gax import errors
from gax.data import tfds

FORMAT = 'array_record'


def prepare(name: str, folder: str = '') -> str:
    """Downloads and writes `tfds:NAME[/config][:split]` (all its splits) as ArrayRecord files.

    Args:
      name: The set.
      folder: The folder of prepared sets; '' for the default of TFDS.

    Returns:
      A message for the user.

    Raises:
      GaxError: The name is no set of TFDS, or the preparation fails. After a failure TFDS leaves nothing that
        it would take for a complete set.
    """
    kind, _, text = name.partition(':')
    if kind != 'tfds' or not text:
        raise errors.GaxError(f'--data {name!r}: only sets of TFDS are prepared, e.g. --data=tfds:cifar10')
    plain = tfds.parts(text)[0]
    builder = tfds.find(plain, folder)
    tfds.features(plain, builder.info.features)  # that it is a set of images at all
    root = tfds.where(folder)
    hide_accelerators()
    with errors.plain_os_errors(root):
        try:
            builder.download_and_prepare(file_format=FORMAT)
        except ModuleNotFoundError as error:
            raise errors.GaxError(
                f'preparing tfds:{plain} needs {error.name or "TensorFlow"}, which is not installed here: '
                "pip install 'gax[tfds]'"
            ) from error
        except Exception as error:
            if errors.find_os_error(error) is not None and is_local(errors.find_os_error(error)):
                raise
            raise errors.GaxError(
                f'tfds:{plain} could not be prepared: {errors.first_line(error)}'
            ) from error
    kind = builder.info.file_format
    if kind is not None and kind.value != FORMAT:
        raise errors.GaxError(
            f'tfds:{plain} is in {Path(str(builder.data_path))} already, but as {kind.value} and not as '
            'ArrayRecord, which is read by index: give another --dir'
        )
    splits = ', '.join(f'{key} {info.num_examples}' for key, info in builder.info.splits.items())
    words = [f'--workdir=runs/{plain.split("/")[0]}', f'--config.data.name=tfds:{text}']
    words += [f'--config.data.dir={root}'] if folder else []
    return (
        f'tfds:{plain} is in {Path(str(builder.data_path))} on {socket.gethostname()} ({splits})\n'
        f'train on it: {errors.command("train")} --config=images {shlex.join(words)}'
    )


def is_local(error: OSError | None) -> bool:
    """Whether an error is the disk's and not the network's, whose errors are OSErrors, too."""
    return (
        error is not None and type(error).__module__ == 'builtins' and not isinstance(error, ConnectionError)
    )


def hide_accelerators() -> None:
    """Keeps TensorFlow, if it is installed, from reserving the memory of GPUs or the TPU."""
    os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    try:
        import tensorflow as tf
    except ImportError:
        return
    for kind in ('GPU', 'TPU'):
        tf.config.set_visible_devices([], kind)
