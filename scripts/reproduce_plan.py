"""What scripts/reproduce runs: command lines of seqtutor in stages, and the notes of those that have ended."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from seqtutor import config
from seqtutor.sweeps.frontier import DIVERGED
from seqtutor.sweeps.grid import Point
from seqtutor.system.files import write_text
from seqtutor.system.tables import make_folder

STAGES = ("melodies", "molecules", "frontier", "ablation", "exact", "page")
ON_POLICY = ("dap", "pg")
PARTICLES = 16  # of the populations that runs are evaluated with besides
ABLATIONS = {"stored-states": "psi", "bootstrap": "psi", "prior-logits": "g"}  # of ablations.py, and what it is done to


@dataclass(frozen=True)
class Scale:
    """How much is run. `configs`, and what is changed in them by --set, by music, molecules and chain; `num`: the
    sequences that a row of the tables of music and of molecules is of, and as many particles' paths. What else is
    evaluated has evaluate.num of the config. `rates`: tune.learning_rate of the variants that have another than the
    config's.
    """

    configs: dict[str, str]
    variants: tuple[str, ...]
    cs: tuple[float, ...]
    seeds: int
    num: dict[str, int]
    rates: dict[str, dict[str, float]] = field(default_factory=dict)
    changes: dict[str, tuple[str, ...]] = field(default_factory=dict)


FULL = Scale(
    {
        "music": "configs/music-notes-alone.yaml", "molecules": "configs/molecules.yaml",
        "chain": "configs/chain.yaml",
    },
    tuple(config.VARIANT_NAMES), cs=(4.0, 6.0, 8.0, 12.0, 24.0), seeds=3,
    num={"music": 100_000, "molecules": 100_000},
    rates={
        "music": {"pg": 0.0005, "dpg": 0.0015},
        "molecules": {variant: 0.00015 for variant in config.VARIANT_NAMES if variant != "g"},
    },
)  # fmt: skip
_TINY = (
    "model.units=8", "tune.rounds=2", "tune.batch=8", "tune.minibatch=8", "tune.buffer=16", "tune.replay_ratio=1",
    "sample.batch=50", "evaluate.num=50",
)  # fmt: skip
QUICK = Scale(
    {"music": "configs/music-quick.yaml", "molecules": "configs/molecules-quick.yaml", "chain": "configs/chain.yaml"},
    ("psi", "g"), cs=(0.5, 2.0), seeds=2, num={"music": 100, "molecules": 100},
    changes={
        "music": ("pretrain.epochs=1", "tune.lookahead=false", *_TINY),
        "molecules": ("pretrain.epochs=0.05", "model.lookahead=false", "tune.lookahead=false", *_TINY),
        "chain": ("pretrain.epochs=0.5", *_TINY),
    },
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """A command line of seqtutor, within an ablation if one is named. `name`: of its note in OUT/done; `typed`: the
    line as the page has it, where that is shorter.
    """

    name: str
    args: tuple[str, ...]
    ablation: str = ""
    typed: str = ""

    @property
    def line(self) -> str:
        """As a shell is given it."""
        return " ".join([f"python scripts/ablations.py {self.ablation}" if self.ablation else "seqtutor", *self.args])


class Plan:
    """The steps of every stage, at a scale, with results in a folder."""

    def __init__(self, scale: Scale, out: Path):
        self.scale, self.out = scale, out

    def steps(self, stage: str) -> Iterator[Step]:
        """The steps of a stage, in order, each made when those before it have ended; the page has none."""
        variants = self.scale.variants
        if stage in ("melodies", "molecules"):
            yield from self._table("music" if stage == "melodies" else "molecules")
        elif stage == "frontier":
            cs = ",".join(f"{c:g}" for c in self.scale.cs)
            yield self._prior("music")
            yield self._sweep("music", "frontier", ("g",), ("--c", cs, "--particles", str(PARTICLES)))
        elif stage == "ablation":
            yield from (self._prior("music"), *self._tuned("music"), *map(self._ablated, ABLATIONS))
        elif stage == "exact":
            off, on = (tuple(v for v in variants if (v in ON_POLICY) == wanted) for wanted in (False, True))
            yield from (self._prior("chain"), self._sweep("chain", "sweep", off))
            if on:  # longer, for each sequence is learned from only once
                longer = ("--set", "tune.rounds=3000", "--set", "tune.batch=256")
                yield self._sweep("chain", "on-policy", on, longer)

    def _table(self, name: str) -> Iterator[Step]:
        """A prior, every variant tuned and evaluated; and novelty, which a sweep leaves out."""
        if name == "molecules" and self.scale.configs[name] == FULL.configs[name]:
            yield Step("molecules-data", ("data", "fetch", "moses"))
        yield from (self._prior(name), *self._tuned(name))
        home, c = self.out / name, config.load(self.scale.configs[name]).tune.c
        points = [
            (folder, Point(variant, c, seed))
            for folder, _, variants in self._by_rate(name) for seed in range(self.scale.seeds) for variant in variants
        ]  # fmt: skip
        runs = [run for folder, point in points if not _diverged(run := home / folder / point.name)]
        yield Step(
            f"{name}-novelty", ("evaluate", str(home / "prior"), *map(str, runs), "--out", str(home / "novelty")),
            typed=f"seqtutor evaluate {home / 'prior'} {home / 'sweep'}*/*-seed* --out {home / 'novelty'}",
        )  # fmt: skip

    def _prior(self, name: str) -> Step:
        changes = self.scale.changes.get(name, ())
        args = ("pretrain", self.scale.configs[name], "--out", str(self.out / name / "prior"), "--resume")
        return Step(f"{name}-prior", args + _set(changes))

    def _tuned(self, name: str) -> Iterator[Step]:
        """A sweep for each learning rate."""
        more = ("--num", str(self.scale.num[name]), "--particles", str(PARTICLES))
        for folder, rate, variants in self._by_rate(name):
            yield self._sweep(name, folder, variants, (*rate, *more))

    def _by_rate(self, name: str) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        """The sweep's folder, the option and the variants of each learning rate; the config's own comes first."""
        rates = self.scale.rates.get(name, {})
        for rate in (None, *sorted(set(rates.values()))):
            variants = tuple(variant for variant in self.scale.variants if rates.get(variant) == rate)
            if variants and rate is None:
                yield "sweep", (), variants
            elif variants:
                yield f"sweep-{rate:g}", ("--set", f"tune.learning_rate={rate:g}"), variants

    def _ablated(self, name: str) -> Step:
        rate = next(rate for _, rate, variants in self._by_rate("music") if ABLATIONS[name] in variants)
        step = self._sweep("music", f"ablation/{name}", (ABLATIONS[name],), rate)
        return replace(step, ablation=name)

    def _sweep(self, name: str, folder: str, variants: tuple[str, ...], more: tuple[str, ...] = ()) -> Step:
        changes = [item for item in self.scale.changes.get(name, ()) if item.startswith(("tune.", "evaluate."))]
        home = self.out / name
        args = ("sweep", self.scale.configs[name], "--prior", str(home / "prior"), "--variants", ",".join(variants),
                "--seeds", str(self.scale.seeds), "--out", str(home / folder), "--resume")  # fmt: skip
        return Step(f"{name}-{folder.replace('/', '-')}", args + _set(changes) + more)


def _diverged(run: Path) -> bool:
    """Whether a sweep says so of one of its runs."""
    summary = run / "summary.json"
    return summary.exists() and json.loads(summary.read_text(encoding="utf-8"))["status"] == DIVERGED


def _set(items: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return tuple(part for item in items for part in ("--set", item))


class Notes:
    """What has ended well: a file for each step, with its command line and what it ran on."""

    def __init__(self, out: Path):
        self._folder, self._commit = out / "done", _commit()  # of the code that this process imports

    def of(self, step: Step) -> dict[str, str] | None:
        """The note of this very command line, if it has ended."""
        try:
            note = json.loads((self._folder / f"{step.name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return note if note.get("command") == step.line else None

    def add(self, step: Step) -> None:
        """Notes that a step has ended."""
        note = {"command": step.line, "commit": self._commit, "machine": _machine()}
        write_text(make_folder(self._folder) / f"{step.name}.json", json.dumps(note, indent=1) + "\n")


def _commit() -> str:
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _machine() -> str:
    """The cores this process may use, of what processor, and the memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (OSError, StopIteration, ValueError):
        return f"{cores} cores"
    return f"{cores} cores of {model}, {memory:.0f} GiB"
