"""seqtutor benchmark."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import options


@click.command(
    cls=options.Tuning,
    epilog=options.example(
        "seqtutor benchmark pmo --prior runs/molecules/prior --calls 1000 --seeds 2 --tasks qed,median1 --out runs/pmo"
    ),
)
@click.argument("suite", metavar="pmo|guacamol")
@click.option("--prior", required=True, type=options.PATH, metavar="RUN", help="Run folder of the prior to tune.")
@click.option("--config", default="molecules-few-calls", show_default=True, help="How to tune: a preset or a file.")
@click.option("--variant", type=options.Variant(), help="How to tune; default: tune.variant of the config.")
@click.option(
    "--calls", type=click.IntRange(1), default=10_000, show_default=True, metavar="N",
    help="Different valid molecules scored for each task and seed.",
)  # fmt: skip
@click.option(
    "--seeds", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many; the first is --seed."
)
@click.option("--tasks", metavar="T,T,...", default="", help="Default: all that need no trained models.")
@options.settings("tune.batch=32")
@options.engine("runs")
@click.option("--resume", is_flag=True, help="Continue what is unfinished; there may be more seeds and tasks.")
@click.option("--force", is_flag=True, help="Overwrite a benchmark that is there already.")
@options.shared("the suite's name beside the prior's folder")
def benchmark(
    suite: str, prior: Path, config: str, variant: str | None, calls: int, seeds: int, tasks: str,
    overrides: tuple[str, ...], engine: str, resume: bool, force: bool, seed: int | None, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Tune a prior for every task of PMO or GuacaMol, and tabulate how good the best molecules are.

    Each task and seed is a run folder of its own. Writes results.csv and results.json, and prints means across seeds
    beside published figures. Counts calls and areas as PMO does: a call is a molecule that was not scored before.
    """
    from seqtutor import api
    from seqtutor.config import assignments

    found = api.benchmark(
        suite, prior, config=config, variant=variant, calls=calls, seeds=seeds,
        tasks=tuple(task.strip() for task in tasks.split(",") if task.strip()), out=out, seed=seed,
        settings=assignments(overrides), engine=engine, resume=resume, force=force, quiet=quiet,
    )  # fmt: skip
    if not quiet:
        click.echo(f"{found}\nresults.csv and results.json: in {found.folder}")
