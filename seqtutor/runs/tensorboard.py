"""The figures of a run for TensorBoard: scalars of every row of history.csv, and histograms."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from seqtutor.system.files import writing


class TensorBoard:
    """Writes event files into a run's `tensorboard` folder: `tensorboard --logdir runs` shows them."""

    def __init__(self, folder: Path, keep_until: int = -1):
        """Goes on from the step of the checkpoint a run resumes from.

        A session that starts at a step tells TensorBoard to leave out what earlier ones wrote for it and beyond. The
        writer is TensorBoard's own, for TensorFlow's has no way to say so. Raises UserError if it cannot write.
        """
        self._folder = folder
        with self._writing():
            self._writer = EventFileWriter(str(folder))
            self._write(keep_until + 1, session_log=SessionLog(status=SessionLog.START))

    def add(self, row: Mapping[str, Any], histograms: Mapping[str, np.ndarray] | None = None) -> None:
        """Adds the numbers of a row at its `step`, and the distributions of arrays. Raises UserError as above."""
        with self._writing():
            for name, value in row.items():
                if name != "step":
                    self._write(row["step"], summary=scalar_pb(name, value))
            for name, values in (histograms or {}).items():
                self._write(row["step"], summary=histogram_pb(name, values))
            self._writer.flush()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Within it, what TensorFlow's file system refuses is an error of the operating system, as it is elsewhere."""
        from tensorflow.errors import OpError

        with writing(self._folder):
            try:
                yield
            except OpError as error:
                raise OSError(error.error_code, error.message.rpartition("; ")[2]) from error

    def _write(self, step: int, **what: Any) -> None:
        self._writer.add_event(Event(wall_time=time.time(), step=step, **what))
