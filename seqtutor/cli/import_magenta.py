"""seqtutor import-magenta."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import options


@click.command(
    "import-magenta",
    epilog=options.example("seqtutor import-magenta note_rnn.ckpt --out runs/note_rnn/prior"),
)
@click.argument("checkpoint", type=options.PATH)
@click.option(
    "--events",
    type=click.Choice(["rl-tuner", "note-seq"]),
    help="What the data called 0 and 1: note off and no event, or (note-seq's encoders) the other way round; "
    "default: note-seq of a bundle, else rl-tuner.",
)
@click.option("--force", is_flag=True, help="Overwrite a run that is there already.")
@options.shared("", seed="0")
def import_magenta(checkpoint: Path, events: str | None, force: bool, seed: int | None, out: Path, quiet: bool) -> None:
    """Make a prior of a checkpoint of Magenta's RL Tuner Note RNN, or of a one-hot melody_rnn (basic_rnn).

    CHECKPOINT is its prefix, one of its files, or the folder it lies in; or a bundle, FILE.mag. The prior can be
    tuned, sampled and evaluated like one that `seqtutor pretrain` made.
    """
    from seqtutor import api

    run = api.import_magenta(checkpoint, out, events=events or "", seed=seed or 0, force=force)
    if not quiet:
        sizes = run.config.model.sizes
        options.say(f"{run.path}: a prior of {len(sizes)} layers, {', '.join(map(str, sizes))} units")
