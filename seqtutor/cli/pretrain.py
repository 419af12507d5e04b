"""seqtutor pretrain."""

from __future__ import annotations

import json
from pathlib import Path

import click

from seqtutor.cli import complete, options

LONGER = ("pretrain.epochs", "pretrain.patience")  # what may grow with --resume


@click.command(epilog=options.example("seqtutor pretrain configs/music.yaml --set model.units=128 --seed 1"))
@options.training()
@click.option(
    "--data", metavar="NAME|PATH", shell_complete=complete.data_sets,
    help="Training data; default: data.name of the config.",
)  # fmt: skip
@options.shared("runs/CONFIG's name/prior")
def pretrain(
    config: Path, overrides: tuple[str, ...], resume: bool, force: bool, data: str | None,
    seed: int | None, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Train a prior by maximum likelihood.

    CONFIG is a YAML file such as configs/music.yaml. The run folder holds the resolved config, checkpoints and
    history.csv; an interrupted run goes on with --resume, a finished one with greater pretrain.epochs.
    """
    from seqtutor import config as configs
    from seqtutor.runs.run_folder import RunFolder

    if data is not None:
        overrides += (f"data.name={json.dumps(data)}",)
    if seed is not None:
        overrides += (f"seed={seed}",)
    resolved = configs.load(config, overrides)
    run = RunFolder(out or Path("runs", config.stem, "prior"))

    from seqtutor.system import tensorflow_setup

    tensorflow_setup.setup()
    from seqtutor.domains import make_domain
    from seqtutor.pretraining.loop import pretrain as train
    from seqtutor.pretraining.replicas import is_chief
    from seqtutor.system import tables

    corpus = options.read_data(make_domain(resolved.domain), resolved.data.name, quiet)
    data = {"sha256": corpus.sha256, "sequences": len(corpus)}
    if is_chief():
        options.tell_longer(run.create(resolved, {"kind": "prior", "data": data}, resume, force, LONGER))
        tables.write_rejected(run.path, corpus.rejected)
        if corpus.rejected and not quiet:
            count, total = len(corpus.rejected), len(corpus.rejected) + len(corpus)
            why = f"({corpus.rejected.reasons()}): see {run.path / 'rejected.csv'}"
            click.echo(f"rejected {count:,} of {total:,} sequences {why}", err=True)
    train(resolved, corpus, run, resume, quiet)
    if not quiet:
        click.echo(f"the prior is in {run.path}")
