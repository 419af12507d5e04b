"""The figures of a run for TensorBoard: scalars of every row of history.csv, and histograms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf


class Board:
    """Writes event files into a run's `tensorboard` folder: `tensorboard --logdir runs` shows them."""

    def __init__(self, folder: Path):
        self._writer = tf.summary.create_file_writer(str(folder))

    def add(self, row: Mapping[str, Any], histograms: Mapping[str, np.ndarray] | None = None) -> None:
        """Adds the numbers of a row at its `step`, and the distributions of arrays."""
        with self._writer.as_default(step=int(row["step"])):
            for name, value in row.items():
                if name != "step":
                    tf.summary.scalar(name, value)
            for name, values in (histograms or {}).items():
                tf.summary.histogram(name, values)
        self._writer.flush()
