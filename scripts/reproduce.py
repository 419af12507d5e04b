"""Runs everything that docs/results.md reports, and writes that page from the result files.

The work is a list of `seqtutor` command lines in stages. One that ended well is noted in OUT/done and not run again;
one that was interrupted continues from its checkpoints. So call this again after Ctrl-C, and call it for single stages
as you like: several processes may share OUT once the stage `melodies` has ended, whose runs others build on.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import reproduce_page
from reproduce_plan import FULL, QUICK, STAGES, Notes, Plan, Step

from seqtutor.cli.main import run as seqtutor
from seqtutor.system import tensorflow_setup


def perform(step: Step, notes: Notes) -> None:
    """Runs a step unless it has ended before. Exits with its exit code if that is not 0."""
    if notes.of(step):
        print(f"== done before: {step.line}")
        return
    print(f"== {step.line}")
    with _ablated(step.ablation) if step.ablation else nullcontext():
        code = seqtutor(step.args)
    if code:
        sys.exit(code)
    notes.add(step)


def _ablated(name: str) -> AbstractContextManager[None]:
    tensorflow_setup.setup()
    import ablations  # with TensorFlow

    return ablations.applied(name)


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", default=",".join(STAGES), help=f"some of {','.join(STAGES)}; default: all")
    parser.add_argument("--seeds", type=int, help="runs of each point, seeds 0 to N - 1; default: 3")
    parser.add_argument(
        "--music", type=int, metavar="N", help="melodies that a row of their table is of; default: 100,000"
    )
    parser.add_argument("--molecules", type=int, metavar="N", help="molecules, likewise; default: 100,000")
    parser.add_argument("--out", type=Path, help="folder of all runs; default: runs/reproduce")
    parser.add_argument("--page", type=Path, help="default: docs/results.md, or OUT/results.md if quick")
    parser.add_argument("--quick", action="store_true", help="a trial of everything in about two minutes")
    parser.add_argument("--dry-run", action="store_true", help="only print the command lines")
    found = parser.parse_args()
    found.stage = found.stage.split(",")
    if unknown := set(found.stage) - set(STAGES):
        parser.error(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    found.out = found.out or Path("runs/reproduce-quick" if found.quick else "runs/reproduce")
    found.page = found.page or (found.out / "results.md" if found.quick else Path("docs/results.md"))
    return found


def main() -> None:
    """Runs the stages asked for, in the order of STAGES."""
    asked = options()
    sys.stdout.reconfigure(line_buffering=True)  # a log shows what is running
    scale = QUICK if asked.quick else FULL
    num = {name: getattr(asked, name) or most for name, most in scale.num.items()}
    plan = Plan(replace(scale, seeds=asked.seeds or scale.seeds, num=num), asked.out)
    notes = Notes(asked.out)
    for stage in (stage for stage in STAGES if stage in asked.stage):
        for step in plan.steps(stage):
            if asked.dry_run:
                print(step.line)
            else:
                perform(step, notes)
    if "page" in asked.stage and not asked.dry_run:
        reproduce_page.write(asked.page, plan, notes)
        print(f"{asked.page} written")


if __name__ == "__main__":
    main()
