"""`sweep`: tunes one prior in every variant, at every c, with several seeds, and compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtutor import config as configs
from seqtutor.api import html, inputs, provenance, restrictions
from seqtutor.config import Config
from seqtutor.domains.reward_spec import RewardLike, make_reward, written
from seqtutor.errors import UserError, unknown_name
from seqtutor.runs.run import Run
from seqtutor.runs.run_folder import RunFolder
from seqtutor.runs.shipped import folder_of
from seqtutor.runs.writer import only_writer
from seqtutor.system.progress import LOG
from seqtutor.system.tables import aligned

if TYPE_CHECKING:
    import pandas as pd

    from seqtutor.sweeps.frontier import Row
    from seqtutor.sweeps.grid import Point
    from seqtutor.sweeps.sweep import Job

ENGINES = ("local", "ray")
OWN = {"tune.variant": "variants", "tune.c": "c", "tune.reward": "reward, one for all", "seed": "seed and seeds"}


@dataclass(frozen=True, repr=False)
class Sweep:
    """What a sweep found.

    Attributes:
      folder: holds summary.csv, frontier.csv, frontier.png and a run folder for each point.
      rows: a row for each run, the prior first; see `seqtutor.sweeps.frontier`.
      columns: the settings that distinguish points.
    """

    folder: Path
    rows: list[Row]
    columns: tuple[str, ...]

    def to_pandas(self) -> pd.DataFrame:
        """A row for each run, as summary.csv has them."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    def __str__(self) -> str:
        """The means across seeds, with half the width of their 95 % intervals."""
        return aligned(self._means())

    def __repr__(self) -> str:
        return f"<Sweep {self.folder}: {len(self.rows) - 1} points>"

    def _repr_html_(self) -> str:
        """frontier.png, and below it the means."""
        return html.picture(self.folder / "frontier.png", "reward against KL") + html.table(self._means())

    def _means(self) -> list[list[str]]:
        from seqtutor.sweeps import frontier

        return frontier.as_rows(frontier.across_seeds(self.rows, self.columns), self.columns)


def sweep(
    prior: Run | str | Path, config: configs.Source | None = None, *, variants: str | Sequence[str] = (),
    c: float | Sequence[float] = (), seeds: int = 1, grid: Mapping[str, Sequence[Any]] | None = None,
    num: int | None = None, particles: int = 1, reward: RewardLike | None = None, engine: str = "local",
    out: str | Path | None = None, seed: int | None = None, settings: Mapping[str, Any] | None = None,
    resume: bool = False, force: bool = False, quiet: bool = False,
    begin: Callable[[Sequence[Point]], Callable[[Row], None]] | None = None,
) -> Sweep:  # fmt: skip
    """Tunes one prior in every variant, at every c, with several seeds; each point is tuned and evaluated.

    Args:
      prior, config, reward, settings, resume, force: as of `tune`; resume also adds points to a sweep that ended.
      variants, c: one or several; by default those of the config.
      seeds: how many; the first is `seed`, or the config's.
      grid: further settings with their values, as {"tune.learning_rate": [1e-3, 3e-3]}.
      num: sequences drawn from each run at its end; by default evaluate.num.
      particles: K; above 1 each run, and the prior at each c, is evaluated with populations as well, num / K sequences
        being picked. The summary then has the gaps to the optimum, and the frontier its line.
      engine: "local", one point after the other, or "ray", on the Ray cluster at RAY_ADDRESS.
      out: by default runs/NAME/sweep, or sweep beside the prior's folder.
      begin: given all points, returns a function that is given each row as soon as it is known.
    Raises:
      UserError: anything wrong with the input, before any point is begun.
      KeyboardInterrupt: after a checkpoint of the points that were being tuned.
    """
    from seqtutor.sweeps import grid as grids

    inputs.refuse_of_the_prior(settings or {})
    inputs.refuse_of_the_prior(grid or {}, free=())
    _check(engine, seeds, reward, grid or {})
    inputs.check_particles(particles, None)
    named = None if reward is None else written(reward)
    changes = {**(settings or {}), **inputs.given({"tune.reward": named, "evaluate.num": num, "seed": seed})}
    loaded = inputs.as_run(prior) if config is None else None  # else later: it is slow, and checks come first
    source = inputs.config_of(loaded, changes.get("tune.reward")) if loaded else config
    assert source is not None
    base = configs.load(source, changes)
    numbers = range(base.seed, base.seed + seeds)
    points = grids.grid(_tuple(variants) or (base.tune.variant,), _tuple(c) or (base.tune.c,), numbers, grid or {})
    where = inputs.where(config) if config is not None else "the prior's config"
    plan = [(point, configs.changed(base, point.settings, where)) for point in points]
    path = Path(prior) if isinstance(prior, str | Path) else prior.path
    inputs.refuse_reward_of_a_run(base.tune.reward, config, {**changes, **(grid or {})}, path)
    folder = Path(out) if out is not None else _folder(path, config)
    folders = [RunFolder(folder / point.name) for point in points]
    if path.resolve() in {place.resolve() for place in (folder, *(run.path for run in folders))}:
        raise UserError(f"--out {folder}: the prior's own folder would be written to; choose another")
    if (folder / "summary.csv").exists() and not (resume or force):
        raise UserError(f"{folder} holds a sweep already; use --resume, --force or another --out")
    loaded = loaded or inputs.as_run(prior)
    begin = begin or (lambda points: _warn_of_diverged)
    return _run(plan, folders, loaded, reward, folder, where, engine, begin, particles, (resume, force, quiet))


