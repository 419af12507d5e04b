"""seqtutor rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from seqtutor.cli import options
from seqtutor.errors import UserError

SHOWN = 6  # weights of each sign


@click.command(epilog=options.example("seqtutor rate music --num 50", "seqtutor rate ratings.csv"))
@click.argument("path", metavar="RUN|RATINGS.csv", type=options.PATH)
@click.option("--num", type=click.IntRange(1, 1000), default=50, show_default=True, help="Pairs of melodies.")
@options.particles("the run's tune.c")
@options.length("the run's")
@options.notes("the run's")
@click.option("--tempo", type=float, metavar="BPM", help="Quarter notes a minute; default: 80.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Random seed; default: the run's.")
@click.option("--out", type=options.PATH, metavar="FILE", default="rate.html", show_default=True, help="The page.")
@options.terminal()
def rate(
    path: Path, num: int, particles: int, c: float | None, length: int | None, bars: int | None, range: str | None,
    scale: str | None, tempo: float | None, seed: int | None, out: Path, quiet: bool,
) -> None:  # fmt: skip
    """Teach your taste: a page of pairs of melodies to choose between, or what a file of choices says.

    The page needs no network; it saves your choices as ratings.csv, which is a reward: tune --reward ratings.csv. With
    that file this command says how well the choices are predicted from one another, and what they prefer.
    """
    from seqtutor import api

    if path.suffix.lower() == ".csv":
        _refuse_of_a_run(path)
        for line in _lines(api.fit_ratings(path)):
            options.say(line)
        return
    file = api.rate(
        path, num=num, particles=particles, c=c, length=length, bars=bars, range=range, scale=scale, tempo=tempo,
        seed=seed, out=out, quiet=quiet,
    )  # fmt: skip
    if not quiet:
        options.say(f"{file}: open it in a browser, choose, and save ratings.csv")


def _refuse_of_a_run(path: Path) -> None:
    """Raises UserError for options on the command line that say how melodies are drawn or shown."""
    context = click.get_current_context()
    asked = [
        f"--{name}" for name in context.params
        if name not in ("path", "quiet") and context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]  # fmt: skip
    if asked:
        raise UserError(f"{path} holds choices: no melodies are drawn for it; leave out {' and '.join(asked)}")


def _lines(found: Any) -> list[str]:
    """What was learned, in words."""
    share, low, high = found.accuracy.value, found.accuracy.low, found.accuracy.high
    interval = "" if low is None else f" (95 % interval {low:.0%} to {high:.0%})"
    by_weight = sorted(found.spread.items(), key=lambda each: -each[1])
    more = [f"{name} {weight:+.2f}" for name, weight in by_weight[:SHOWN] if weight > 0]
    less = [f"{name} {weight:+.2f}" for name, weight in by_weight[::-1][:SHOWN] if weight < 0]
    return [
        f"{found.num} choices; {share:.0%} of them predicted from the others{interval}; 50 % is chance",
        f"more of: {', '.join(more) or 'nothing'}",
        f"less of: {', '.join(less) or 'nothing'}",
        "nats of odds for a standard deviation more of each",
    ]
