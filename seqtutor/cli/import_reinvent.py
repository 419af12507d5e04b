"""seqtutor import-reinvent."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import options


@click.command(
    "import-reinvent",
    epilog=options.example("seqtutor import-reinvent reinvent.prior --out runs/reinvent/prior"),
)
@click.argument("model", metavar="FILE.prior", type=options.PATH)
@click.option("--force", is_flag=True, help="Overwrite a run that is there already.")
@options.shared("", seed="0")
def import_reinvent(model: Path, force: bool, seed: int | None, out: Path, quiet: bool) -> None:
    """Make a prior of a model file of REINVENT 3 or 4, such as reinvent.prior: LSTM layers over SMILES.

    Neither REINVENT nor torch is needed, and nothing in the file is executed. The prior gives every molecule the
    probability it has there. It can be tuned, sampled and evaluated like one that `seqtutor pretrain` made.
    """
    from seqtutor import api

    run = api.import_reinvent(model, out, seed=seed or 0, force=force)
    if not quiet:
        sizes = run.config.model.sizes
        options.say(f"{run.path}: a prior of {len(sizes)} layers, {', '.join(map(str, sizes))} units")
