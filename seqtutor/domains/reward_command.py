"""A program of the user's as a reward: it reads a sequence a line and answers each with a line that holds a number.

It is started when first needed and kept open, so that what it loads is loaded once. It must write each answer at once
(in Python print(..., flush=True)), and leave when its input ends.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import IO

import numpy as np

from seqtutor.errors import UserError, shown

SECONDS = 600.0  # for an answer, where the user says nothing else
STARTS = 3  # processes that may end without an answer, one after the other
GRACE_SECONDS = 5.0  # to leave, after the input has ended
LONGEST = 10_000  # characters of a line that answers: a program may write without end
AHEAD = 1000  # lines that are read before they are asked for; it waits with more
LAST = 2000  # bytes of standard error that are kept


class CommandFunction:
    """function(tokens, texts) of one process; `close` ends it."""

    def __init__(self, command: str, seconds: float = SECONDS):
        """Args: command, words as in a shell, which is not used; seconds, that an answer may take.

        Raises UserError for a command that is no line of words.
        """
        self._command, self._seconds = command, seconds
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise UserError(f"reward 'command:{command}': {error}") from None
        self._process: subprocess.Popen[str] | None = None
        self._streams: _Streams | None = None

    def __call__(self, tokens: np.ndarray, texts: Sequence[str]) -> list[float]:
        """A number for each text. A process that ends or is silent for too long is started again, and asked again.

        Raises UserError if that helps nothing, or if an answer is no number.
        """
        found: list[float] = []
        failures = 0
        while len(found) < len(texts):
            before = len(found)
            reason = self._ask(texts, found)
            failures = 0 if len(found) > before else failures + 1
            if failures == STARTS:
                raise UserError(f"{self._command}: {reason}, {STARTS} times, for '{texts[len(found)][:80]}'")
        return found

    def _ask(self, texts: Sequence[str], found: list[float]) -> str:
        """Appends answers to `found` until all are there, or says why not; then the process is gone."""
        process = self._process or self._start()
        assert process.stdin is not None and self._streams is not None
        answers = self._streams.answers
        if not answers.empty() and not found:
            raise UserError(f"{self._command} answered with more lines than it was asked; one number a line is wanted")
        writer = threading.Thread(target=_write, args=(process.stdin, texts[len(found) :]), daemon=True)
        writer.start()
        reason = ""
        while len(found) < len(texts) and not reason:
            try:
                line = answers.get(timeout=self._seconds)
            except Empty:
                reason = f"it gave no answer within {self._seconds:g} s (does it flush its output?)"
                continue
            if line is None:
                reason = "it ended"
            else:
                found.append(self._number(line, texts[len(found)]))
        if reason:
            _kill(process)
            reason += self._bury()
        writer.join()
        return reason

    def _number(self, line: str, text: str) -> float:
        try:
            return float(line)
        except ValueError:
            said = shown(line.strip())
            raise UserError(f"{self._command} answered {said} to '{text[:80]}'; a number is wanted") from None

    def _start(self) -> subprocess.Popen[str]:
        try:
            self._process = subprocess.Popen(
                self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                errors="replace", start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError, IndexError) as error:
            raise UserError(f"reward 'command:{self._command}' cannot be started: {error}") from None
        self._streams = _Streams(self._process)
        return self._process

    def _bury(self) -> str:
        """Waits for the process's end; says its exit code and its last line on standard error."""
        process, self._process = self._process, None
        assert process is not None and process.stdin is not None and self._streams is not None
        with suppress(OSError):
            process.stdin.close()
        code = process.wait()
        lines = self._streams.end().decode(errors="replace").strip().splitlines()
        return f" with exit code {code}" + (f" ({lines[-1][:200]})" if lines else "")

    def close(self) -> None:
        """Ends the process: its input ends, and if it does not leave soon it is killed."""
        process, streams = self._process, self._streams
        if process is None or process.stdin is None or streams is None:
            return
        streams.drop()
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _kill(process)
        self._bury()


def _write(file: IO[str], texts: Sequence[str]) -> None:
    with suppress(OSError, ValueError):  # the process has ended, which the reader notes
        for text in texts:
            file.write(f"{text}\n")
        file.flush()


def _kill(process: subprocess.Popen[str]) -> None:
    """Ends a process, and what it has started, which may live on when it has ended itself."""
    if process.returncode is None:  # nobody has waited for it, so that its number is still its own
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)


class _Streams:
    """What a process writes, read as it comes and in bounded memory.

    Attributes:
      answers: each line of standard output that is not blank, and None after the last.
    """

    def __init__(self, process: subprocess.Popen[str]):
        assert process.stdout is not None and process.stderr is not None
        self.answers: Queue[str | None] = Queue(AHEAD)
        self._over, self._last = threading.Event(), b""
        threading.Thread(target=self._read, args=(process.stdout,), daemon=True).start()
        self._errors = threading.Thread(target=self._keep, args=(process.stderr,), daemon=True)
        self._errors.start()

    def drop(self) -> None:
        """From now on what is read is dropped, so that the process never waits to write it."""
        self._over.set()

    def end(self) -> bytes:
        """As `drop`; returns the last bytes of standard error."""
        self.drop()
        self._errors.join(GRACE_SECONDS)  # what the process has left behind may hold it open
        return self._last

    def _read(self, file: IO[str]) -> None:
        with file, suppress(OSError, ValueError):
            while line := file.readline(LONGEST):
                if line.strip():
                    self._put(line)
        self._put(None)

    def _put(self, line: str | None) -> None:
        while not self._over.is_set():
            with suppress(Full):
                self.answers.put(line, timeout=0.1)
                return

    def _keep(self, file: IO[str]) -> None:
        with file, suppress(OSError, ValueError):
            while block := os.read(file.fileno(), 1 << 16):
                self._last = (self._last + block)[-LAST:]
