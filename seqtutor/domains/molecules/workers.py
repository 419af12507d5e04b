"""Worker processes that examine molecules, one a core, with a time limit a molecule.

A worker is a fresh Python. It is never a fork: TensorFlow's threads would not survive one. It reads chunks of SMILES
from its standard input and writes one line a molecule, so the parent knows which molecule it was at when it dies. The
kernel enforces the limit: before each molecule the worker arms timers whose signals end it, even inside C++ code. The
limit counts processor time, so a busy machine changes no result. Ten times as long by the clock stops a molecule that
only waits.

A worker ends when its input does, so it never outlives its parent, however that ends. POSIX only.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from queue import SimpleQueue

from seqtutor.domains.molecules.properties import Molecule

TIMED_OUT, DIED = "timed out", "ended its worker process"
What = tuple[bool, tuple[str, ...]]  # whether properties are wanted, and which components beside them
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


_Job = tuple[What, Sequence[str], Future[list[Molecule]]]


class _Worker(threading.Thread):
    """A thread of the parent that feeds one worker process from a queue, and replaces it when it dies.

    Jobs are (what, chunk, future), `what` being the arguments (properties, extra) of `examine`; None ends the thread.
    """

    def __init__(self, jobs: SimpleQueue[_Job | None], module: str, limit: float):
        super().__init__(daemon=True)
        self._jobs, self._module, self._limit = jobs, module, limit
        self._process: subprocess.Popen[str] | None = None
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
        assert process.stdin is not None and process.stdout is not None  # they are pipes
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps([*what, chunk[len(done) :]]) + "\n")
            process.stdin.flush()
        while len(done) < len(chunk) and (line := process.stdout.readline()).endswith("\n"):
            valid, canonical, values, reason, extra = json.loads(line)
            done.append(Molecule(valid, canonical, tuple(values), reason, tuple(map(tuple, extra))))

    def _start(self) -> subprocess.Popen[str]:
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
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            code = self._bury()
            raise CancelledError if self._stopping else RuntimeError(f"molecule worker did not start: exit code {code}")
        return process

    def _bury(self) -> int:
        """Closes the pipes to the process, waits for its end and returns its exit code."""
        process, self._process = self._process, None
        assert process is not None and process.stdin is not None and process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        return process.wait()


class Processes:
    """Worker processes of this machine, each with its thread, that take jobs from one queue."""

    def __init__(self, size: int, module: str, limit: float):
        """Args: size, how many; module and limit as in `serve`."""
        self.size = size
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._workers = [_Worker(self._jobs, module, limit) for _ in range(size)]

    def submit(self, what: What, chunk: Sequence[str]) -> Future[list[Molecule]]:
        """The chunk's molecules, in order, when they are done."""
        future: Future[list[Molecule]] = Future()
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
