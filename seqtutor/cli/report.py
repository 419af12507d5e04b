"""seqtutor report."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import options


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
    from seqtutor import api

    file = api.report(paths, num=num, reward=reward, seed=seed, out=out, quiet=quiet)
    if not quiet:
        options.say(f"{file} ({file.stat().st_size / 1e6:.1f} MB)")
