"""Writes TensorBoard event files. Each event is on disk at once, so none is lost when the process is killed.

tensorboardX's SummaryWriter hands events to a thread through a queue, which its `flush` does not empty: the
last events are lost with the process, and a full disk ends the thread with a traceback. So this module uses
tensorboardX's event writer directly.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

log = logging.getLogger('gax')


class Board:
    """One event file.

    Without tensorboardX (the extra `tensorboard`) nothing is written, and one message says so.
    """

    def __init__(self, folder: Path, purge: int | None = None) -> None:
        """Opens a new event file.

        Args:
          folder: Its folder.
          purge: TensorBoard drops events of earlier files from this step on; None: none.
        """
        self._events: Any = None
        if not installed():
            return
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        # Two starts within one second, or in two processes, write two files.
        suffix = f'.{os.getpid()}.{time.time_ns() % 10**9:09d}'
        self._event = Event
        self._events = EventsWriter(str(folder / 'events'), suffix)
        if purge is not None:
            self._write(step=purge, session_log=SessionLog(status=SessionLog.START))
        self._events.flush()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers of a step, by name."""
        if self._events:
            from tensorboardX import summary

            merged = summary.Summary()
            for name, value in values.items():
                merged.MergeFrom(summary.scalar(name, value))
            self._write(step=step, summary=merged)

    def image(self, step: int, name: str, picture: Image.Image) -> None:
        """Writes a picture of a step."""
        if self._events:
            from tensorboardX import summary

            pixels = np.asarray(picture if picture.mode in ('L', 'RGB', 'RGBA') else picture.convert('RGB'))
            layout = 'HW' if pixels.ndim == 2 else 'HWC'
            self._write(step=step, summary=summary.image(name, pixels, dataformats=layout))

    def config(self, fields: Mapping[str, Any], metrics: Iterable[str]) -> None:
        """Writes the config as text, and as hyperparameters, by which TensorBoard compares runs.

        Args:
          fields: {path: value}.
          metrics: The names of the metrics in which runs are compared.
        """
        if self._events:
            from tensorboardX import summary

            fields = {name: plain(value) for name, value in fields.items() if value is not None}
            lines = [
                '| field | value |',
                '|---|---|',
                *(f'| {name} | {value} |' for name, value in fields.items()),
            ]
            self._write(step=0, summary=summary.text('config', '\n'.join(lines)))
            experiment, start, _ = summary.hparams(fields, dict.fromkeys(metrics, 0.0))
            self._write(step=0, summary=experiment)
            self._write(step=0, summary=start)

    def _write(self, **fields: Any) -> None:
        self._events.write_event(self._event(wall_time=time.time(), **fields))
        self._events.flush()

    def close(self) -> None:
        """Closes the file."""
        if self._events:
            self._events.close()


def plain(value: Any) -> bool | int | float | str:
    """The value of a field for an event file: a number, or valid UTF-8 (file names may be any bytes)."""
    if isinstance(value, (bool, int, float)):
        return value
    return str(value).encode(errors='backslashreplace').decode()


@functools.cache
def installed() -> bool:
    """Whether tensorboardX is installed. If not, one message says so."""
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        log.info("no TensorBoard event files are written: that takes pip install 'gax[tensorboard]'")
        return False
    return True
