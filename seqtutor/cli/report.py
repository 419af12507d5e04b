"""seqtutor report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqtutor.cli import options
from seqtutor.errors import UserError

if TYPE_CHECKING:
    from seqtutor.runs.run import Run


@click.command(epilog=options.example("seqtutor report runs/music/prior runs/music/psi"))
@click.argument("paths", metavar="RUN...", nargs=-1, required=True, type=options.PATH)
@click.option("--num", type=click.IntRange(2), help="Sequences drawn from each run; default: the first's evaluate.num.")
@options.reward("the first tuned run's")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Random seed; default: the first run's.")
@click.option(
    "--out",
    type=options.PATH,
    metavar="FILE|DIR",
    help="Where to write; default: the last run's report.html.",
)
@options.terminal()
def report(
    paths: tuple[Path, ...], num: int | None, reward: str | None, seed: int | None, out: Path | None, quiet: bool
) -> None:
    """One HTML page about runs: before and after, figures with intervals, learning curves, nearest training data.

    Name the prior first. The page opens from the disk, without a network; all it shows and plays is inside.
    """
    from seqtutor.system import tensorflow_setup

    tensorflow_setup.setup()
    from seqtutor.cli.evaluate import common_domain, subjects_of
    from seqtutor.domains.reward_spec import make_reward
    from seqtutor.evaluation.evaluate import Study
    from seqtutor.reports.collect import collect
    from seqtutor.reports.page import page
    from seqtutor.runs.run import load_run
    from seqtutor.system.files import write_text
    from seqtutor.system.tables import make_folder

    runs = {path: load_run(path) for path in paths}
    domain, first = common_domain(runs, None), runs[paths[0]]
    tuned = next((run for run in runs.values() if run.policy.tuned is not None), None)
    spec = reward if reward is not None else tuned.reward_spec if tuned else ""
    reference, missing = _reference(first, quiet)
    study = Study(
        num or first.config.evaluate.num, first.config.seed if seed is None else seed,
        lambda of: make_reward(of, spec), reference,
    )  # fmt: skip
    found = collect(subjects_of(paths, runs, domain), study, spec, missing, quiet)
    file = _file(out or paths[-1])
    make_folder(file.parent)
    write_text(file, page(found))
    if not quiet:
        click.echo(f"{file} ({file.stat().st_size / 1e6:.1f} MB)")


def _file(out: Path) -> Path:
    """The page's file: `out` itself if it is named so, else report.html in it."""
    named = out.suffix.lower() in (".html", ".htm") and not out.is_dir()
    return out if named else out / "report.html"


def _reference(run: Run, quiet: bool) -> tuple[Any | None, str]:
    """What the training data make for the domain; where they are not on this machine, None and why."""
    name = run.config.evaluate.reference or run.config.data.name
    if not name:
        return None, "left out, for the first run names no data set"
    free = type(run.domain)(run.domain.options)  # with no run's vocabulary: tokens unknown to the run count as well
    try:
        return run.domain.reference(options.read_data(free, name, quiet).texts()), ""
    except UserError as error:
        return None, f"left out, for the training data are not on this machine ({error})"
