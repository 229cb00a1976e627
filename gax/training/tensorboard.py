"""TensorBoard event files, written as they are measured: nothing is lost in a queue when the process is
killed.

tensorboardX's SummaryWriter hands events to a thread by a queue, which its `flush` does not empty: what was
written last is lost with the process, and a full disk ends the thread with a traceback. So its writer of
events is used below that.
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
    """One event file in `folder`. What earlier files hold at `purge` and later is dropped by TensorBoard.

    Without tensorboardX (the extra `tensorboard`) nothing is written, which is said once.
    """

    def __init__(self, folder: Path, purge: int | None = None) -> None:
        self._events: Any = None
        if not installed():
            return
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        # Two starts within a second, or of two processes, are two files.
        suffix = f'.{os.getpid()}.{time.time_ns() % 10**9:09d}'
        self._event = Event
        self._events = EventsWriter(str(folder / 'events'), suffix)
        if purge is not None:
            self._write(step=purge, session_log=SessionLog(status=SessionLog.START))
        self._events.flush()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of a step, by name."""
        if self._events:
            from tensorboardX import summary

            whole = summary.Summary()
            for name, value in values.items():
                whole.MergeFrom(summary.scalar(name, value))
            self._write(step=step, summary=whole)

    def image(self, step: int, name: str, picture: Image.Image) -> None:
        """A picture of a step."""
        if self._events:
            from tensorboardX import summary

            pixels = np.asarray(picture if picture.mode in ('L', 'RGB', 'RGBA') else picture.convert('RGB'))
            layout = 'HW' if pixels.ndim == 2 else 'HWC'
            self._write(step=step, summary=summary.image(name, pixels, dataformats=layout))

    def config(self, fields: Mapping[str, Any], metrics: Iterable[str]) -> None:
        """The config as text, and as hyperparameters, by which TensorBoard compares runs in `metrics`."""
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
        if self._events:
            self._events.close()


def plain(value: Any) -> bool | int | float | str:
    """A field of a config as event files have it: a number, or text that is UTF-8 (names of files are
    bytes).
    """
    if isinstance(value, (bool, int, float)):
        return value
    return str(value).encode(errors='backslashreplace').decode()


@functools.cache
def installed() -> bool:
    """Whether tensorboardX is there. Where it is not, that is said, once."""
    try:
        import tensorboardX  # noqa: F401
    except ImportError:
        log.info("no TensorBoard event files are written: that takes pip install 'gax[tensorboard]'")
        return False
    return True
