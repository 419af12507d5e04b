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
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from queue import SimpleQueue

from seqtutor.domains.molecules.properties import Molecule

CHUNK = 64  # molecules sent at once, at the most: about 0.2 s of work
_BOOT = f"import sys; sys.path[:] = sys.argv[3:]; from {__name__} import serve; serve(sys.argv[1], float(sys.argv[2]))"


def cores() -> int:
    """The processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def serve(module: str, limit: float) -> None:
    """A worker's life: reads lines [properties, [smiles, ...]], writes a line for each molecule.

    Args:
      module: where the function `examine(smiles, properties) -> Molecule` is found.
      limit: seconds of processor time a molecule may take.
    """
    for number in (signal.SIGPROF, signal.SIGALRM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)  # ends the process, whatever the parent had set
    examine = importlib.import_module(module).examine
    examine("C", True)  # loads RDKit's tables, so that the first molecule's time is its own
    print("ready", flush=True)
    while line := sys.stdin.readline():
        properties, chunk = json.loads(line)
        for smiles in chunk:
            signal.setitimer(signal.ITIMER_PROF, limit)
            signal.setitimer(signal.ITIMER_REAL, 10 * limit)
            molecule = examine(smiles, properties)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(json.dumps(molecule), flush=True)


class _Worker(threading.Thread):
    """A thread of the parent that feeds one worker process from the queue, and replaces it when it dies."""

    def __init__(self, jobs: SimpleQueue, module: str, limit: float):
        super().__init__(daemon=True)
        self._jobs, self._module, self._limit = jobs, module, limit
        self._process: subprocess.Popen | None = None
        self._stopping = False

    def run(self) -> None:
        """Does jobs (properties, chunk, future) until told to stop."""
        while (job := self._jobs.get()) is not None:
            properties, chunk, future = job
            if self._stopping or not future.set_running_or_notify_cancel():
                future.cancel()
                continue
            try:
                future.set_result(self._examine(properties, chunk))
            except BaseException as error:  # the waiting caller's to handle
                future.set_exception(error)

    def stop(self) -> None:
        """Ends the process at once; a job under way fails with CancelledError."""
        self._stopping = True
        if self._process is not None:
            self._process.kill()

    def _examine(self, properties: bool, chunk: Sequence[str]) -> list[Molecule]:
        """The chunk's molecules, in order. One that ends its worker is tried again, unless the time was up:

        a worker killed from outside costs an innocent molecule nothing.
        """
        done: list[Molecule] = []
        suspect = -1
        while len(done) < len(chunk):
            self._attempt(properties, chunk, done)
            if len(done) == len(chunk):
                break
            code = self._bury()
            if code in (-signal.SIGPROF, -signal.SIGALRM):
                done.append(Molecule(False, reason="timed out"))
            elif suspect == len(done):
                done.append(Molecule(False, reason="ended its worker process"))
            else:
                suspect = len(done)
        return done

    def _attempt(self, properties: bool, chunk: Sequence[str], done: list[Molecule]) -> None:
        """Sends what is not yet done to the worker and collects molecules until all are there or it dies."""
        process = self._process or self._start()
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps([properties, chunk[len(done) :]]) + "\n")
            process.stdin.flush()
        while len(done) < len(chunk) and (line := process.stdout.readline()).endswith("\n"):
            valid, canonical, values, reason = json.loads(line)
            done.append(Molecule(valid, canonical, tuple(values), reason))

    def _start(self) -> subprocess.Popen:
        """A new process, ready to work. Raises RuntimeError if it does not come up."""
        self._process = process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, self._module, str(self._limit), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="ascii",
            start_new_session=True,  # Ctrl-C reaches the parent alone, which decides
        )
        if self._stopping:
            process.kill()
        if process.stdout.readline() != "ready\n":
            code = self._bury()
            raise RuntimeError(f"a worker process for molecules did not start (exit code {code})")
        return process

    def _bury(self) -> int:
        """Exit code of the dead process. Raises CancelledError if it was stopped."""
        process, self._process = self._process, None
        process.stdout.close()
        with suppress(BrokenPipeError):
            process.stdin.close()
        code = process.wait()
        if self._stopping:
            raise CancelledError
        return code


def _stop(workers: list[_Worker], jobs: SimpleQueue) -> None:
    """Ends threads and processes; what waits in the queue is cancelled."""
    for worker in workers:
        worker.stop()
        jobs.put(None)
    for worker in workers:
        worker.join()
        if worker._process is not None:
            worker._bury_quietly()


class Pending:
    """Molecules under way, as `Pool.submit` returns them."""

    def __init__(self, pool: Pool, smiles: list[str], found: dict[str, Molecule], jobs: list[tuple[list[str], Future]]):
        self._pool, self._smiles, self._found, self._jobs = pool, smiles, found, jobs

    def done(self) -> bool:
        """Whether `result` would return at once."""
        return all(future.done() for _, future in self._jobs)

    def result(self) -> list[Molecule]:
        """Waits for all; the molecules in the order of the SMILES. Raises CancelledError if the pool was closed."""
        for chunk, future in self._jobs:
            self._found.update(zip(chunk, future.result(), strict=True))
        return [self._found[smiles] for smiles in self._smiles]
