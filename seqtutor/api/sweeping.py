"""`sweep`: tunes one prior in every variant, at every c, with several seeds, and compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqtutor import config as configs
from seqtutor.api import inputs
from seqtutor.config import Config
from seqtutor.domains.reward_spec import RewardLike, make_reward, written
from seqtutor.errors import UserError
from seqtutor.runs.run import Run
from seqtutor.runs.run_folder import RunFolder
from seqtutor.system.progress import LOG

if TYPE_CHECKING:
    import pandas as pd

    from seqtutor.sweeps.frontier import Row
    from seqtutor.sweeps.grid import Point


@dataclass(frozen=True)
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
        from seqtutor.sweeps import frontier

        return frontier.as_text(frontier.across_seeds(self.rows, self.columns), self.columns)

    def _repr_html_(self) -> str:
        return f"<pre>{self}</pre>"


def sweep(
    prior: Run | str | Path, config: configs.Source | None = None, *, variants: Sequence[str] = (),
    c: Sequence[float] = (), seeds: int = 1, grid: Mapping[str, Sequence[Any]] | None = None, num: int | None = None,
    reward: RewardLike | None = None, engine: str = "local", out: str | Path | None = None, seed: int | None = None,
    settings: Mapping[str, Any] | None = None, resume: bool = False, force: bool = False, quiet: bool = False,
    begin: Callable[[Sequence[Point]], Callable[[Row], None]] | None = None,
) -> Sweep:  # fmt: skip
    """Tunes one prior in every variant, at every c, with several seeds; each point is tuned and evaluated.

    Args:
      prior, config, reward, settings, resume, force: as of `tune`; resume also adds points to a sweep that ended.
      variants, c: by default those of the config. seeds: how many; the first is `seed`, or the config's.
      grid: further settings with their values, as {"tune.learning_rate": [1e-3, 3e-3]}.
      num: sequences drawn from each run at its end; by default evaluate.num.
      engine: "local", one point after the other, or "ray", on the Ray cluster at RAY_ADDRESS.
      out: by default runs/NAME/sweep, or sweep beside the prior's folder.
      begin: given all points, returns a function that is given each row as soon as it is known.
    Raises:
      UserError: anything wrong with the input, before any point is begun.
      KeyboardInterrupt: after a checkpoint of the points that were being tuned.
    """
    from seqtutor.sweeps import grid as grids

    loaded_early = None if config is not None else inputs.as_run(prior)
    base_source = config if config is not None else loaded_early.config if loaded_early else {}
    inputs.refuse_of_the_prior({**(settings or {}), **(grid or {})})
    own = {"tune.reward": reward and written(reward), "evaluate.num": num, "seed": seed}
    changes = {**(settings or {}), **inputs.given(own)}
    base = configs.load(base_source, changes)
    numbers = range(base.seed, base.seed + seeds)
    points = grids.grid(tuple(variants) or (base.tune.variant,), tuple(c) or (base.tune.c,), numbers, grid or {})
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
    loaded = loaded_early or inputs.as_run(prior)
    begin = begin or (lambda points: _warn_of_diverged)
    return _run(plan, folders, loaded, reward, folder, where, engine, begin, (resume, force, quiet))


def _run(
    plan: Sequence[tuple[Point, Config]], folders: Sequence[RunFolder], prior: Run, reward: RewardLike | None,
    folder: Path, where: str, engine: str, begin: Callable[[Sequence[Point]], Callable[[Row], None]],
    flags: tuple[bool, bool, bool],
) -> Sweep:  # fmt: skip
    """Makes the folders of a plan's points, and runs what is unfinished."""
    from seqtutor.sweeps import ray_engine, sweep

    resume, force, quiet = flags
    jobs = [
        sweep.Job(point, inputs.of_prior(resolved, prior), run)
        for (point, resolved), run in zip(plan, folders, strict=True)
    ]
    with (
        make_reward(prior.domain, reward or jobs[0].config.tune.reward, jobs[0].config.tune.batch) as scores,
        ray_engine.engine(prior.path) if engine == "ray" else nullcontext() as there,
    ):
        sweep.prepare(jobs, prior, scores, inputs.about_tuned(prior.path), resume, force)
        inputs.tell_of_prior(plan[0][1], prior, where)
        tell = begin([job.point for job in jobs])
        rows = sweep.sweep(jobs, prior, scores, folder, tell, quiet, there)
    return Sweep(folder, rows, sweep.columns(jobs))


def _folder(prior: Path, config: configs.Source | None) -> Path:
    return prior.parent / "sweep" if config is None else Path("runs", inputs.name_of(config), "sweep")


def _warn_of_diverged(row: Row) -> None:
    from seqtutor.sweeps.frontier import DIVERGED

    if row["status"] == DIVERGED:
        LOG.warning(f"{row['folder']} diverged; lower tune.learning_rate, or raise c")
