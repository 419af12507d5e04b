"""Options that several commands share. Nothing heavy is imported before an option is used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from seqtutor.cli import complete
from seqtutor.errors import unknown_name
from seqtutor.system.terminal import printable

VERBOSE = "seqtutor.verbose"  # where the context's meta says whether -v was given

Command = TypeVar("Command", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)


class Variant(click.ParamType):
    """A KL-control variant's name; an unknown one is refused with the nearest."""

    name = "variant"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Raises UserError for an unknown name."""
        from seqtutor.config import VARIANT_NAMES

        if value not in VARIANT_NAMES:
            raise unknown_name("variant", value, VARIANT_NAMES)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names, for the shell."""
        from seqtutor.config import VARIANT_NAMES

        return complete.among(VARIANT_NAMES, incomplete)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """The names, for the help text."""
        from seqtutor.config import VARIANT_NAMES

        return f"[{'|'.join(VARIANT_NAMES)}]"


class Tuning(click.Command):
    """A command whose help lists the variants."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, and then the variants with a line on each."""
        from seqtutor.config import VARIANT_SUMMARIES

        super().format_options(ctx, formatter)
        with formatter.section("Variants"):
            formatter.write_dl(list(VARIANT_SUMMARIES.items()))


class Group(click.Group):
    """A group that refuses an unknown command with the nearest names."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, but raises UserError for an unknown command."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise unknown_name("command", args[0], names)
        return super().resolve_command(ctx, args)


def _remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    ctx.meta[VERBOSE] = value


def _hush(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    if value:
        logging.getLogger("seqtutor").setLevel(logging.ERROR)  # no warnings either
    return value


def shared(out: str, seed: str = "the config's") -> Callable[[Command], Command]:
    """--seed, --out, --quiet and -v. `out` says where files go without --out, "" that it must be given."""
    where = f"Where to write; default: {out}." if out else "Where to write."
    return _all(
        click.option("--seed", type=click.IntRange(0, 2**31 - 1), help=f"Random seed; default: {seed}."),
        click.option("--out", type=PATH, metavar="DIR", required=not out, help=where),
        terminal(),
    )


def terminal() -> Callable[[Command], Command]:
    """--quiet and -v, which every command takes."""
    return _all(
        click.option("--quiet", is_flag=True, callback=_hush, help="Only results and errors on the terminal."),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_remember,
            help="The traceback of an error.",
        ),
    )


def settings(example: str) -> Callable[[Command], Command]:
    """--set, as often as wanted. `example`: a setting that the command takes."""
    text = f"Change a value of the config, e.g. {example}; may be given several times."
    return click.option("--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help=text)


def training(example: str) -> Callable[[Command], Command]:
    """CONFIG, --set (`example`: a setting), --resume and --force, for the commands that make a run."""
    return _all(
        click.argument("config", shell_complete=complete.configs),
        settings(example),
        click.option(
            "--resume", is_flag=True, help="Continue from the newest checkpoint; a longer run may be asked for."
        ),
        click.option("--force", is_flag=True, help="Overwrite a run that is there already."),
    )


def engine(what: str) -> Callable[[Command], Command]:
    """--engine. `what` is what it runs."""
    text = f"Run the {what} one after the other, or on the Ray cluster at RAY_ADDRESS (see docs/devices.md)."
    choice = click.Choice(["local", "ray"])
    return click.option("--engine", type=choice, default="local", show_default=True, help=text)


def particles(default: str) -> Callable[[Command], Command]:
    """--particles and --c. `default` says which temperature counts without it."""
    text = "Pick each sequence from a population of K particles, nearer to the optimum than the policy is."
    return _all(
        click.option("--particles", metavar="K", type=click.IntRange(1), default=1, show_default=True, help=text),
        click.option("--c", type=float, help=f"Temperature of the optimum; default: {default}."),
    )


def length(default: str) -> Callable[[Command], Command]:
    """--length and --bars. `default` says which length counts without them."""
    return _all(
        click.option(
            "--length", type=click.IntRange(1), metavar="N", help=f"Tokens of a sequence; default: {default}."
        ),
        click.option("--bars", type=click.IntRange(1), metavar="N", help="The same in bars, for melodies."),
    )


def notes(default: str) -> Callable[[Command], Command]:
    """--range and --scale. `default` says which notes are drawn without them."""
    what = f"G3-A5, a voice or instrument, as flute, for melodies; default: {default}."
    return _all(
        click.option("--range", metavar="NOTES", help=f"Draw only these notes: {what}"),
        click.option("--scale", metavar="NAME", help="The same by a scale, as pentatonic or 'D dorian'."),
    )


def reward(default: str) -> Callable[[Command], Command]:
    """--reward. `default` says which reward counts without it."""
    text = (
        "Built-in name, weighted sum (qed:2,logp@clip/0/5:1; see docs/rewards.md), or file.py:function or "
        "command:WORDS, which are run, rest:URL, which is asked, or ratings.csv (see rate); "
        f"default: {default}."
    )
    return click.option("--reward", metavar="R", shell_complete=complete.rewards, help=text)


def say(text: str) -> None:
    """Prints a result on standard output."""
    click.echo(printable(text))


def example(*lines: str) -> str:
    """The epilog of a command's help."""
    return "\n".join(["\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)])


def _all(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """One decorator out of several; the help lists the options in the order given."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate
