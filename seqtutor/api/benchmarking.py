"""`benchmark`: tunes a prior for every task of a benchmark, with several seeds, and tabulates how good the best are."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtutor import config as configs
from seqtutor.api import inputs, provenance
from seqtutor.api.sweeping import ENGINES
from seqtutor.api.training import tune
from seqtutor.config import Config
from seqtutor.domains.base import Suite
from seqtutor.errors import UserError, unknown_name
from seqtutor.runs.run import Run
from seqtutor.runs.run_folder import RunFolder
from seqtutor.system import ray_cluster
from seqtutor.system.files import write_text
from seqtutor.system.progress import Progress
from seqtutor.system.tables import aligned, csv_file, make_folder

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

FIGURES = ("calls", "auc_top10", "top1", "top10", "top100")  # the last row's of history.csv
COLUMNS = ("task", "seed", *FIGURES, "distinct", "seconds")
PRESET = "molecules-few-calls"
OWN = ("tune.variant", "tune.reward", "tune.calls", "seed")  # settings that have arguments of their own


@dataclass(frozen=True, repr=False)
class Benchmark:
    """What a benchmark found.

    Attributes:
      folder: holds results.csv, results.json and a run folder for each task and seed.
      suite: the tasks, those left out, and what others have published.
      rows: a row for each task and seed, with the columns of results.csv.
    """

    folder: Path
    suite: Suite
    rows: list[Row]

    def to_pandas(self) -> pd.DataFrame:
        """The rows as results.csv has them."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=COLUMNS)

    def __str__(self) -> str:
        """A line a task: means across seeds, and beside them published figures, which were not run again here."""
        published = self.suite.published
        cells = [["task", "seeds", *FIGURES, *(f"{name}*" for name in published)]]
        means = self._means()
        for task, mean in means.items():
            others = [figures.get(task) for figures in published.values()]
            cells.append([task, str(int(mean["seeds"])), *_texts(mean), *map(_text, others)])
        if len(means) > 1:
            total = {name: sum(mean[name] for mean in means.values()) for name in FIGURES}
            sums = [_sum(figures, means) for figures in published.values()]
            cells.append(["sum", "", *_texts(total), *map(_text, sums)])
        lines = [aligned(cells)]
        if published:
            lines.append(f"* auc_top10 as published, not run again: {self.suite.source}")
        if self.suite.left_out:
            lines.append(f"left out, for they need trained models: {', '.join(self.suite.left_out)}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Benchmark {self.folder}: {len(self.rows)} runs>"

    def _means(self) -> dict[str, dict[str, float]]:
        of_task: dict[str, list[Row]] = {}
        for row in self.rows:
            of_task.setdefault(row["task"], []).append(row)
        return {
            task: {"seeds": len(rows), **{name: sum(row[name] for row in rows) / len(rows) for name in FIGURES}}
            for task, rows in of_task.items()
        }


def benchmark(
    suite: str, prior: Run | str | Path, *, config: configs.Source = PRESET, variant: str | None = None,
    calls: int = 10_000, seeds: int = 5, tasks: str | Sequence[str] = (), out: str | Path | None = None,
    seed: int | None = None, settings: Mapping[str, Any] | None = None, resume: bool = False, force: bool = False,
    engine: str = "local", quiet: bool = False, tell: Callable[[Row], None] | None = None,
) -> Benchmark:  # fmt: skip
    """Tunes a prior for the tasks of a benchmark, each by itself, with one setting for all.

    Args:
      suite: "pmo" or "guacamol", of the prior's domain, molecules.
      prior: a run of `pretrain`, or its folder.
      config, settings: as of `tune`; by default the preset for few calls.
      variant: by default the config's.
      calls: different valid sequences that are scored for each task and seed.
      seeds: how many; the first is `seed`, or the config's.
      tasks: some of the suite's; by default all of them.
      out: by default SUITE beside the prior's folder.
      resume: continues the runs that are unfinished; there may be more seeds and tasks than before.
      force: replaces runs that are there, each when the new one is sure to start.
      engine: "local", one run after the other, or "ray", on the Ray cluster at RAY_ADDRESS, or on this machine's cores.
      tell: is given each row as soon as it is known.
    Raises:
      UserError: anything wrong with the input.
      KeyboardInterrupt: after a checkpoint of the run that was being tuned.
    """
    inputs.at_least(1, calls=calls, seeds=seeds)
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    if own := [key for key in settings or {} if key in OWN]:
        raise UserError(f"{own[0]} is not a setting of a benchmark; give it as variant, tasks, calls or seed")
    loaded = inputs.as_run(prior)
    of_suite, chosen = _chosen(loaded, suite, tasks)
    base = configs.load(config, {**(settings or {}), **inputs.given({"seed": seed, "tune.variant": variant})})
    folder = Path(out) if out is not None else loaded.path.parent / suite
    plan = {
        f"{task}-seed{number}": configs.changed(
            base, {"tune.reward": f"task({task})", "tune.calls": calls, "seed": number}, inputs.where(config)
        )
        for number in range(base.seed, base.seed + seeds) for task in chosen
    }  # fmt: skip
    runs = [RunFolder(folder / name) for name in plan]
    there = (folder / "results.csv").exists() or any(run.config_file.exists() for run in runs)
    if there and not (resume or force):
        raise UserError(f"{folder} holds a benchmark already; use --resume, --force or another --out")
    make_folder(folder)
    found: dict[str, Row] = {}
    rows = (_on_ray if engine == "ray" else _in_turn)(loaded, plan, folder, force, quiet)
    with Progress(len(plan), "run", quiet) as progress, contextlib.closing(rows):
        for name, row in rows:
            found[name] = row
            _write([found[name] for name in plan if name in found], folder)
            if tell is not None:
                tell(row)
            progress.advance()
    return Benchmark(folder, of_suite, [found[name] for name in plan])


def _chosen(prior: Run, suite: str, tasks: str | Sequence[str]) -> tuple[Suite, tuple[str, ...]]:
    """A suite and its tasks that are meant. Raises UserError for unknown names."""
    known = prior.domain.suites
    if not known:
        raise UserError(f"there is no benchmark for the domain '{prior.domain.name}'")
    if suite not in known:
        raise unknown_name("benchmark", suite, known)
    every = known[suite].tasks
    chosen = (tasks,) if isinstance(tasks, str) else tuple(tasks)
    for task in chosen:
        if task and task not in every:
            raise unknown_name("task", task, every, suite)
    return known[suite], tuple(filter(None, chosen)) or every


Rows = Generator[tuple[str, Row], None, None]  # the name of each run that has ended, and its row


def _in_turn(prior: Run, plan: Mapping[str, Config], folder: Path, force: bool, quiet: bool) -> Rows:
    for name, config in plan.items():
        yield name, _row(prior, config, folder / name, force, quiet)


def _on_ray(prior: Run, plan: Mapping[str, Config], folder: Path, force: bool, quiet: bool) -> Rows:
    from seqtutor.sweeps import ray_engine

    path, here = prior.path.resolve(), Path.cwd()
    calls = {name: (path, config, folder / name, here, force) for name, config in plan.items()}
    with ray_engine.connection() as ray:
        yield from ray_engine.run_tasks(ray, _row_there, calls)


def _row_there(prior: Path, config: Config, folder: Path, here: Path, force: bool) -> Row:
    """`_row` in a process of Ray's, in the folder that its relative paths start from."""
    os.chdir(here)
    ray_cluster.work_here()
    return _row(inputs.as_run(prior), config, folder, force, quiet=True)


def _row(prior: Run, config: Config, folder: Path, force: bool, quiet: bool) -> Row:
    """The row of one run, which is tuned, or continued, unless it has ended; force: one that is there is replaced."""
    task = config.tune.reward.removeprefix("task(").removesuffix(")")
    run = RunFolder(folder)
    asked, found = configs.to_tree(config)["tune"], {} if force else run.summary()
    row, of = found.get("row"), run.about().get("weights") if run.config_file.exists() else None
    same = found.get("tune") == asked and of in (None, provenance.weights_of(prior))
    if same and isinstance(row, dict) and set(COLUMNS) <= row.keys():
        return row
    tune(prior, config, out=folder, resume=not force, force=force, quiet=quiet)
    row = {"task": task, "seed": config.seed, **_figures(run)}
    write_text(run.summary_file, json.dumps({"tune": asked, "row": row}, indent=1) + "\n")
    return row


def _figures(run: RunFolder) -> Row:
    """What history.csv says at its end. distinct: calls by the valid sequences drawn."""
    import pandas as pd

    history = pd.read_csv(run.history_file)
    last = history.iloc[-1]
    figures: Row = {name: float(last[name]) for name in FIGURES}
    figures["calls"] = int(last["calls"])
    drawn = history["drawn"].diff().fillna(history["drawn"])  # in each round; the last is cut where the calls end
    valid = round(float((drawn * history["valid"]).sum()) if "valid" in history else drawn.sum())
    valid += int(history["offspring"].sum()) if "offspring" in history else 0
    return {**figures, "distinct": figures["calls"] / valid if valid else 0.0, "seconds": float(last["seconds"])}


def _write(rows: Sequence[Row], folder: Path) -> None:
    with csv_file(folder / "results.csv", COLUMNS) as table:
        for row in rows:
            table.add(row)
    write_text(folder / "results.json", json.dumps(list(rows), indent=1) + "\n")


def _texts(figures: Mapping[str, float]) -> list[str]:
    return [f"{figures['calls']:,.0f}", *(_text(figures[name]) for name in FIGURES[1:])]


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _sum(figures: Mapping[str, float], tasks: Mapping[str, Any]) -> float | None:
    """The sum over the tasks, where all are known."""
    return sum(figures[task] for task in tasks) if all(task in figures for task in tasks) else None
