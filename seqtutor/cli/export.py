"""seqtutor export."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import options


@click.command(epilog=options.example("seqtutor export runs/music/psi --out exported/psi"))
@click.argument("path", metavar="RUN", type=options.PATH)
@click.option("--force", is_flag=True, help="Overwrite a SavedModel that is there already.")
@options.shared("")
def export(path: Path, force: bool, seed: int | None, out: Path, quiet: bool) -> None:
    """Write a run's policy as a TensorFlow SavedModel, for programs without seqtutor.

    Its signatures are step, log_prob and sample; docs/export.md shows how to use them. Nothing here is random, so the
    seed changes nothing.
    """
    from seqtutor import api

    api.export(path, out, force=force)
    if not quiet:
        options.say(f"{out}: a SavedModel with the signatures step, log_prob and sample")
