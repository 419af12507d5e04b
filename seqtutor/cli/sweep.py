"""seqtutor sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from seqtutor.cli import options
from seqtutor.errors import UserError

if TYPE_CHECKING:
    from seqtutor.sweeps.frontier import Row
    from seqtutor.sweeps.grid import Point

_OWN_OPTION = {"tune.variant": "--variants", "tune.c": "--c", "tune.reward": "--reward", "seed": "--seed"}


class Several(click.ParamType):
    """Values with commas between them, as a tuple."""

    def __init__(self, each: click.ParamType):
        self.each, self.name = each, each.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """Converts each; what is wrong with one is wrong with all."""
        return tuple(self.each.convert(part.strip(), param, ctx) for part in value.split(","))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Those of each."""
        return self.each.shell_complete(ctx, param, incomplete)


@click.command(
    cls=options.Tuning,
    epilog=options.example("seqtutor sweep chain --prior runs/chain/prior --variants psi,g,tb --c 0.5,1,2 --seeds 3"),
)
@options.training("tune.rounds=50")
@click.option("--prior", required=True, type=options.PATH, metavar="RUN", help="Run folder of the prior to tune.")
@click.option("--variants", type=Several(options.Variant()), metavar="V,V,...", help="Default: tune.variant.")
@click.option("--c", "cs", type=Several(click.FLOAT), metavar="C,C,...", help="Temperatures; default: tune.c.")
@click.option(
    "--seeds", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many; the first is --seed."
)
@click.option("--num", type=click.IntRange(2), help="Sequences drawn from each run at its end; default: evaluate.num.")
@click.option(
    "--particles",
    metavar="K",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Evaluate with populations of K particles as well, which gives the gaps to the optimum and its line.",
)
@options.engine("points")
@options.reward("tune.reward of the config")
@options.shared("runs/CONFIG's name/sweep")
def sweep(
    config: str, overrides: tuple[str, ...], resume: bool, force: bool, prior: Path, variants: tuple[str, ...] | None,
    cs: tuple[float, ...] | None, seeds: int, num: int | None, particles: int, engine: str, reward: str | None,
    seed: int | None, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Tune one prior in every variant, at every c, with several seeds, and compare.

    A --set with commas, as tune.learning_rate=0.001,0.003, adds its values to the grid (quote a value that has a comma
    itself). Each point is tuned and evaluated in a run folder of its own. Writes summary.csv (a row a run),
    frontier.csv (means across seeds) and frontier.png (reward against KL). --resume continues an interrupted sweep, and
    adds points to one that ended.
    """
    from seqtutor import api
    from seqtutor.config import assignments
    from seqtutor.sweeps.grid import split

    for item in overrides:
        if option := _OWN_OPTION.get(item.partition("=")[0].strip()):
            raise UserError(f"--set {item}: give it with {option}")
    fixed, swept = split(overrides)
    found = api.sweep(
        prior, config, variants=variants or (), c=cs or (), seeds=seeds, grid=swept, num=num,
        particles=particles, reward=reward, engine=engine, out=out, seed=seed, settings=assignments(fixed),
        resume=resume, force=force, quiet=quiet, begin=lambda points: _teller(points, quiet),
    )  # fmt: skip
    if not quiet:
        options.say(f"\n{found}")
        options.say(f"summary.csv, frontier.csv and frontier.png: in {found.folder}")


def _teller(points: Sequence[Point], quiet: bool) -> Callable[[Row], None]:
    """Prints a row of the table as soon as it is known, below the names of the columns; warns of what diverged."""
    from seqtutor.sweeps.frontier import DIVERGED, FIGURES, text
    from seqtutor.system.progress import LOG, show

    labels = ("variant", "c", *points[0].swept, "seed")
    cells = [{"variant": p.variant, "c": text(p.c), **p.texts, "seed": str(p.seed)} for p in points]
    widths = {name: max(len(name), *(len(cell[name]) for cell in cells)) for name in labels}
    widths |= {name: max(len(name), 10) for name in (*FIGURES, "seconds", "status")}

    def line(row: Row) -> str:
        return "  ".join(text(row[name]).rjust(width) for name, width in widths.items())

    def tell(row: Row) -> None:
        if not quiet:
            show(line(row))
        if row["status"] == DIVERGED:
            LOG.warning(f"{row['folder']} diverged; lower tune.learning_rate, or raise c")

    if not quiet:
        show(line({name: name for name in widths}))
    return tell
