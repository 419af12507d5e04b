"""Mangled files of every kind that is read: the cases of tests.support.mutate, in forks of many each."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import select
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO, Any

from tests.attack import forks, outcome
from tests.attack.outcome import Attack, Outcome
from tests.support import mutate
from tests.support.outcome import cheap, is_told

BLOCK = 20  # cases of a kind that follow each other
BLOCKS = 6  # of a fork, which begins with starting a molecule worker
# How often a kind's turn comes: those that train or load a network take longer.
TURNS = {"run": 1, "resume": 0.1, "magenta": 0.5, "reinvent": 0.5}


def attack(rng: random.Random, folder: Path, runs: Path) -> Attack:
    """Cases without end."""
    first = rng.randrange(10**6) * 10**6  # none that the tests try too
    done = dict.fromkeys(mutate.KINDS, first)
    while True:
        kinds = rng.choices(list(done), [TURNS.get(kind, 2) for kind in done], k=BLOCKS)
        todo = list[tuple[str, int]]()
        for kind in kinds:
            count = 1 if kind == "resume" else BLOCK
            todo += [(kind, done[kind] + i) for i in range(count)]
            done[kind] += count
        yield from _tried(todo, folder, runs)


def _tried(todo: Sequence[tuple[str, int]], folder: Path, runs: Path) -> Attack:
    """The cases, in a new fork after each that ends its own; told of when a fork has ended, see `forks.end`."""
    at = 0
    while at < len(todo):
        reading, writing = os.pipe()
        fork = forks.Fork(lambda: _work(todo[at:], writing, folder, runs), folder / "said", 1e9)  # noqa: B023
        os.close(writing)
        with open(reading, "rb", buffering=0) as pipe:
            found = list(_heard(pipe, fork))
        at += len(found)
        ended = forks.end(fork)[0]
        yield from found
        if ended.code or ended.broke:
            kind, seed = todo[min(at, len(todo) - 1)]
            at += 1
            yield outcome.of(_what(kind, seed), ended, good=False)


def _heard(pipe: IO[bytes], fork: forks.Fork) -> Iterator[Outcome]:
    """What a fork says of its cases; it is ended if it says nothing for too long, or takes too much memory."""
    rest = b""
    while True:
        since, before = time.monotonic(), forks.busy(fork.pid)
        while not select.select([pipe], [], [], 0.2)[0]:
            waited = max(forks.busy(fork.pid) - before, (time.monotonic() - since) / forks.PATIENCE)
            if waited > forks.SECONDS:
                fork.give_up(outcome.HANG)
            fork.is_over()  # which looks at its memory
        block = pipe.read(1 << 16)
        if not block:
            return
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield _judged(**json.loads(line))


def _judged(kind: str, seed: int, code: int, said: str, megabytes: int) -> Outcome:
    what = _what(kind, seed)
    if megabytes > forks.MEGABYTES:
        return Outcome(what, outcome.MEMORY, f"{megabytes} MB")
    if not is_told(code, said):
        return Outcome(what, outcome.UNTOLD, f"exit code {code}: {said[-600:]}")
    return Outcome(what)


def _what(kind: str, seed: int) -> str:
    return f"python -m tests.support.mutate {kind} {seed} FOLDER"


def _work(todo: Sequence[tuple[str, int]], pipe: int, folder: Path, runs: Path) -> int:
    """What the fork does: a line for each case."""
    from seqtutor.cli.main import run

    place = folder / "cases"
    os.environ["SEQTUTOR_CACHE"] = str(folder / "cache")
    with cheap(), open(pipe, "w", buffering=1, encoding="ascii") as answers:
        for kind, seed in todo:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            said = io.StringIO()
            with redirect_stderr(said), redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # which no user sees
                args = mutate.make(kind, seed, place, runs)
                code = run(args)
            answer: dict[str, Any] = {"kind": kind, "seed": seed, "code": code, "said": _shortened(said.getvalue())}
            print(json.dumps(answer | {"megabytes": _peak()}), file=answers)
    return 0


def _shortened(said: str) -> str:
    return said if len(said) < 3000 else f"{said[:2000]} ... {said[-900:]}"


def _peak() -> int:
    """The most memory of this process and of those it has waited for, in MB."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) >> 10
