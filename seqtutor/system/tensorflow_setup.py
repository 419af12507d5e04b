"""TensorFlow, set up once for a command: quiet, deterministic, on every core this process may use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


def cores() -> int:
    """The processor cores this process may use: those it is bound to, or fewer where OMP_NUM_THREADS says so.

    Ray sets that variable in a task's process to the cores it counts for the task.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(bound, int(asked))) if asked.isdecimal() else bound


def setup() -> None:
    """Sets up TensorFlow; call it before anything else does. Where it runs already, its threads stay as they are."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what matters is raised as an exception
    with _silent():
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    tf.get_logger().setLevel("ERROR")  # nor advice on speed, as when many runs are loaded, each with its own graphs
    with contextlib.suppress(RuntimeError):  # can no longer be set
        tf.config.threading.set_intra_op_parallelism_threads(max(1, cores() // 2))  # networks run as two halves
        tf.config.threading.set_inter_op_parallelism_threads(min(2, cores()))
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Nothing reaches standard error, not even what C++ writes; Python's exceptions still get out.

    TensorFlow's own log level does not silence its look for a GPU's driver where there is none.
    """
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
