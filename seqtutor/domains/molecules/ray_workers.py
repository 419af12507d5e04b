"""Molecules examined on a Ray cluster: every chunk is a task of Ray's, on whichever machine has a core free.

In each process of Ray's that gets chunks one worker process as in `pool` does the work, with the same limits and the
same results. Chunks of a machine that dies are done again elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import cache
from typing import Any

from seqtutor.domains.molecules.properties import Molecule
from seqtutor.domains.molecules.workers import Processes, What
from seqtutor.system import ray_cluster


class Tasks:
    """The cores of a cluster, in place of `pool.Processes`."""

    def __init__(self, module: str, limit: float):
        """Raises UserError as `ray_cluster.connect` does."""
        self._ray, self._module, self._limit = ray_cluster.connect(), module, limit
        self.size = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._task = self._ray.remote(num_cpus=1, max_retries=-1)(_examine)
        self._sent: set[Any] = set()

    def submit(self, what: What, chunk: Sequence[str]) -> Future[list[Molecule]]:
        """The chunk's molecules, in order, when they are done."""
        sent = self._task.remote(self._module, self._limit, what, chunk)
        future = sent.future()
        self._sent.add(sent)
        future.add_done_callback(lambda _: self._sent.discard(sent))
        return future

    def stop(self) -> None:
        """Cancels what is not done."""
        if self._ray.is_initialized():
            for sent in list(self._sent):
                self._ray.cancel(sent)


def _examine(module: str, limit: float, what: What, chunk: Sequence[str]) -> list[Molecule]:
    """The task."""
    return _worker(module, limit).submit(what, chunk).result()


@cache
def _worker(module: str, limit: float) -> Processes:
    """The worker process of this process, kept from task to task; it ends with it."""
    return Processes(1, module, limit)
