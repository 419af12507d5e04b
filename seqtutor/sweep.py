"""A sweep: every point is tuned from one prior and evaluated, one after the other.

A point's folder is a run folder as `tune` makes it, with evaluation.json and .csv of sequences drawn from it, and
summary.json, written last: where that is, the point is finished and not run again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seqtutor.config import Config
from seqtutor.domains.base import Reward
from seqtutor.errors import Diverged
from seqtutor.evaluate import Study, Subject, as_tree, evaluate, write_results
from seqtutor.files import write_text
from seqtutor.frontier import BOUND, DIVERGED, DONE, FIGURES, PRIOR, UNFINISHED, Row, interval, write_summary
from seqtutor.grid import Point
from seqtutor.load import LoadedRun, load_run
from seqtutor.progress import Progress
from seqtutor.rundir import Clock, RunDir
from seqtutor.tune.loop import Tuner, tune


@dataclass(frozen=True)
class Job:
    """A point with its config, of which domain, data and model are the prior's, and its folder."""

    point: Point
    config: Config
    run: RunDir


def prepare(
    jobs: Sequence[Job], prior: LoadedRun, reward: Reward, about: dict[str, Any], resume: bool, force: bool
) -> None:
    """Checks every point, and only then makes their folders (see RunDir.create for resume and force).

    Raises UserError if a folder may not be written to, or a point's settings do not go together.
    """
    for job in jobs:
        job.run.check(job.config, about, resume, force)
        Tuner(job.config, prior.domain, prior.policy.prior, reward)  # made only to see that it can be
    for job in jobs:
        job.run.create(job.config, about, resume, force)


def sweep(
    jobs: Sequence[Job], prior: LoadedRun, reward: Reward, folder: Path, tell: Callable[[Row], None], quiet: bool
) -> list[Row]:
    """Runs what is unfinished of a prepared sweep; returns the rows of its summary.

    The summary in the folder (see seqtutor.frontier) is written anew after each point, and `tell` is given each row:
    first the prior's, then each point's. A point whose tuning diverges has that as its status.

    Raises:
      KeyboardInterrupt: after Ctrl-C, with a checkpoint of the point that was being tuned.
    """
    settings, fresh = columns(jobs), reward.state()
    with Progress(len(jobs), "point", quiet) as progress:
        rows = [_prior_row(prior, jobs[0].config, reward, settings, folder, quiet), *map(_row, jobs)]
        write_summary(rows, settings, folder)
        tell(rows[0])
        for place, job in enumerate(jobs, 1):
            if rows[place]["status"] == UNFINISHED:
                reward.restore(fresh)  # each point begins with a reward that has seen nothing
                _run(job, prior, reward, fresh, quiet)
                rows[place] = _row(job)
                write_summary(rows, settings, folder)
            tell(rows[place])
            progress.advance()
    return rows


def columns(jobs: Sequence[Job]) -> tuple[str, ...]:
    """The settings that the points of a sweep have, seeds not among them."""
    return ("variant", "c", *jobs[0].point.swept)


def _run(job: Job, prior: LoadedRun, reward: Reward, fresh: Mapping[str, np.ndarray], quiet: bool) -> None:
    """Tunes and evaluates a point, going on from its newest checkpoint. `fresh`: the state of an unused reward."""
    path = job.run.path
    try:
        tune(job.config, prior, reward, job.run, resume=True, quiet=quiet)
    except Diverged:
        found = {"status": DIVERGED}
    else:
        tuned = load_run(path)
        reward.restore(fresh)
        found = {"status": DONE, **_evaluate(Subject(tuned.name, tuned), job.config, reward, path, quiet)}
    write_text(path / "summary.json", json.dumps(found, indent=1) + "\n")


def _evaluate(subject: Subject, config: Config, reward: Reward, folder: Path, quiet: bool) -> dict[str, Any]:
    """Writes evaluation.json and .csv into the folder, and returns what of it a summary has. Novelty is left out."""
    study = Study(config.evaluate.num, config.seed, lambda domain: contextlib.nullcontext(reward), None)
    results = evaluate([subject], study, quiet)
    write_results(results, folder)
    tree = as_tree(results[subject.label])
    return {name: tree[name] for name in (*FIGURES, BOUND)}


def _prior_row(
    prior: LoadedRun, config: Config, reward: Reward, settings: Sequence[str], folder: Path, quiet: bool
) -> Row:
    """The prior drawn from as the tuned runs are. Its objective depends on c, of which it has none."""
    found = _evaluate(Subject(PRIOR, replace(prior, config=config)), config, reward, folder, quiet)
    figures = {name: found[name] for name in ("reward", "kl_sequence")}
    return {
        **dict.fromkeys(settings), "variant": PRIOR, "seed": None, **_figures(figures), "status": DONE, "seconds": None,
        "folder": str(prior.path),
    }  # fmt: skip


def _row(job: Job) -> Row:
    """A point's row of the summary, from its folder."""
    path, point = job.run.path, job.point
    try:
        found = json.loads((path / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {"status": UNFINISHED}
    return {
        "variant": point.variant, "c": point.c, **point.texts, "seed": point.seed, **_figures(found),
        "status": found["status"], "seconds": Clock(job.run.history_file, job.config.tune.rounds).seconds(),
        "folder": point.name,
    }  # fmt: skip


def _figures(found: dict[str, Any]) -> Row:
    row: Row = {}
    for name in (*FIGURES, BOUND):
        e = found.get(name, {})
        row |= interval(name, *(e.get(part) for part in ("value", "low", "high")))
    return row
