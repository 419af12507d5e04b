"""seqtutor convert-reinvent."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import options


@click.command(
    "convert-reinvent",
    epilog=options.example("seqtutor convert-reinvent staged_learning.toml --out converted.yaml"),
)
@click.argument("config", metavar="CONFIG.toml|CONFIG.json", type=options.PATH)
@click.option(
    "--stage",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Which stage, where it has several.",
)
@click.option("--out", type=options.PATH, metavar="FILE", required=True, help="The YAML file to write.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there already.")
@options.terminal()
def convert_reinvent(config: Path, stage: int, out: Path, force: bool, quiet: bool) -> None:
    """Make a config for `seqtutor tune` of a config of REINVENT 4: of a stage of staged learning, or of a scoring.

    What has no counterpart, or one that differs, is listed on the terminal and at the beginning of the file.
    """
    from seqtutor import api

    notes = api.convert_reinvent(config, out, stage=stage, force=force)
    if not quiet:
        for note in notes:
            options.say(note)
        options.say(f"{out}: give it to `seqtutor tune`, with the prior as --prior RUN")
