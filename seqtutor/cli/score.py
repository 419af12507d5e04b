"""seqtutor score."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import complete, options
from seqtutor.errors import UserError


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
@options.settings()
@options.reward("the domain's")
@click.option("--model", type=options.PATH, metavar="RUN", help="Run whose policy gives log-probabilities.")
@click.option("--per-step", is_flag=True, help="Also write scores.npz, with every token's reward.")
@options.shared("the current folder")
def score(
    path: Path, domain_name: str | None, overrides: tuple[str, ...], reward: str | None, model: Path | None,
    per_step: bool, seed: int | None, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Reward and log-probability of given sequences.

    Reads .mid files or a folder of them, .npz (tokens [N, T]), .smi, and .csv or .tsv, also gzipped: of a table the
    column smiles, or text as in samples.csv, or one that FILE names, as in mols.csv:structure. Writes scores.csv, a row
    a sequence, and rejected.csv with what could not be read. Nothing here is random, so the seed changes nothing.
    """
    if domain_name is None and model is None:
        raise UserError("score needs --domain, e.g. --domain music, or --model")

    from seqtutor.system import tensorflow_setup

    domain = None if domain_name is None else options.named_domain(domain_name, overrides if model is None else ())
    tensorflow_setup.setup()
    from seqtutor.data.sequence_files import SequenceFile
    from seqtutor.domains.reward_spec import make_reward
    from seqtutor.evaluation.score import score as write
    from seqtutor.runs.run import load_run

    run = None if model is None else options.changed(load_run(model), overrides)
    if run is not None:
        if domain is not None and domain.name != run.domain.name:
            raise UserError(
                f"--domain is '{domain.name}', but --model {model} is of '{run.domain.name}'; leave one out"
            )
        domain = run.domain
    given = SequenceFile(domain, path, own_vocabulary=run is None)
    folder = out or Path()
    with make_reward(given.domain, reward or "") as scores:
        count = write(given, scores, run, folder, per_step, quiet)
    if not quiet:
        bad = f" ({len(given.rejected)} more rejected, see rejected.csv)" if given.rejected else ""
        click.echo(f"{count} sequences{bad} in {folder / 'scores.csv'}")
