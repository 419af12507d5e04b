"""seqtutor pretrain."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import complete, options


@click.command(epilog=options.example("seqtutor pretrain music --set model.units=128 --seed 1"))
@options.training("model.units=128")
@click.option(
    "--data", metavar="NAME|PATH", shell_complete=complete.data_sets,
    help="Training data; default: data.name of the config.",
)  # fmt: skip
@options.shared("runs/CONFIG's name/prior")
def pretrain(
    config: str, overrides: tuple[str, ...], resume: bool, force: bool, data: str | None,
    seed: int | None, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Train a prior by maximum likelihood.

    CONFIG is a preset's name such as music-quick, or a YAML file. The run folder holds the
    resolved config, checkpoints and history.csv. An interrupted run continues with --resume, a finished one with
    greater pretrain.epochs.
    """
    from seqtutor import api
    from seqtutor.config import assignments

    run = api.pretrain(
        config, out=out, data=data, seed=seed, settings=assignments(overrides), resume=resume, force=force, quiet=quiet
    )
    if not quiet:
        options.say(f"the prior is in {run.path}")
