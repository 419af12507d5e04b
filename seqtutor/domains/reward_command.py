"""A program of the user's as a reward: it reads a sequence a line and answers each with a line that holds a number.

It is started when first needed and kept open, so that what it loads is loaded once. It must write each answer at once
(in Python print(..., flush=True)), and leave when its input ends.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import IO

import numpy as np

from seqtutor.errors import UserError, shown

SECONDS = 600.0  # for an answer, where the user says nothing else
STARTS = 3  # processes that may end without an answer, one after the other
GRACE_SECONDS = 5.0  # to leave, after the input has ended


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
        self._errors: IO[bytes] | None = None
        self._answers: SimpleQueue[str | None] = SimpleQueue()

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
        assert process.stdin is not None
        if not self._answers.empty() and not found:
            raise UserError(f"{self._command} answered with more lines than it was asked; one number a line is wanted")
        writer = threading.Thread(target=_write, args=(process.stdin, texts[len(found) :]), daemon=True)
        writer.start()
        reason = ""
        while len(found) < len(texts) and not reason:
            try:
                line = self._answers.get(timeout=self._seconds)
            except Empty:
                reason = f"it gave no answer within {self._seconds:g} s (does it flush its output?)"
                continue
            if line is None:
                reason = "it ended"
            else:
                found.append(self._number(line, texts[len(found)]))
        if reason:
            process.kill()
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
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in _bury)
        try:
            self._process = subprocess.Popen(
                self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, encoding="utf-8",
                errors="replace", start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError, IndexError) as error:
            self._errors.close()
            raise UserError(f"reward 'command:{self._command}' cannot be started: {error}") from None
        self._answers = SimpleQueue()
        threading.Thread(target=_read, args=(self._process.stdout, self._answers), daemon=True).start()
        return self._process

    def _bury(self) -> str:
        """Waits for the process's end; says its exit code and its last line on standard error."""
        process, self._process = self._process, None
        assert process is not None and process.stdin is not None and self._errors is not None
        with suppress(OSError):
            process.stdin.close()
        code = process.wait()
        with self._errors as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2000))
            lines = file.read().decode(errors="replace").strip().splitlines()
        return f" with exit code {code}" + (f" ({lines[-1][:200]})" if lines else "")

    def close(self) -> None:
        """Ends the process: its input ends, and if it does not leave soon it is killed."""
        process = self._process
        if process is None or process.stdin is None:
            return
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        self._bury()


def _write(file: IO[str], texts: Sequence[str]) -> None:
    with suppress(OSError, ValueError):  # the process has ended, which the reader notes
        for text in texts:
            file.write(f"{text}\n")
        file.flush()


def _read(file: IO[str], answers: SimpleQueue[str | None]) -> None:
    """Hands on each line that is not blank, and None after the last."""
    with file, suppress(OSError, ValueError):
        for line in file:
            if line.strip():
                answers.put(line)
    answers.put(None)
