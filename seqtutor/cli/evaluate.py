"""seqtutor evaluate."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import complete, options


@click.command(
    epilog=options.example("seqtutor evaluate runs/music/prior runs/music/psi runs/music/rl-only --num 20000"),
)
@click.argument("paths", metavar="RUN|FILE...", nargs=-1, required=True, type=options.PATH)
@click.option("--num", type=click.IntRange(2), help="Sequences drawn from each run; default: the first's evaluate.num.")
@options.particles("the first tuned run's")
@options.length("each run's")
@options.notes("each run's")
@click.option(
    "--reference", metavar="NAME|PATH", shell_complete=complete.data_sets,
    help="What novelty is against; default: the first run's data set.",
)  # fmt: skip
@click.option(
    "--metrics", metavar="NAME", shell_complete=complete.metric_sets,
    help="Further statistics, which take longer: moses or guacamol for molecules, or all that the domain has.",
)  # fmt: skip
@click.option(
    "--domain", "domain_name", metavar="D", shell_complete=complete.domains,
    help="What the files hold, where no run says so.",
)  # fmt: skip
@options.reward("the domain's, whatever the runs were tuned for")
@options.settings("sample.batch=256")
@options.shared("the first run's folder, or the current one")
def evaluate(
    paths: tuple[Path, ...], num: int | None, particles: int, c: float | None, length: int | None, bars: int | None,
    range: str | None, scale: str | None, reference: str | None, metrics: str | None, domain_name: str | None,
    reward: str | None, overrides: tuple[str, ...], seed: int | None, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Statistics of runs and files with 95 % intervals, side by side.

    Draws sequences from each run at temperature 1 and reads each file. All are judged by one reward. Writes
    evaluation.json and evaluation.csv; what differs from the first significantly is marked.
    """
    from seqtutor import api
    from seqtutor.config import assignments

    first = next((path for path in paths if (path / "config.yaml").exists()), Path())
    found = api.evaluate(
        paths, num=num, particles=particles, c=c, length=length, bars=bars, range=range, scale=scale,
        reference=reference, metrics=metrics, domain=domain_name, reward=reward, seed=seed, out=out or first,
        settings=assignments(overrides), quiet=quiet,
    )  # fmt: skip
    click.echo(str(found).replace(" *", click.style(" *", fg="green")))
