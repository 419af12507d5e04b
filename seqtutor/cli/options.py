"""Options that several commands share. Nothing heavy is imported before an option is used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from seqtutor.cli import complete
from seqtutor.errors import UserError, unknown_name

if TYPE_CHECKING:
    from seqtutor.data.corpus import Corpus
    from seqtutor.domains.base import Domain
    from seqtutor.runs.run import Run

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


def shared(out: str) -> Callable[[Command], Command]:
    """--seed, --out, --quiet and -v. `out` says where files go without --out."""
    return _all(
        click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Random seed; default: the config's."),
        click.option("--out", type=PATH, metavar="DIR", help=f"Where to write; default: {out}."),
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


def settings() -> Callable[[Command], Command]:
    """--set, as often as wanted."""
    text = "Change a value of the config, e.g. tune.rounds=50; may be given several times."
    return click.option("--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help=text)


def training() -> Callable[[Command], Command]:
    """CONFIG, --set, --resume and --force, for the commands that make a run."""
    return _all(
        click.argument("config", type=PATH),
        settings(),
        click.option("--resume", is_flag=True, help="Go on from the newest checkpoint; a longer run may be asked for."),
        click.option("--force", is_flag=True, help="Overwrite a run that is there already."),
    )


def reward(default: str) -> Callable[[Command], Command]:
    """--reward. `default` says which reward counts without it."""
    text = (
        "Built-in name, weighted sum (qed:2,logp@clip/0/5:1; see docs/rewards.md), or file.py:function, which is run; "
        f"default: {default}."
    )
    return click.option("--reward", metavar="R", shell_complete=complete.rewards, help=text)


def changed(run: Run, overrides: tuple[str, ...]) -> Run:
    """A run with values of its config changed by --set. Raises UserError for one that was settled by training."""
    from dataclasses import replace

    from seqtutor import config as configs

    config = configs.changed(run.config, overrides, str(run.path))
    free = {"sample": config.sample, "evaluate": config.evaluate}
    if config != run.config.model_copy(update=free):
        raise UserError(f"--set: of a trained run only {' and '.join(f'{name}.*' for name in free)} can be changed")
    return replace(run, config=config)


def named_domain(name: str, overrides: tuple[str, ...]) -> Domain:
    """The domain of files, its options set by --set. Raises UserError if that sets anything else."""
    from seqtutor import config as configs
    from seqtutor.domains import make_domain

    default = configs.from_tree({"domain": {"name": name}}, "--domain")
    config = configs.changed(default, overrides, "--set")
    if config != default.model_copy(update={"domain": config.domain}) or config.domain["name"] != name:
        raise UserError("--set: without a run only the options domain.* can be changed")
    return make_domain(config.domain)


def tell_longer(grown: dict[str, tuple[Any, Any]]) -> None:
    """Says what it means that a run goes on for longer than it was begun for; see `RunFolder.create`."""
    from seqtutor.system.progress import LOG

    for key, (old, new) in grown.items():
        LOG.warning(
            f"going on with {key} {new}, after {old}: the learning rate follows the new length from here, so this is "
            "not the run that had it from the start"
        )


def differences(these: Mapping[str, Any], others: Mapping[str, Any]) -> str:
    """The options of a domain that are not as in others, each as `domain.key THIS, not OTHER`."""
    return "; ".join(f"domain.{key} {value}, not {others[key]}" for key, value in these.items() if others[key] != value)


def check_primer(domain: Domain, spec: str, folder: Path) -> None:
    """Says how much of a primer's file is left out, and that it is listed in the folder.

    Raises UserError if the primer is none, before anything is made.
    """
    from seqtutor.policy.primers import Primer
    from seqtutor.system.progress import LOG

    if bad := len(Primer(domain, spec).rejected):
        LOG.warning(f"left out {bad} of the primers in {spec}: see {folder / 'rejected.csv'}")


def read_data(domain: Domain, name: str, quiet: bool) -> Corpus:
    """See `corpus.load`; shows how far it is."""
    from seqtutor.data import corpus
    from seqtutor.system.progress import Progress

    with Progress(None, "sequence", quiet, what=f"reading {name}") as progress:
        return corpus.load(domain, name, lambda count: progress.advance(by=count))


def example(*lines: str) -> str:
    """The epilog of a command's help."""
    return "\n".join(["\b", "Example:", *(f"  {line}" for line in lines)])


def _all(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """One decorator out of several; the options stand in the help in the order given."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate
