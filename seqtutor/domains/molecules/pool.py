"""Molecules examined in worker processes (see `workers`), with a cache of the newest results."""

from __future__ import annotations

import math
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from seqtutor.domains.molecules.molecule_cache import MoleculeCache
from seqtutor.domains.molecules.properties import Molecule
from seqtutor.domains.molecules.workers import DIED, TIMED_OUT, Processes, What
from seqtutor.system import ray_cluster
from seqtutor.system.tensorflow_setup import cores

if TYPE_CHECKING:
    from seqtutor.domains.molecules.ray_workers import Tasks

EXAMINER = "seqtutor.domains.molecules.properties"  # the module whose `examine` the workers call
CHUNK = 64  # molecules sent at once, at the most: about 0.2 s of work


def _has(molecule: Molecule, extra: tuple[str, ...], measured: bool) -> bool:
    """Whether nothing is missing of what is asked; an invalid molecule has no properties and no components."""
    if not molecule.valid or not measured:
        return True
    return not math.isnan(molecule.values[0]) and set(extra) <= {name for name, _ in molecule.extra}


Sent = list[tuple[list[str], Future[list[Molecule]]]]  # chunks of SMILES, and their molecules when these are done


class Pending:
    """Molecules under way, as `Pool.submit` returns them."""

    def __init__(
        self, smiles: list[str], found: dict[str, Molecule], jobs: Sent,
        finish: Callable[[list[str], list[Molecule]], None],
    ):  # fmt: skip
        self._smiles, self._found, self._jobs, self._finish = smiles, found, jobs, finish

    def done(self) -> bool:
        """Whether `result` would return at once."""
        return all(future.done() for _, future in self._jobs)

    def result(self) -> list[Molecule]:
        """Waits for all; the molecules in the order given. Raises CancelledError if the pool was closed meanwhile."""
        for chunk, future in self._jobs:
            self._found.update(zip(chunk, future.result(), strict=True))
            self._finish(chunk, future.result())
        self._jobs = []
        return [self._found[smiles] for smiles in self._smiles]


class Pool:
    """Examines molecules in worker processes, started at first use. `close` ends them; the next use starts them again.

    What is returned for a SMILES depends on it and what is asked alone, so it does not matter who worked on it.

    Attributes:
      failures: the different SMILES that timed out or ended their worker process, by reason.
    """

    def __init__(self, workers: int | None = None, limit: float = 1.0, cache: int = 100_000, module: str = EXAMINER):
        """Args: workers, one a core if None; limit, seconds a molecule; cache, molecules kept; module as in `serve`."""
        self._count, self._limit, self._module = workers, limit, module
        self._cache, self._lock = MoleculeCache(cache), threading.Lock()
        self._crew: Processes | Tasks | None = None  # None: no workers
        self._end: Callable[[], object] = lambda: None
        self.failures: defaultdict[str, list[str]] = defaultdict(list)

    def submit(self, smiles: Iterable[str], extra: tuple[str, ...] = (), measured: bool = True) -> Pending:
        """Starts work on the molecules that are not in the cache with all that is asked, and returns at once.

        Args: extra: components beside the properties; measured: whether properties are wanted, ten times the work.
        """
        smiles = list(smiles)
        with self._lock:
            found = {text: molecule for text in smiles if (molecule := self._cache.get(text)) is not None}
            missing = [
                text for text in dict.fromkeys(smiles) if text not in found or not _has(found[text], extra, measured)
            ]
            return Pending(smiles, found, self._send(missing, (measured, extra)), self._remember)

    def map(self, smiles: Iterable[str], extra: tuple[str, ...] = ()) -> list[Molecule]:
        """The molecules of the SMILES, in order, with the components named in `extra` and maybe others."""
        return self.submit(smiles, extra).result()

    def canonical(self, smiles: Iterable[str]) -> list[Molecule]:
        """As `map`, but without properties (a tenth of the work) and past the cache."""
        with self._lock:
            jobs = self._send(list(smiles), (False, ()))
        return [molecule for _, future in jobs for molecule in future.result()]

    def close(self) -> None:
        """Ends the worker processes; work under way is given up."""
        with self._lock:
            self._end()
            self._crew = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _send(self, smiles: list[str], what: What) -> Sent:
        """Queues chunks, small enough to keep all workers busy; starts the workers if there are none."""
        if not smiles:
            return []
        if self._crew is None:
            self._crew = self._start()
            self._end = weakref.finalize(self, self._crew.stop)  # also at exit, and when the pool is dropped
        size = min(CHUNK, -(-len(smiles) // (4 * self._crew.size)))
        chunks = [smiles[i : i + size] for i in range(0, len(smiles), size)]
        return [(chunk, self._crew.submit(what, chunk)) for chunk in chunks]

    def _start(self) -> Processes | Tasks:
        """The workers: of this machine, unless SEQTUTOR_WORKERS says that they are a Ray cluster's."""
        if self._count is None and ray_cluster.asked_for():
            from seqtutor.domains.molecules.ray_workers import Tasks

            return Tasks(self._module, self._limit)
        return Processes(self._count or cores(), self._module, self._limit)

    def _remember(self, chunk: list[str], molecules: list[Molecule]) -> None:
        """Caches results, by their canonical SMILES too, and notes failures."""
        with self._lock:
            for smiles, molecule in zip(chunk, molecules, strict=True):
                self._cache.put(smiles, molecule)
                if molecule.valid and molecule.canonical != smiles:
                    self._cache.put(molecule.canonical, molecule)
                if molecule.reason in (TIMED_OUT, DIED):
                    self.failures[molecule.reason].append(smiles)
