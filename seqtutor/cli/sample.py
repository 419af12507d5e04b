"""seqtutor sample."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import options


@click.command(
    epilog=options.example(
        "seqtutor sample runs/music/psi --num 20 --format mid", "seqtutor sample music --num 8 --format mid"
    )
)
@click.argument("path", metavar="RUN", type=options.PATH)
@click.option("--num", required=True, type=click.IntRange(1), help="Number of sequences.")
@click.option(
    "--format", "kind", default="csv", metavar="FORMAT", show_default=True,
    help="csv, npz or parquet, or a format of the domain: mid, wav, abc, musicxml, png for music; smi, sdf, svg, png "
    "for molecules.",
)  # fmt: skip
@options.particles("the run's tune.c")
@click.option("--temperature", type=float, help="Below 1 sharpens the policy, above flattens.")
@click.option("--primer", metavar="FILE|TOKENS", help="What comes first: start, random, tokens as text, or a file.")
@click.option("--like", type=options.PATH, metavar="FILE", help="Continue the last two bars of a tune; see --primer.")
@options.length("the run's")
@options.notes("the run's")
@click.option("--tempo", type=float, metavar="BPM", help="Quarter notes a minute, for melodies; default: 80.")
@click.option("--program", metavar="NAME", help="Instrument of General MIDI, as flute, or its number from 0.")
@click.option("--swing", type=float, metavar="PERCENT", help="Of a quarter for its first eighth, 50 to 75; MIDI, wav.")
@click.option("--velocity", type=int, metavar="N", help="Loudness, 1 to 127; MIDI and MusicXML.")
@options.reward("the run's tune.reward")
@options.settings("sample.batch=256")
@options.shared("RUN/samples, or NAME-samples of a prior that comes with seqtutor")
def sample(
    path: Path, num: int, kind: str, particles: int, c: float | None, temperature: float | None,
    primer: str | None, like: Path | None, length: int | None, bars: int | None, range: str | None,
    scale: str | None, tempo: float | None,
    program: str | None, swing: float | None, velocity: int | None, reward: str | None, overrides: tuple[str, ...],
    seed: int | None, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Draw sequences from a run, or a prior that comes with seqtutor, and write them as files.

    samples.csv is written in any case: text, tokens, log-probability under the prior and the policy, and rewards. The
    same seed draws the same sequences; fewer are the first of many.
    """
    from seqtutor import api
    from seqtutor.config import assignments
    from seqtutor.runs.shipped import folder_of

    asked = {"tempo": tempo, "program": program, "swing": swing, "velocity": velocity}
    folder = out or (path / "samples" if folder_of(path) is None else Path(f"{path.name}-samples"))
    api.sample(
        path, num, out=folder, format=kind, particles=particles, c=c, temperature=temperature, primer=primer,
        like=like, length=length, bars=bars, range=range, scale=scale, reward=reward, seed=seed,
        settings=assignments(overrides), quiet=quiet,
        playing={name: value for name, value in asked.items() if value is not None},
    )  # fmt: skip
    if not quiet:
        options.say(f"{num} sequences in {folder}")
