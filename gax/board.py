"""TensorBoard event files, written as they are measured: nothing is lost in a queue when the process is killed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Board:
    """One event file in `folder`. What earlier files hold at `purge` and later is dropped by TensorBoard."""

    def __init__(self, folder: Path, purge: int | None = None) -> None:
        from tensorboardX.proto import event_pb2, summary_pb2
        from tensorboardX.record_writer import RecordWriter

        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        self._session = event_pb2.SessionLog
        # The process number keeps two starts within a second apart.
        self._records = RecordWriter(
            str(folder / f'events.out.tfevents.{int(time.time()):010d}.gax.{os.getpid()}')
        )
        self._write(self._event(wall_time=time.time(), file_version='brain.Event:2'))
        if purge is not None:
            start = self._session(status=self._session.START)
            self._write(self._event(wall_time=time.time(), step=purge, session_log=start))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        summary = self._summary(
            value=[self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        )
        self._write(self._event(wall_time=time.time(), step=step, summary=summary))

    def _write(self, event: Any) -> None:
        self._records.write(event.SerializeToString())
        self._records.flush()

    def close(self) -> None:
        self._records.close()
