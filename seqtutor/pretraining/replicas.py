"""Training on several devices at once: the GPUs that TensorFlow sees, and those of other machines by TF_CONFIG.

A replica is a device with a share of each batch. The weights are held once a process, not by tf.distribute: each
replica reads them and makes its part of a sum, the parts are added over all replicas, and every process makes the same
update from the same sums. With one device this is what it would be without replicas, to the bit.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import tensorflow as tf

from seqtutor.errors import UserError
from seqtutor.system import interrupt

_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


class Replicas:
    """The devices that share the work, as a context. In every process the same calls must be made in the same order.

    Attributes:
      chief: whether this process is the one that writes the run.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None, chief: bool = True):
        """Args: strategy: whose devices they are; by default the one that TensorFlow takes of itself."""
        self._strategy, self.chief = strategy or tf.distribute.get_strategy(), chief
        self._gather = tf.function(self._gather_graph, autograph=False, input_signature=[tf.TensorSpec([], tf.int64)])

    def __enter__(self) -> Replicas:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raises ConnectionError where TensorFlow has found another process gone."""
        if isinstance(error, tf.errors.UnavailableError):
            raise ConnectionError("a worker no longer answers; start all of them again, with --resume") from error

    def sum(self, function: Callable[..., Any], *rows: tf.Tensor) -> Any:
        """The sum over all replicas of what `function` makes of the share each has of the rows; for a tf.function.

        Args: rows: tensors [B, ...]; replica i of n has the rows i, i + n, ..., of a short batch maybe none.
        Returns: a structure of tensors, as `function` returns it.
        """

        def part() -> Any:
            replica = tf.distribute.get_replica_context()
            first, every = replica.replica_id_in_sync_group, replica.num_replicas_in_sync
            return replica.all_reduce(tf.distribute.ReduceOp.SUM, function(*(all_[first::every] for all_ in rows)))

        summed = self._strategy.run(part)
        return tf.nest.map_structure(lambda x: self._strategy.experimental_local_results(x)[0], summed)

    def gather(self, value: int) -> np.ndarray:
        """What the process of each replica has given, int64 [n]; waits for all of them."""
        several = isinstance(self._strategy, tf.distribute.MultiWorkerMirroredStrategy)
        return self._gather(value).numpy() if several else np.array([value])

    def _gather_graph(self, value: tf.Tensor) -> tf.Tensor:
        count = self._strategy.num_replicas_in_sync
        return self.sum(lambda own: tf.reduce_sum(own, axis=0) * value, tf.eye(count, dtype=tf.int64))


def every_device(quiet: bool = False) -> Replicas:
    """The GPUs of all workers in TF_CONFIG where it is set, else of this machine; a worker without one gives its CPU.

    Waits until all the workers have started. To be called before TensorFlow computes anything.
    Raises UserError as `is_chief` does, or if this worker's port is taken.
    """
    cluster, kind, index = _cluster()
    if cluster:
        if not quiet:
            print(f"waiting for {', '.join(chain(*cluster.values()))}", file=sys.stderr)
        return Replicas(_joined(cluster[kind][index]), is_chief())
    several = len(tf.config.list_physical_devices("GPU")) > 1
    return Replicas(tf.distribute.MirroredStrategy() if several else None)


def _joined(address: str) -> tf.distribute.Strategy:
    """The strategy of the workers in TF_CONFIG, of which this is the one at the address."""
    try:
        with interrupt.ending_at_once():  # it waits in C++
            return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.UnknownError:
        raise UserError(f"cannot serve at {address}, which TF_CONFIG gives this worker; is the port taken?") from None


def is_chief() -> bool:
    """Whether this process writes the run: it is the worker 0 of TF_CONFIG, or the chief, or there is no other.

    Raises UserError if TF_CONFIG is not as it should be.
    """
    cluster, *task = _cluster()
    return not cluster or task == ["chief" if "chief" in cluster else "worker", 0]


def _cluster() -> tuple[dict[str, list[str]], str, int]:
    """The addresses in TF_CONFIG by the kind of their task, and the kind and number of this one; {} if none are set."""
    text = os.environ.get("TF_CONFIG", "")
    try:
        tree = json.loads(text or "{}")
        cluster = tree.get("cluster", {})
        if not cluster:
            return {}, "worker", 0
        kind, index = tree["task"]["type"], int(tree["task"]["index"])
        if set(cluster) <= {"chief", "worker"} and 0 <= index < len(cluster[kind]):
            return cluster, kind, index
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise UserError(f"TF_CONFIG is {text[:200]!r}; write it as {_EXAMPLE}, with its own index for each worker")
