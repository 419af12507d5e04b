"""`benchmark`: tunes a prior for every task of a benchmark, with several seeds, and tabulates how good the best are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtutor import config as configs
from seqtutor.api import inputs
from seqtutor.api.training import tune
from seqtutor.domains.base import Suite
from seqtutor.errors import UserError, unknown_name
from seqtutor.runs.run import Run
from seqtutor.runs.run_folder import RunFolder
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
    quiet: bool = False, tell: Callable[[Row], None] | None = None,
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
      resume: goes on with the runs that are unfinished; also with more seeds and tasks.
      force: replaces runs that are there.
      tell: is given each row as soon as it is known.
    Raises:
      UserError: anything wrong with the input.
      KeyboardInterrupt: after a checkpoint of the run that was being tuned.
    """
    inputs.at_least(1, calls=calls, seeds=seeds)
    if own := [key for key in settings or {} if key in OWN]:
        raise UserError(f"{own[0]} is not a setting of a benchmark; give it as variant, tasks, calls or seed")
    loaded = inputs.as_run(prior)
    known = loaded.domain.suites
    if suite not in known:
        raise (
            unknown_name("benchmark", suite, known)
            if known
            else UserError(f"there is no benchmark for the domain '{loaded.domain.name}'")
        )
    chosen = known[suite].tasks if not tasks else (tasks,) if isinstance(tasks, str) else tuple(tasks)
    for task in chosen:
        if task not in known[suite].tasks:
            raise unknown_name("task", task, known[suite].tasks, suite)
    base = configs.load(config, {**(settings or {}), **inputs.given({"seed": seed, "tune.variant": variant})})
    folder = Path(out) if out is not None else loaded.path.parent / suite
    if (folder / "results.csv").exists() and not (resume or force):
        raise UserError(f"{folder} holds a benchmark already; use --resume, --force or another --out")
    plan = [(task, number) for number in range(base.seed, base.seed + seeds) for task in chosen]
    make_folder(folder)
    rows: list[Row] = []
    with Progress(len(plan), "run", quiet) as progress:
        for task, number in plan:
            changes = {"tune.reward": f"task({task})", "tune.calls": calls, "seed": number}
            rows.append(_row(loaded, configs.changed(base, changes, inputs.where(config)), folder, resume, quiet))
            _write(rows, folder)
            if tell is not None:
                tell(rows[-1])
            progress.advance()
    return Benchmark(folder, known[suite], rows)


def _row(prior: Run, config: configs.Config, folder: Path, resume: bool, quiet: bool) -> Row:
    """The row of one run, which is tuned unless it has ended."""
    task = config.tune.reward.removeprefix("task(").removesuffix(")")
    run = RunFolder(folder / f"{task}-seed{config.seed}")
    asked, summary = configs.to_tree(config)["tune"], run.path / "summary.json"
    if resume and summary.exists():
        found = json.loads(summary.read_text(encoding="utf-8"))
        if found["tune"] == asked:
            return dict(found["row"])
    again = resume and (run.path / "config.yaml").exists()
    tune(prior, config, out=run.path, resume=again, force=not again, quiet=quiet)
    row = {"task": task, "seed": config.seed, **_figures(run, config.tune.batch)}
    write_text(summary, json.dumps({"tune": asked, "row": row}, indent=1) + "\n")
    return row


def _figures(run: RunFolder, batch: int) -> Row:
    """What history.csv says at its end. distinct: calls by the valid sequences drawn."""
    import pandas as pd

    history = pd.read_csv(run.history_file)
    last = history.iloc[-1]
    figures: Row = {name: float(last[name]) for name in FIGURES}
    figures["calls"] = int(last["calls"])
    valid = batch * float(history["valid"].sum()) if "valid" in history else batch * len(history)
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
