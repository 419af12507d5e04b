"""Molecules examined in worker processes, one a core, with a cache and a time limit a molecule.

A worker is a fresh Python (never a fork: TensorFlow's threads would not survive one) that reads chunks of
SMILES from its standard input and writes one line a molecule, so that the parent knows which molecule it
was at when it dies. The kernel enforces the limit: before each molecule the worker arms timers whose
signals end it, even inside C++ code. The limit counts processor time, so a busy machine changes no result;
ten times as long by the clock stops a molecule that only waits.

A worker ends when its input does, so none outlives its parent, however that ends. POSIX only.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

from seqtutor.domains.molecules.properties import Molecule
from seqtutor.domains.molecules.recent import Recent
from seqtutor.system import ray_cluster
from seqtutor.system.tensorflow_setup import cores

if TYPE_CHECKING:
    from seqtutor.domains.molecules.tasks import Tasks

TIMED_OUT, DIED = "timed out", "ended its worker process"
EXAMINER = "seqtutor.domains.molecules.properties"  # the module whose `examine` the workers call
What = tuple[bool, tuple[str, ...]]  # whether properties are wanted, and which components beside them
CHUNK = 64  # molecules sent at once, at the most: about 0.2 s of work
_BOOT = f"import sys; sys.path[:] = sys.argv[3:]; from {__name__} import serve; serve(sys.argv[1], float(sys.argv[2]))"


def serve(module: str, limit: float) -> None:
    """A worker's life: reads lines [properties, [extra, ...], [smiles, ...]], writes a line for each molecule.

    Args:
      module: where the function `examine(smiles, properties, extra) -> Molecule` is found.
      limit: seconds of processor time a molecule may take.
    """
    for number in (signal.SIGPROF, signal.SIGALRM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)  # ends the process, whatever the parent had set
    examine = importlib.import_module(module).examine
    examine("C", True)  # loads RDKit's tables, so that the first molecule's time is its own
    print("ready", flush=True)
    while line := sys.stdin.readline():
        properties, extra, chunk = json.loads(line)
        for smiles in chunk:
            signal.setitimer(signal.ITIMER_PROF, limit)
            signal.setitimer(signal.ITIMER_REAL, 10 * limit)
            try:
                molecule = examine(smiles, properties, extra)
            except MemoryError:
                os._exit(1)  # the parent tries the molecule once more, in a new process
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(json.dumps(molecule), flush=True)


class _Worker(threading.Thread):
    """A thread of the parent that feeds one worker process from a queue, and replaces it when it dies.

    Jobs are (what, chunk, future), `what` being the arguments (properties, extra) of `examine`; None ends the thread.
    """

    def __init__(self, jobs: SimpleQueue, module: str, limit: float):
        super().__init__(daemon=True)
        self._jobs, self._module, self._limit = jobs, module, limit
        self._process: subprocess.Popen | None = None
        self._stopping = False
        self.start()

    def run(self) -> None:
        """Does jobs until told to stop."""
        while (job := self._jobs.get()) is not None:
            what, chunk, future = job
            if self._stopping:
                future.cancel()
            elif future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._examine(what, chunk))
                except BaseException as error:  # raised again where the result is asked for
                    future.set_exception(error)
        if self._process is not None:
            self._bury()

    def stop(self) -> None:
        """Ends the process at once. A job under way fails with CancelledError, later ones are cancelled."""
        self._stopping = True
        if (process := self._process) is not None:
            process.kill()

    def _examine(self, what: What, chunk: Sequence[str]) -> list[Molecule]:
        """The chunk's molecules, in order.

        One that ends its worker is tried once more, unless its time was up: so a worker killed from outside
        costs an innocent molecule nothing.
        """
        done: list[Molecule] = []
        suspect = -1
        while True:
            self._attempt(what, chunk, done)
            if len(done) == len(chunk):
                return done
            code = self._bury()
            if self._stopping:
                raise CancelledError
            if code in (-signal.SIGPROF, -signal.SIGALRM):
                done.append(Molecule(False, reason=TIMED_OUT))
            elif suspect == len(done):
                done.append(Molecule(False, reason=DIED))
            else:
                suspect = len(done)

    def _attempt(self, what: What, chunk: Sequence[str], done: list[Molecule]) -> None:
        """Sends what is not yet done and collects molecules into `done` until all are there or the process dies."""
        process = self._process or self._start()
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps([*what, chunk[len(done) :]]) + "\n")
            process.stdin.flush()
        while len(done) < len(chunk) and (line := process.stdout.readline()).endswith("\n"):
            valid, canonical, values, reason, extra = json.loads(line)
            done.append(Molecule(valid, canonical, tuple(values), reason, tuple(map(tuple, extra))))

    def _start(self) -> subprocess.Popen:
        """A new process, ready to work. Raises RuntimeError if it does not come up."""
        self._process = process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, self._module, str(self._limit), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="ascii",
            start_new_session=True,  # Ctrl-C reaches the parent alone, which decides
        )
        if self._stopping:  # `stop` may have looked before there was a process
            process.kill()
        if process.stdout.readline() != "ready\n":
            code = self._bury()
            raise CancelledError if self._stopping else RuntimeError(f"molecule worker did not start: exit code {code}")
        return process

    def _bury(self) -> int:
        """Closes the pipes to the process, waits for its end and returns its exit code."""
        process, self._process = self._process, None
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        return process.wait()


class Processes:
    """Worker processes of this machine, each with its thread, that take jobs from one queue."""

    def __init__(self, size: int, module: str, limit: float):
        """Args: size, how many; module and limit as in `serve`."""
        self.size, self._jobs = size, SimpleQueue()
        self._workers = [_Worker(self._jobs, module, limit) for _ in range(size)]

    def submit(self, what: What, chunk: Sequence[str]) -> Future:
        """The chunk's molecules, in order, when they are done."""
        future: Future = Future()
        self._jobs.put((what, chunk, future))
        return future

    def stop(self) -> None:
        """Ends the processes at once; what is not done is cancelled."""
        for worker in self._workers:
            worker.stop()
            self._jobs.put(None)
        for worker in self._workers:
            if worker is not threading.current_thread():  # a dropped pool may be collected in any thread
                worker.join()


def _has(molecule: Molecule, extra: tuple[str, ...]) -> bool:
    """Whether nothing of `extra` is missing; an invalid molecule has no components."""
    return not molecule.valid or set(extra) <= {name for name, _ in molecule.extra}


class Pending:
    """Molecules under way, as `Pool.submit` returns them."""

    def __init__(self, smiles: list[str], found: dict[str, Molecule], jobs: list[tuple], finish: Callable):
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
        self._cache, self._lock = Recent(cache), threading.Lock()
        self._crew: Processes | Tasks | None = None  # None: no workers
        self._end: Callable = lambda: None
        self.failures: defaultdict[str, list[str]] = defaultdict(list)

    def submit(self, smiles: Iterable[str], extra: tuple[str, ...] = ()) -> Pending:
        """Starts work on the molecules that are not in the cache with all of `extra`, and returns at once."""
        smiles = list(smiles)
        with self._lock:
            found = {text: self._cache.get(text) for text in smiles}
            missing = [text for text, molecule in found.items() if molecule is None or not _has(molecule, extra)]
            return Pending(smiles, found, self._send(missing, (True, extra)), self._remember)

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

    def _send(self, smiles: list[str], what: What) -> list[tuple[list[str], Future]]:
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
            from seqtutor.domains.molecules.tasks import Tasks

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
