"""Worker processes, one a core, that do one item after the other, with a time limit an item.

A worker is a fresh Python (see `child_processes`). It is never a fork: TensorFlow's threads would not survive one. It
reads chunks of items from its standard input and writes one line an item, so the parent knows which item it was at when
it dies. The kernel enforces the limit: before each item the worker arms timers whose signals end it, even inside C++
code. The limit counts processor time, so a busy machine changes no result. Ten times as long by the clock stops an item
that only waits.

A worker ends when its input does, so it never outlives its parent, however that ends. One that dies or is stopped is
replaced. POSIX only.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from typing import IO, Any, Generic, TypeVar

from seqtutor.errors import UserError
from seqtutor.system.child_processes import python

TIMED_OUT, DIED = "timed out", "ended its worker process"
STARTS = 3  # processes that may end one after the other before they are ready
START_SECONDS = 300.0  # for a worker to be ready: loading RDKit takes one second, on a busy machine many
GRACE_SECONDS = 10.0  # after the timers of a worker should have ended it
_BOOT = f"from {__name__} import serve; serve(*sys.argv[1:])"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Task(Generic[Result]):  # a NamedTuple cannot be generic in Python 3.10
    """What workers do.

    Attributes:
      function: "module:name" of a function (item, *how), both JSON, that returns JSON.
      limit: seconds of processor time for an item.
      result: makes of what the function returned what the caller gets.
      lost: the result of an item that timed out or ended its process, of the item and the reason.
      first: arguments of a call before the first item, so that the time of loading counts for no item.
    """

    function: str
    limit: float
    result: Callable[[Any], Result]
    lost: Callable[[Any, str], Result]
    first: Sequence[Any] = ()


def serve(function: str, limit: str, first: str) -> None:
    """A worker's life: reads lines [how, [item, ...]], writes a line for each item. Arguments as of `Task`, as text."""
    for number in (signal.SIGPROF, signal.SIGALRM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)  # ends the process, whatever the parent had set
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # anything else that is printed is not an answer
    module, name = function.split(":")
    work, seconds = getattr(importlib.import_module(module), name), float(limit)
    if arguments := json.loads(first):
        work(*arguments)
    print("ready", file=answers, flush=True)
    while line := sys.stdin.readline():
        how, items = json.loads(line)
        for item in items:
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.setitimer(signal.ITIMER_REAL, 10 * seconds)
            try:
                answer = json.dumps(work(item, *how))
            except MemoryError:
                os._exit(1)  # the parent tries the item once more, in a new process
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(answer, file=answers, flush=True)


_Job = tuple[Sequence[Any], Sequence[Any], "Future[list[Result]]"]


