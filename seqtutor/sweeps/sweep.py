"""A sweep: every point is tuned from one prior and evaluated, one after the other or on a cluster.

A point's folder is a run folder as `tune` makes it, with evaluation.json and .csv of sequences drawn from it, and
summary.json, written last: where that is, the point is finished and not run again. With particles it is evaluated once
more, by what is picked from populations; the folder particles-K has those files.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seqtutor.config import Config
from seqtutor.domains.rewards import Reward
from seqtutor.errors import Diverged
from seqtutor.evaluation.evaluate import Study, Subject, measure
from seqtutor.evaluation.results import as_tree, write_results
from seqtutor.runs.history import Clock
from seqtutor.runs.run import Run, load_run
from seqtutor.runs.run_folder import RunFolder
from seqtutor.sweeps.frontier import BOUND, DIVERGED, DONE, FIGURES, PICKED, PRIOR, UNFINISHED, Row, interval
from seqtutor.sweeps.frontier_files import write_summary
from seqtutor.sweeps.grid import Point
from seqtutor.system.files import write_text
from seqtutor.system.progress import Progress
from seqtutor.system.tables import make_folder
from seqtutor.tuning.loop import tune
from seqtutor.tuning.tuner import Tuner


@dataclass(frozen=True)
class Job:
    """A point with its config, of which domain, data and model are the prior's, and its folder.

    Attributes: particles: K of its second evaluation; 1 for none.
    """

    point: Point
    config: Config
    run: RunFolder
    particles: int = 1

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return _found(self)["status"] != UNFINISHED


# Finishes the jobs that are not finished, and gives each as soon as it is.
Engine = Callable[[Sequence[Job]], Generator[Job, None, None]]


def prepare(jobs: Sequence[Job], prior: Run, reward: Reward, about: dict[str, Any], resume: bool, force: bool) -> None:
    """Checks every point, and only then makes their folders (see RunFolder.create for resume and force).

    Raises UserError if a folder may not be written to, or a point's settings do not go together.
    """
    for job in jobs:
        job.run.check(job.config, about, resume, force)
        Tuner(job.config, prior.domain, prior.policy.prior, reward)  # made only to see that it can be
    for job in jobs:
        with job.run.only_writer():
            job.run.create(job.config, about, resume, force)


def sweep(
    jobs: Sequence[Job], prior: Run, reward: Reward, folder: Path, tell: Callable[[Row], None], quiet: bool,
    engine: Engine | None = None,
) -> list[Row]:  # fmt: skip
    """Runs what is unfinished of a prepared sweep; returns the rows of its summary.

    The summary in the folder (see `frontier`) is written again after each point, and `tell` is given each row:
    first the prior's, then each point's. A point whose tuning diverges has that as its status.

    Args: engine: where the points run; by default here, one after the other.
    Raises:
      KeyboardInterrupt: after Ctrl-C, with a checkpoint of the points that were being tuned.
    """
    settings, engine = columns(jobs), engine or partial(_in_turn, prior, reward, reward.state(), quiet)
    with Progress(len(jobs), "point", quiet) as progress, contextlib.closing(engine(jobs)) as finished:
        before = _prior_rows(prior, jobs, reward, settings, folder, quiet)
        rows = [*before, *map(_row, jobs)]
        write_summary(rows, settings, folder)
        tell(rows[0])
        for job in finished:
            place = jobs.index(job) + len(before)
            if rows[place]["status"] == UNFINISHED:
                rows[place] = _row(job)
                write_summary(rows, settings, folder)
            tell(rows[place])
            progress.advance()
    return rows


def _in_turn(
    prior: Run, reward: Reward, fresh: Mapping[str, np.ndarray], quiet: bool, jobs: Sequence[Job]
) -> Generator[Job, None, None]:
    """The engine that runs one after the other. `fresh`: the state of an unused reward."""
    for job in jobs:
        if not job.finished:
            reward.restore(fresh)  # each point begins with a reward that has seen nothing
            finish(job, prior, reward, quiet)
        yield job


def columns(jobs: Sequence[Job]) -> tuple[str, ...]:
    """The settings that the points of a sweep have, seeds not among them."""
    return ("variant", "c", *jobs[0].point.swept)


def finish(job: Job, prior: Run, reward: Reward, quiet: bool) -> None:
    """Tunes and evaluates a point, continuing from its newest checkpoint, with a reward that has seen nothing."""
    with job.run.only_writer():
        _finish(job, prior, reward, quiet)


def _finish(job: Job, prior: Run, reward: Reward, quiet: bool) -> None:
    path, fresh = job.run.path, reward.state()
    try:
        tune(job.config, prior, reward, job.run, resume=True, quiet=quiet)
    except Diverged:
        found: dict[str, Any] = {"status": DIVERGED}
    else:
        tuned = load_run(path)
        subject = Subject(tuned.name, tuned)
        found = {"status": DONE, "particles": job.particles}
        for particles in dict.fromkeys((1, job.particles)):
            reward.restore(fresh)
            found |= _evaluate(subject, job.config, reward, path, quiet, particles)
    write_text(job.run.summary_file, json.dumps(found, indent=1) + "\n")


def _evaluate(
    subject: Subject, config: Config, reward: Reward, folder: Path, quiet: bool, particles: int = 1
) -> dict[str, Any]:
    """Writes evaluation.json and .csv, and returns what of it a summary has. Novelty is left out.

    With K particles evaluate.num / K sequences are picked, from as many paths as are drawn without.
    """
    num = max(2, config.evaluate.num // particles)
    reward_of = lambda domain: contextlib.nullcontext(reward)  # noqa: E731
    study = Study(num, config.seed, reward_of, None, particles=particles, c=config.tune.c)
    results = measure([subject], study, quiet)
    write_results(results, folder if particles == 1 else make_folder(folder / f"particles-{particles}"))
    tree = as_tree(results[subject.label])
    return {f"{PICKED if particles > 1 else ''}{name}": tree[name] for name in (*FIGURES, BOUND)}


def _prior_rows(
    prior: Run, jobs: Sequence[Job], reward: Reward, settings: Sequence[str], folder: Path, quiet: bool
) -> list[Row]:
    """The prior drawn from as the tuned runs are, and with particles at each c. Its objective depends on c."""
    config, particles = jobs[0].config, jobs[0].particles
    subject = Subject(PRIOR, replace(prior, config=config))
    found = _evaluate(subject, config, reward, folder, quiet)
    figures = {name: found[name] for name in ("reward", "kl_sequence")}
    row = {
        **dict.fromkeys(settings), "variant": PRIOR, "seed": None, **_figures(figures), "status": DONE, "seconds": None,
        "folder": str(prior.path),
    }  # fmt: skip
    rows = [row]
    for job in {(job.point.c, job.config.tune.primer): job for job in jobs}.values() if particles > 1 else ():
        of = {"tune.primer": job.point.swept["tune.primer"]} if "tune.primer" in job.point.swept else {}
        point = replace(job.point, variant=PRIOR, swept=of)
        subject = Subject(PRIOR, replace(prior, config=job.config))
        picked = _evaluate(subject, job.config, reward, make_folder(folder / point.name), quiet, particles)
        objective = _over(figures["reward"], point.c)
        rows.append({**row, "c": point.c, **point.texts, **_figures({**figures, "objective": objective, **picked})})
    return rows


def _over(figure: Mapping[str, Any], c: float) -> dict[str, Any]:
    """A figure divided by c."""
    return {name: None if figure[name] is None else figure[name] / c for name in ("value", "low", "high")}


def _row(job: Job) -> Row:
    """A point's row of the summary, from its folder."""
    point, found = job.point, _found(job)
    return {
        "variant": point.variant, "c": point.c, **point.texts, "seed": point.seed, **_figures(found),
        "status": found["status"], "seconds": Clock(job.run.history_file, job.config.tune.rounds).seconds(),
        "folder": point.name,
    }  # fmt: skip


def _found(job: Job) -> dict[str, Any]:
    """What a point's summary.json says; nothing where it was evaluated with another number of particles."""
    found = job.run.summary()
    asked = found.get("particles", 1) == job.particles and all(isinstance(found.get(name), dict) for name in FIGURES)
    return (
        found if found.get("status") == DIVERGED or (found.get("status") == DONE and asked) else {"status": UNFINISHED}
    )


def _figures(found: Mapping[str, Any]) -> Row:
    row: Row = {}
    own = (*FIGURES, BOUND)
    for name in (*own, *(f"{PICKED}{name}" for name in own if f"{PICKED}{name}" in found)):
        e = found.get(name, {})
        row |= interval(name, *(e.get(part) for part in ("value", "low", "high")))
    return row
