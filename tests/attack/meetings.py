"""What happens beside a command: a second writer of the same run, and workers that are stopped or killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.attack import forks, outcome
from tests.attack.kills import Job, differences, tree
from tests.attack.outcome import Attack

SECONDS = 300  # of processor time that a whole run may take, and that a worker may take to begin


def writers(rng: random.Random, folder: Path, runs: Path) -> Attack:
    """Two that begin at different moments: one writes the run as if it were alone, the other is told of it."""
    out = folder / "out"
    args = [
        "tune",
        str(runs / "psi.yaml"),
        "--prior",
        str(runs / "prior"),
        "--set",
        "tune.rounds=30",
        "--quiet",
        "--out",
        str(out),
    ]
    whole = forks.end(forks.start(args, folder / "said", SECONDS))[0]
    yield outcome.of("tune, alone", whole, good=whole.code == 0)
    expected = tree(out)
    while True:
        shutil.rmtree(out, ignore_errors=True)
        gap, flag = rng.uniform(0.0, whole.seconds), rng.choice(([], ["--resume"], ["--force"]))
        first = forks.start(args, folder / "said", SECONDS)
        first.sleep(gap)
        second = forks.start([*args, *flag], folder / "said-too", SECONDS)
        both = forks.end(first, second)
        what = f"tune, and after {gap:.2f} s tune {' '.join(flag)}"
        good = any(ended.code == 0 for ended in both) and all(
            ended.code == 0 or (ended.code == 2 and ended.said.count("\n") == 1) for ended in both
        )
        said = both[1] if both[0].code == 0 else both[0]
        yield outcome.of(what, said, good=good, lost=differences(tree(out), expected))


def workers(rng: random.Random, folder: Path, runs: Path) -> Attack:
    """One worker process is stopped or killed at any moment: what comes out is the same."""
    out = folder / "out"
    score = Job(["score", str(runs / "mols.smi"), "--domain", "molecules", "--out", str(out), "--quiet"])
    imported = Job(["data", "import", str(runs / "tunes"), "--domain", "music", "--name", "mine", "--quiet"], out="")
    wholes: dict[str, tuple[float, dict[str, str]]] = {}
    while True:
        job = rng.choice((score, imported))
        shutil.rmtree(out, ignore_errors=True)
        fork = forks.start(job.args, folder / "said", SECONDS, SEQTUTOR_CACHE=out)
        if (name := job.args[0]) not in wholes:
            ended = forks.end(fork)[0]
            wholes[name] = ended.seconds, tree(out)
            yield outcome.of(f"{name}, alone", ended, good=ended.code == 0)
            continue
        number, at = rng.choice((signal.SIGSTOP, signal.SIGKILL)), rng.uniform(0.0, wholes[name][0])
        fork.sleep(at)
        _strike(fork, number, rng)
        ended = forks.end(fork)[0]
        what = f"{' '.join(job.args[:2])}, a worker {number.name} after {at:.2f} s"
        yield outcome.of(
            what, ended, good=ended.code == 0 and not ended.said, lost=differences(tree(out), wholes[name][1])
        )


def _strike(fork: forks.Fork, number: int, rng: random.Random) -> None:
    """Waits for a worker, and sends it the signal.

    It is one from its `exec` on. Before that the kernel holds the parent (vfork): if it is stopped then, the parent is.
    """
    until = time.monotonic() + SECONDS
    while not fork.is_over() and time.monotonic() < until:
        if found := sorted(pid for pid, line in forks.children(fork.pid).items() if "serve(" in line):
            with suppress(ProcessLookupError):
                os.kill(rng.choice(found), number)
            return
        time.sleep(0.01)