def _run(
    plan: Sequence[tuple[Point, Config]], folders: Sequence[RunFolder], prior: Run, reward: RewardLike | None,
    folder: Path, where: str, engine: str, begin: Callable[[Sequence[Point]], Callable[[Row], None]], particles: int,
    flags: tuple[bool, bool, bool],
) -> Sweep:  # fmt: skip
    """Makes the folders of a plan's points, and runs what is unfinished."""
    from seqtutor.sweeps import ray_engine, sweep

    resume, force, quiet = flags
    jobs = []
    for (point, resolved), run in zip(plan, folders, strict=True):
        whole, prior = inputs.of_prior(resolved, prior)  # of one length, as all points are
        jobs.append(sweep.Job(point, whole, run, particles))
    with (
        make_reward(prior.domain, _chosen(jobs, reward), jobs[0].config.tune.batch) as scores,
        only_writer(folder),
        ray_engine.engine(prior.path) if engine == "ray" else nullcontext() as there,
    ):
        sweep.prepare(jobs, prior, scores, provenance.of_tuned(prior, written(_chosen(jobs, reward))), resume, force)
        inputs.tell_of_prior(plan[0][1], prior, where)
        restrictions.tell_of_untrained(prior)
        tell = begin([job.point for job in jobs])
        rows = sweep.sweep(jobs, prior, scores, folder, tell, quiet, there)
    return Sweep(folder, rows, sweep.columns(jobs))


def _check(engine: str, seeds: int, reward: RewardLike | None, grid: Mapping[str, Sequence[Any]]) -> None:
    """Raises UserError for an unknown engine or one that cannot have the reward, for no seeds, and for a wrong grid."""
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    if engine == "ray" and callable(reward):
        raise UserError("the points run in other processes: with engine 'ray' give the reward as file.py:function")
    inputs.at_least(1, seeds=seeds)
    for key, values in grid.items():
        if key in OWN:
            raise UserError(f"the grid has {key}; give it as {OWN[key]}")
        if isinstance(values, str) or not isinstance(values, Iterable) or not list(values):
            raise UserError(f"the grid has {key} = {values!r}; give a list of values")


def _chosen(jobs: Sequence[Job], reward: RewardLike | None) -> RewardLike:
    """The reward of every point, which have one."""
    return jobs[0].config.tune.reward if reward is None else reward


def _tuple(values: Any) -> tuple[Any, ...]:
    """One value, or several, as a tuple."""
    return (values,) if isinstance(values, str | float | int) else tuple(values)


def _folder(prior: Path, config: configs.Source | None) -> Path:
    if config is None and (shipped := folder_of(prior)) is not None:
        return Path("runs", shipped.name, "sweep")
    return prior.parent / "sweep" if config is None else Path("runs", inputs.name_of(config), "sweep")


def _warn_of_diverged(row: Row) -> None:
    from seqtutor.sweeps.frontier import DIVERGED

    if row["status"] == DIVERGED:
        LOG.warning(f"{row['folder']} diverged; lower tune.learning_rate, or raise c")
