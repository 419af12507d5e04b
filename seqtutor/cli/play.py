"""seqtutor play."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import options


@click.command(epilog=options.example("seqtutor play music --num 8", "seqtutor play tunes/melody-00001.mid"))
@click.argument("path", metavar="RUN|FILE", type=options.PATH)
@click.option("--num", type=click.IntRange(1, 1000), default=8, show_default=True, help="Melodies, at the most.")
@options.particles("the run's tune.c")
@options.length("the run's")
@options.notes("the run's")
@click.option("--tempo", type=float, metavar="BPM", help="Quarter notes a minute; default: 80.")
@options.reward("the run's tune.reward, or the domain's")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Random seed; default: the run's.")
@click.option("--out", type=options.PATH, metavar="FILE", default="play.html", show_default=True, help="The page.")
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
@options.terminal()
def play(
    path: Path, num: int, particles: int, c: float | None, length: int | None, bars: int | None, range: str | None,
    scale: str | None, tempo: float | None, reward: str | None, seed: int | None, out: Path, opened: bool, quiet: bool,
) -> None:  # fmt: skip
    """A page that plays melodies in the browser: drawn from a run, or those of a file or folder.

    It needs no network and nothing beside it. Each melody has its piano roll, marked by what each note earned of the
    reward, can be played, and kept as MIDI.
    """
    from seqtutor import api

    file = api.play(
        path, num=num, particles=particles, c=c, length=length, bars=bars, range=range, scale=scale, tempo=tempo,
        reward=reward, seed=seed, out=out, quiet=quiet,
    )  # fmt: skip
    if not quiet:
        options.say(f"{file}: open it in a browser, if --open does not")
    if opened:
        click.launch(str(file.resolve()))  # whether one starts, it does not wait to see
