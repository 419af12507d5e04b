"""seqtutor export."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import options


@click.command(
    epilog=options.example(
        "seqtutor export runs/music/psi --out exported/psi",
        "seqtutor export runs/molecules/prior --format reinvent --out mine.prior",
    )
)
@click.argument("path", metavar="RUN", type=options.PATH)
@click.option(
    "--format", "kind", type=click.Choice(["saved-model", "reinvent"]), default="saved-model", show_default=True,
    help="A SavedModel in the folder --out, or a model file of REINVENT 4 named by --out.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite what is there already.")
@options.shared("")
def export(path: Path, kind: str, force: bool, seed: int | None, out: Path, quiet: bool) -> None:
    """Write a run's policy as a TensorFlow SavedModel, for programs without seqtutor, or as a model of REINVENT.

    A SavedModel's signatures are step, log_prob and sample; docs/export.md shows how to use them. Nothing here is
    random, so the seed changes nothing.
    """
    from seqtutor import api

    api.export(path, out, format=kind, force=force)
    if not quiet:
        what = "a SavedModel with the signatures step, log_prob and sample" if kind == "saved-model" else "a model file"
        options.say(f"{out}: {what}")