class _Worker(threading.Thread, Generic[Result]):
    """A thread of the parent that feeds one worker process from a queue, and replaces it when it dies.

    Jobs are (how, items, future); None ends the thread.
    """

    def __init__(self, jobs: SimpleQueue[_Job[Result] | None], task: Task[Result]):
        super().__init__(daemon=True)
        self._jobs, self._task = jobs, task
        self._process: subprocess.Popen[str] | None = None
        self._said: IO[bytes] | None = None  # the process's standard error
        self._deadline = float("inf")
        self._stopping = False
        self.start()

    def run(self) -> None:
        """Does jobs until told to stop."""
        while (job := self._jobs.get()) is not None:
            how, items, future = job
            if self._stopping:
                future.cancel()
            elif future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._do(how, items))
                except BaseException as error:  # raised again where the result is asked for
                    future.set_exception(error)
        if self._process is not None:
            self._bury()

    def stop(self) -> None:
        """Ends the process at once. A job under way fails with CancelledError, later ones are cancelled."""
        self._stopping = True
        if (process := self._process) is not None:
            process.kill()

    def check(self) -> None:
        """Ends the process if someone has stopped it (SIGSTOP), or if it is long over its time."""
        process = self._process
        if process is not None and (time.monotonic() > self._deadline or _is_stopped(process.pid)):
            process.kill()

    def _do(self, how: Sequence[Any], items: Sequence[Any]) -> list[Result]:
        """The items' results, in order.

        One that ends its worker is tried once more, unless its time was up: so a worker killed from outside
        costs an innocent item nothing.
        """
        done: list[Result] = []
        suspect = -1
        while True:
            self._attempt(how, items, done)
            if len(done) == len(items):
                return done
            code, _ = self._bury()
            if self._stopping:
                raise CancelledError
            if code in (-signal.SIGPROF, -signal.SIGALRM):
                done.append(self._task.lost(items[len(done)], TIMED_OUT))
            elif suspect == len(done):
                done.append(self._task.lost(items[len(done)], DIED))
            else:
                suspect = len(done)

    def _attempt(self, how: Sequence[Any], items: Sequence[Any], done: list[Result]) -> None:
        """Sends what is not yet done and collects results into `done` until all are there or the process dies."""
        process = self._process or self._start()
        assert process.stdin is not None  # it is a pipe
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps([how, items[len(done) :]]) + "\n")
            process.stdin.flush()
        patience = 10 * self._task.limit + GRACE_SECONDS
        while len(done) < len(items) and (line := self._line(process, patience)).endswith("\n"):
            done.append(self._task.result(json.loads(line)))

    def _start(self) -> subprocess.Popen[str]:
        """A new process, ready to work. Raises UserError if STARTS of them do not come up."""
        for _ in range(STARTS):
            process = self._spawn()
            if self._stopping:  # `stop` may have looked before there was a process
                process.kill()
            if self._line(process, START_SECONDS) == "ready\n":
                return process
            code, said = self._bury()
            if self._stopping:
                raise CancelledError
        raise UserError(
            f"a worker process did not start: {STARTS} times it ended with exit code {code}{said and f' ({said})'}; "
            "is memory short, or does something end processes here?"
        )

    def _spawn(self) -> subprocess.Popen[str]:
        task = self._task
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed in _bury)
        self._process = subprocess.Popen(
            python(_BOOT, task.function, str(task.limit), json.dumps(task.first)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            encoding="ascii",
            start_new_session=True,  # Ctrl-C reaches the parent alone, which decides
        )
        return self._process

    def _line(self, process: subprocess.Popen[str], patience: float) -> str:
        """The next line of the process; an unfinished one, or none, if it ended."""
        assert process.stdout is not None
        self._deadline = time.monotonic() + patience
        line = process.stdout.readline()
        self._deadline = float("inf")
        return line

    def _bury(self) -> tuple[int, str]:
        """Closes the pipes to the process and waits for its end: its exit code, and its last line on standard error."""
        process, self._process = self._process, None
        assert process is not None and process.stdin is not None and process.stdout is not None
        assert self._said is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        code = process.wait()
        with self._said as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 1000))
            lines = file.read().decode(errors="replace").split("\n")
        return code, next((line.strip() for line in reversed(lines) if line.strip()), "")


class Workers(Generic[Result]):
    """Worker processes of this machine, each with its thread, that take jobs from one queue. A context stops them."""

    def __init__(self, size: int, task: Task[Result]):
        """Args: size, how many. A process is started when its first job comes."""
        self.size = size
        self._jobs: SimpleQueue[_Job[Result] | None] = SimpleQueue()
        self._workers = [_Worker(self._jobs, task) for _ in range(size)]
        self._stopped = threading.Event()
        threading.Thread(target=_watch, args=(self._workers, self._stopped), daemon=True).start()

    def submit(self, how: Sequence[Any], items: Sequence[Any]) -> Future[list[Result]]:
        """The items' results, in order, when they are done."""
        future: Future[list[Result]] = Future()
        self._jobs.put((how, items, future))
        return future

    def map(self, how: Sequence[Any], items: Iterable[Any], chunk: int) -> Iterator[Result]:
        """The results of many items, in order, with at most three chunks of them a worker in memory."""
        waiting: deque[Future[list[Result]]] = deque()
        items = iter(items)
        while part := list(islice(items, chunk)):
            waiting.append(self.submit(how, part))
            if len(waiting) >= 3 * self.size:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()

    def stop(self) -> None:
        """Ends the processes at once; what is not done is cancelled."""
        self._stopped.set()
        for worker in self._workers:
            worker.stop()
            self._jobs.put(None)
        for worker in self._workers:
            if worker is not threading.current_thread():  # a dropped pool may be collected in any thread
                worker.join()

    def __enter__(self) -> Workers[Result]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def _watch(workers: Sequence[_Worker[Any]], stopped: threading.Event) -> None:
    while not stopped.wait(1.0):
        for worker in workers:
            worker.check()


def _is_stopped(pid: int) -> bool:
    """Whether a child of this process was stopped by a signal; never on systems without `waitid`."""
    if not hasattr(os, "waitid"):
        return False
    with suppress(ChildProcessError):
        return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    return False
