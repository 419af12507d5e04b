"""Commands in forks of this process, which has imported what they need: each as good as a new process, in no time.

A fork is safe while this process has no thread of its own. What commands start is counted as theirs: this process
adopts what they leave (Linux alone knows how), so nothing that lives on is missed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60  # of processor time that a command may take, so that a busy machine changes nothing
PATIENCE = 10  # times as long by the clock, for one that only waits
MEGABYTES = 2048  # a command may take
LEAVE = 15.0  # seconds for what a command has started to end after it
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
      code: its exit code, or minus the signal that ended it.
      seconds: that it took.
      said: what it wrote to standard error.
      broke: "hang" or "memory" where it was ended for that, else "".
      left: the command lines of processes that lived on after it; they are ended.
    """

    code: int
    seconds: float
    said: str
    broke: str
    left: tuple[str, ...]


def adopt() -> None:
    """From now on this process is the parent of what its children leave behind."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


class Fork:
    """A process that runs a function and ends with what that returns. Its output goes to the file `said`."""

    def __init__(self, work: Callable[[], int], said: Path, seconds: float = SECONDS):
        self._said, self._limit, self._broke = said, seconds, ""
        self.begun = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            _live(work, said)
        with suppress(OSError):
            os.setpgid(self.pid, self.pid)
        self._code: int | None = None

    def is_over(self) -> bool:
        """Whether it has ended; it is ended if it takes too long or too much memory."""
        if self._code is None:
            if time.monotonic() - self.begun > PATIENCE * self._limit or busy(self.pid) > self._limit:
                self.give_up("hang")
            elif megabytes(self.pid) > MEGABYTES:
                self.give_up("memory")
            done, status, usage = os.wait4(self.pid, os.WNOHANG)
            if done:
                self._code = os.waitstatus_to_exitcode(status)
                if usage.ru_maxrss >> 10 > MEGABYTES:
                    self._broke = self._broke or "memory"
        return self._code is not None

    def give_up(self, broke: str) -> None:
        """Ends it for what it broke."""
        self._broke = self._broke or broke
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)

    def send(self, number: int) -> None:
        """A signal to all its group, as a terminal does; none if it has ended."""
        if not self.is_over():
            os.killpg(self.pid, number)

    def sleep(self, seconds: float) -> None:
        """Waits so long, or until it has ended."""
        until = time.monotonic() + seconds
        while not self.is_over() and time.monotonic() < until:
            time.sleep(0.005)

    def wait(self) -> Ended:
        """Waits for its end."""
        while not self.is_over():
            time.sleep(0.005)
        assert self._code is not None
        said = self._said.read_text("utf-8", errors="replace")
        return Ended(self._code, time.monotonic() - self.begun, said, self._broke, ())


def _live(work: Callable[[], int], said: Path) -> None:
    """The life of the forked process."""
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a job in the background inherits "ignored"
        signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    os.dup2(2, 1)
    code = 70
    try:
        code = work()
    except KeyboardInterrupt as error:
        if not any("seqtutor" in Path(frame.filename).parts for frame in traceback.extract_tb(error.__traceback__)):
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # no command had begun: it ends as any other process does
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        os._exit(code)


def start(args: Sequence[object], said: Path, seconds: float = SECONDS, **env: object) -> Fork:
    """Starts a command of seqtutor, with more variables in its environment."""

    def work() -> int:
        from seqtutor.cli.main import run

        os.environ.update({name: str(value) for name, value in env.items()})
        return run([str(arg) for arg in args])

    return Fork(work, said, seconds)


def end(*forks: Fork) -> list[Ended]:
    """Waits for forks to end, and then for all that they have started. There must be no others meanwhile."""
    ends = [fork.wait() for fork in forks]
    left = _left()
    return [Ended(each.code, each.seconds, each.said, each.broke, left) for each in ends]


def children(pid: int) -> Mapping[int, str]:
    """The processes below one, by their numbers: their command lines."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(path.name))
    found: dict[int, str] = {}
    todo = [pid]
    while todo:
        for child in parents.get(todo.pop(), ()):
            with suppress(OSError):
                found[child] = (
                    Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                )
            todo.append(child)
    return found


def busy(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    try:
        times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return 0.0
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int) -> int:
    """That a process has in memory."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") >> 20
    except (OSError, IndexError):
        return 0


def _left() -> tuple[str, ...]:
    """What is still there of this process's children after LEAVE seconds; it is ended."""
    until, left = time.monotonic() + LEAVE, dict[int, str]()
    while _reap():
        if time.monotonic() > until:
            left = left or dict(children(os.getpid()))
            for pid in left:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    return tuple(left.values())


def _reap() -> bool:
    """Whether this process has children; those that have ended are buried."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True
