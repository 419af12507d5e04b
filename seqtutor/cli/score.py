"""seqtutor score."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import complete, options


@click.command(
    epilog=options.example(
        "seqtutor score tunes/ --domain music --model runs/music/prior --out scores",
        "seqtutor score generated.smi --domain molecules --reward qed:2,sa:1",
        "seqtutor score waltz.mid --domain music --set domain.key=G --set domain.meter=3/4",
    )
)
@click.argument("path", metavar="FILE|DIR", type=options.PATH)
@click.option(
    "--domain", "domain_name", metavar="D", shell_complete=complete.domains,
    help="What the sequences are, e.g. music; default: the model's.",
)  # fmt: skip
@options.settings("domain.key=G")
@options.reward("the domain's")
@click.option("--model", type=options.PATH, metavar="RUN", help="Run whose policy gives log-probabilities.")
@click.option("--per-step", is_flag=True, help="Also write scores.npz, with every token's reward.")
@options.shared("the current folder")
def score(
    path: Path, domain_name: str | None, overrides: tuple[str, ...], reward: str | None, model: Path | None,
    per_step: bool, seed: int | None, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Reward and log-probability of given sequences.

    Reads MIDI, ABC and MusicXML files or a folder of them, .npz (tokens [N, T]), .smi, .sdf, and tables in .csv, .tsv
    or .parquet, also gzipped: of a table the column smiles, or text as in samples.csv, or one that FILE names, as in
    mols.csv:structure. Writes scores.csv, a row a sequence, and rejected.csv with what could not be read, or only but
    for a part. Nothing here is random, so the seed changes nothing.
    """
    from seqtutor.api.evaluation import write_scores
    from seqtutor.config import assignments

    folder = out or Path()
    count, rejected = write_scores(path, folder, domain_name, model, reward, per_step, assignments(overrides), quiet)
    if not quiet:
        bad = f" ({rejected} more rejected, see rejected.csv)" if rejected else ""
        options.say(f"{count} sequences{bad} in {folder / 'scores.csv'}")
