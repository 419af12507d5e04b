"""Attacks seqtutor for some minutes, and prints a table of what was tried and what failed. See scripts/attack.

A command fails where something is lost, where it ends otherwise than with one line on standard error, where it takes
over a minute of processor time, or more than 2 GB. Exit code 1 if anything failed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.attack import bombs, forks, inputs, kills, material, meetings, rewards
from tests.attack.outcome import FAULTS, Attack, Outcome

# Each attack, and its share of the time. Those with an end come first, as long as they take.
ATTACKS: dict[str, tuple[Callable[[random.Random, Path, Path], Attack], float]] = {
    "bombs": (bombs.attack, 1e9), "rewards": (rewards.attack, 1e9), "inputs": (inputs.attack, 4),
    "kills": (kills.attack, 5), "writers": (meetings.writers, 1), "workers": (meetings.workers, 1),
}  # fmt: skip


def main(args: list[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/attack", description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, metavar="N", help="how long; default: 10")
    parser.add_argument("--seed", type=int, default=0, help="of all random choices; default: 0")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(ATTACKS), metavar="NAME,...",
                        help=f"some of {', '.join(ATTACKS)}")  # fmt: skip
    parser.add_argument("--cases", type=int, default=sys.maxsize, metavar="N", help="of each attack, at the most")
    asked = parser.parse_args(args)
    if unknown := set(asked.only) - ATTACKS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    prepare()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the folder is removed then, too
    folder = Path(tempfile.mkdtemp(prefix="seqtutor-attack-"))
    found: dict[str, list[Outcome]] = {name: [] for name in ATTACKS if name in asked.only}
    try:
        material.make(make_folder(folder / "runs"))
        strike(found, folder, asked.seed, 60 * asked.minutes, asked.cases)
    except KeyboardInterrupt:
        print("interrupted; so far:")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table(found))
    return int(any(outcome.fault for outcomes in found.values() for outcome in outcomes))


def prepare() -> None:
    """Imports all that commands need, before anything has a thread."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["SEQTUTOR_CACHE"] = "/nonexistent"  # no attack may reach the user's own
    import pyarrow.parquet  # noqa: F401
    import rdkit.Chem  # noqa: F401
    import tensorflow  # noqa: F401

    from seqtutor import api  # noqa: F401

    forks.adopt()


def strike(found: Mapping[str, list[Outcome]], folder: Path, seed: int, seconds: float, cases: int) -> None:
    """Takes the next case of whichever attack has had the least of its share of the time, until that is up."""
    attacks = {}
    for name in found:
        rng, place = random.Random(f"{name} {seed}"), make_folder(folder / name)
        attacks[name] = itertools.islice(ATTACKS[name][0](rng, place, folder / "runs"), cases)
    until, spent = time.monotonic() + seconds, dict.fromkeys(found, 0.0)
    while attacks and time.monotonic() < until:
        name = min(attacks, key=lambda name: spent[name] / ATTACKS[name][1])
        begun = time.monotonic()
        outcome = next(attacks[name], None)
        spent[name] += time.monotonic() - begun
        if outcome is None:
            del attacks[name]
            continue
        found[name].append(outcome)
        if outcome.fault:
            print(f"{name}: {outcome.fault}: {outcome.what}\n    {outcome.said}", flush=True)


def table(found: Mapping[str, list[Outcome]]) -> str:
    """A row an attack: how many cases were tried, and how many failed in each way."""
    lines = [f"{'attack':10}{'tried':>8}" + "".join(f"{fault:>11}" for fault in FAULTS)]
    for name, outcomes in found.items():
        counts = Counter(outcome.fault for outcome in outcomes)
        lines.append(f"{name:10}{len(outcomes):8}" + "".join(f"{counts[fault]:11}" for fault in FAULTS))
    return "\n".join(lines)


def make_folder(path: Path) -> Path:
    """The path, where a folder now is."""
    path.mkdir()
    return path


if __name__ == "__main__":
    sys.exit(main())
