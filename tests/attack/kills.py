"""Commands killed at random moments, and begun again: in the end all is as if nothing had been."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seqtutor.config.sections import VARIANT_SUMMARIES
from tests.attack import forks, outcome
from tests.attack.forks import Ended
from tests.attack.outcome import Attack

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
KILLS = 5  # of one run, at the most
SECONDS = 300  # of processor time that a whole run may take
# They have times, the place of the run, or (the last one, of a SavedModel) a random number.
TIMED = ("checkpoint.json", "config.yaml", "results.json", "fingerprint.pb")


@dataclass(frozen=True)
class Job:
    """A command that is killed.

    Attributes:
      args: its arguments, but for what follows.
      again: what is added to begin it again.
      out: the option for where it writes; the cache of data sets where that is "".
    """

    args: Sequence[str]
    again: Sequence[str] = ()
    out: str = "--out"


def jobs(runs: Path) -> dict[str, Job]:
    """Every command that writes, and `tune` in every variant; of the runs and files that `material` makes."""
    resume, force, small = ["--resume"], ["--force"], [str(runs / "psi.yaml"), "--prior", str(runs / "prior")]
    longer = ["--set", "tune.rounds=30"]
    molecules = ["--prior", str(runs / "molecules"), "--config", str(runs / "molecules.yaml"), "--seeds", "1"]
    found = {f"tune {name}": Job(["tune", *small, *longer, "--variant", name], resume) for name in VARIANT_SUMMARIES}
    return {
        "pretrain": Job(["pretrain", str(runs / "prior.yaml"), "--set", "pretrain.epochs=12"], resume),
        **found,
        "sweep": Job(["sweep", *small, *longer, "--variants", "g,pg", "--c", "1,2", "--num", "100"], resume),
        "benchmark": Job(["benchmark", "pmo", *molecules, "--tasks", "qed,median1", "--calls", "40"], resume),
        "sample": Job(["sample", str(runs / "psi"), "--num", "20000"]),
        "sample sdf": Job(["sample", str(runs / "molecules"), "--num", "2000", "--format", "sdf"]),
        "evaluate": Job(["evaluate", str(runs / "prior"), str(runs / "psi"), "--num", "20000"]),
        "report": Job(["report", str(runs / "prior"), str(runs / "psi"), "--num", "2000"]),
        "score": Job(["score", str(runs / "many.txt"), "--domain", "chain"]),
        "score molecules": Job(["score", str(runs / "mols.smi"), "--domain", "molecules"]),
        "export": Job(["export", str(runs / "psi")], force),
        "import-reinvent": Job(["import-reinvent", str(runs / "a.prior")], force),
        "import-magenta": Job(["import-magenta", str(runs / "model.ckpt")], force),
        "data import": Job(
            ["data", "import", str(runs / "mols.smi"), "--domain", "molecules", "--name", "mine"], out=""
        ),
    }


def attack(rng: random.Random, folder: Path, runs: Path) -> Attack:
    """One kill after the other, without end. Each run is killed a few times, then ended and compared."""
    every, wholes = jobs(runs), dict[str, tuple[float, dict[str, str]]]()
    while True:
        for name in rng.sample(sorted(every), len(every)):
            job, out = every[name], folder / "out"
            if name not in wholes:
                whole = _run(job, out, folder)
                if whole.code or whole.broke:
                    yield outcome.of(f"{name}, not killed", whole, good=False)
                    continue
                wholes[name] = whole.seconds, tree(out)
                shutil.rmtree(out)
            yield from _killed(name, job, *wholes[name], rng, folder)
            shutil.rmtree(out, ignore_errors=True)


def _killed(name: str, job: Job, seconds: float, whole: dict[str, str], rng: random.Random, folder: Path) -> Attack:
    out, moments = folder / "out", list[str]()
    for _ in range(rng.randint(1, KILLS)):
        number, at = rng.choice(SIGNALS), rng.uniform(0.0, seconds)
        ended = _run(job, out, folder, at, number)
        moments.append(f"{number.name} at {at:.2f} s")
        what = f"{name}, {', '.join(moments)}"
        lost = "" if job.again else _halves(out, whole)
        yield outcome.of(what, ended, good=_good(ended, number), lost=lost)
        if ended.code == 0:
            break
    ended = _run(job, out, folder)
    lost = "" if ended.code else differences(tree(out), whole)
    found = outcome.of(f"{name}, {', '.join(moments)}, then to its end", ended, good=ended.code == 0, lost=lost)
    if found.fault:  # else it counts with its kills
        yield found


def _run(job: Job, out: Path, folder: Path, at: float | None = None, number: int = 0) -> Ended:
    again = job.again if out.exists() else ()
    place = [job.out, out] if job.out else []
    cache = {} if job.out else {"SEQTUTOR_CACHE": out}
    fork = forks.start([*job.args, *again, *place, "--quiet"], folder / "said", SECONDS, **cache)
    if at is not None:
        fork.sleep(at)
        fork.send(number)
    return forks.end(fork)[0]


def _good(ended: Ended, number: int) -> bool:
    """Whether a killed command was done, was killed, or said in a line that it was interrupted."""
    said = ended.said.strip()
    if ended.code in (0, -number):  # it may be all but over, or have hardly begun
        return True
    return ended.code == 128 + number and said.startswith("interrupted") and "\n" not in said


def _halves(out: Path, whole: dict[str, str]) -> str:
    """Files under their own names that are not what they are in the end."""
    return differences({name: digest for name, digest in tree(out, hidden=False).items() if name in whole}, whole, True)


def differences(found: dict[str, str], whole: dict[str, str], some: bool = False) -> str:
    """What of two trees differs, in words; with `some`, files may be missing."""
    said = [f"missing: {name}" for name in sorted(whole.keys() - found.keys())] * (not some)
    said += [f"left over: {name}" for name in sorted(found.keys() - whole.keys())]
    said += [f"differs: {name}" for name in sorted(found.keys() & whole.keys()) if found[name] != whole[name]]
    return "; ".join(said)


def tree(folder: Path, hidden: bool = True) -> dict[str, str]:
    """The digest of every file below a folder, but for what tells of times."""
    found = {}
    for path in sorted(folder.rglob("*")) if folder.exists() else ():
        name = path.relative_to(folder).as_posix()
        if path.is_file() and _counts(path) and (hidden or not any(p[0] == "." for p in name.split("/"))):
            found[name] = "" if path.name in TIMED else _digest(path)
    return found


def _counts(path: Path) -> bool:
    """Whether a file is the same however often a run was stopped.

    Of checkpoints the newest and the best are; one that an interrupt wrote may stand beside them in place of another.
    """
    step = path.parent
    if "tensorboard" in path.as_posix():
        return False
    if step.parent.name != "checkpoints":
        return True
    best = step.parent / "best.json"
    named = json.loads(best.read_text(encoding="utf-8"))["step"] if best.exists() else None
    return step == max(step.parent.glob("step-*")) or int(step.name.removeprefix("step-")) == named


def _digest(path: Path) -> str:
    if path.suffix == ".csv":
        with open(path, newline="", encoding="utf-8") as file:
            rows = [{name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)]
        return hashlib.sha256(repr(rows).encode()).hexdigest()
    if path.name == "summary.json":  # of a benchmark it has a row with its seconds
        said = json.loads(path.read_text(encoding="utf-8"))
        said.get("row", {}).pop("seconds", None)
        return hashlib.sha256(repr(said).encode()).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()
