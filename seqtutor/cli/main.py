"""The command `seqtutor`: finds a command's module when it is called for, and turns errors into exit codes.

Exit codes: 0 done, 2 wrong usage or input, 1 anything else; 130 after Ctrl-C, 143 after SIGTERM, 129 after
SIGHUP.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Sequence
from typing import Any

import click
from click.shell_completion import shell_complete

import seqtutor
from seqtutor.cli.options import VERBOSE, Group
from seqtutor.errors import UserError
from seqtutor.system import interrupt
from seqtutor.system.terminal import in_a_line, printable

# name -> (module:attribute, one line of help). Kept here so that `seqtutor --help` loads no command's module.
COMMANDS = {
    "pretrain": ("seqtutor.cli.pretrain:pretrain", "Train a prior by maximum likelihood."),
    "tune": ("seqtutor.cli.tune:tune", "Tune a prior towards a reward by KL-control."),
    "sweep": ("seqtutor.cli.sweep:sweep", "Tune in several variants, at several c, with several seeds; compare."),
    "benchmark": ("seqtutor.cli.benchmark:benchmark", "Tune for every task of PMO or GuacaMol; tabulate the best."),
    "sample": ("seqtutor.cli.sample:sample", "Draw sequences from a run and write them as files."),
    "evaluate": ("seqtutor.cli.evaluate:evaluate", "Statistics of runs and files with 95 % intervals, side by side."),
    "report": ("seqtutor.cli.report:report", "One HTML page about runs: before and after, figures, learning curves."),
    "play": ("seqtutor.cli.play:play", "A page that plays melodies in the browser."),
    "rate": ("seqtutor.cli.rate:rate", "A page of pairs of melodies to choose between, and what choices say."),
    "score": ("seqtutor.cli.score:score", "Reward and log-probability of given sequences."),
    "export": ("seqtutor.cli.export:export", "Write a run's policy as a TensorFlow SavedModel."),
    "import-magenta": ("seqtutor.cli.import_magenta:import_magenta", "Make a prior of a checkpoint of Magenta's."),
    "import-reinvent": ("seqtutor.cli.import_reinvent:import_reinvent", "Make a prior of a model file of REINVENT's."),
    "convert-reinvent": ("seqtutor.cli.convert_reinvent:convert_reinvent", "Make a config of one of REINVENT's."),
    "data": ("seqtutor.cli.data:data", "List, describe, fetch and import data sets."),
    "prior": ("seqtutor.cli.prior:prior", "List the priors that come with seqtutor."),
    "config": ("seqtutor.cli.config:config", "List, show and copy the configs that come with seqtutor."),
    "doctor": ("seqtutor.cli.doctor:doctor", "Show versions, cores, memory and speed, and check the rewards."),
}
COMPLETE = "_SEQTUTOR_COMPLETE"  # click's: `bash_source` asks for a script that calls back with `bash_complete`
_HELP_ASKED = getattr(click.exceptions, "NoArgsIsHelpError", ())  # by a group without arguments; since click 8.2
_EPILOG = "\b\nExample:\n  seqtutor pretrain music-quick"


class Commands(Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name, in the order of a user's way through them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Imports a command; None for an unknown name."""
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name][0].split(":")
        return getattr(importlib.import_module(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands from the table above, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        tensorflow = _installed(["tensorflow", "tensorflow-cpu"])  # the same package under two names
        click.echo(f"seqtutor {seqtutor.__version__} (TensorFlow {tensorflow}, RDKit {_installed(['rdkit'])})")
        ctx.exit()


def _installed(names: Iterable[str]) -> str:
    from importlib import metadata

    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "not installed"


@click.group(cls=Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show versions."
)
def commands() -> None:
    """Sequence Tutor: tune a sequence generator towards a reward while it stays close to its training data."""


def main() -> None:
    """Entry point of the console script; the shell calls it too, to complete a command line."""
    if asked := os.environ.get(COMPLETE):
        sys.exit(shell_complete(commands, {}, "seqtutor", COMPLETE, asked))
    code = run(sys.argv[1:])
    interrupt.end_at_once()  # all is done: Ctrl-C need say nothing any more
    sys.exit(code)


def run(args: Sequence[str]) -> int:
    """Runs a command line and returns its exit code; errors are one line on standard error."""
    log_to_terminal()
    meta: dict[str, Any] = {}  # the commands' context notes -v here, so it is known after they failed
    came: list[int] = []
    try:
        # Not commands.main(): it would take any EOFError for an interrupt, and any broken pipe for that of stdout.
        with interrupt.raised(came), commands.make_context("seqtutor", list(args), color=colour()) as context:
            meta = context.meta
            commands.invoke(context)
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except KeyboardInterrupt as error:
        return _interrupted(interrupt.number_of(error), f"; {error}" if error.args else "", meta)
    except UserError as error:
        return _fail(f"error: {error}", 2, meta)
    except _HELP_ASKED as error:
        print(error.format_message(), file=sys.stderr)
        return 2
    except click.ClickException as error:
        return _fail(f"error: {_usage(error)}", 2, meta)
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        if came:
            return _interrupted(came[0], "", meta)
        if isinstance(error, BrokenPipeError) and _stdout_is_closed():
            return 1
        if isinstance(error, OSError) and error.filename is not None:  # a path that cannot be used
            return _fail(f"error: cannot use {error.filename}: {error.strerror}", 2, meta)
        hint = "" if meta.get(VERBOSE) else "; run again with -v for the traceback"
        return _fail(f"error: {type(error).__name__}: {error}{hint}", 1, meta)
    finally:
        logging.getLogger("seqtutor").setLevel(logging.NOTSET)  # --quiet was for this command


class _Terminal(logging.Handler):
    """One line for each warning, on what is standard error at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints a record above the progress bars."""
        from seqtutor.system.progress import show

        show(in_a_line(f"{record.levelname.lower()}: {record.getMessage()}"), error=True)


def log_to_terminal() -> None:
    """Sends the library's warnings to standard error; without a command, logging is left to the user's program."""
    log = logging.getLogger("seqtutor")
    if not any(isinstance(handler, _Terminal) for handler in log.handlers):
        log.addHandler(_Terminal())
    log.propagate = False


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context else ""
    return error.format_message() + hint


def _interrupted(number: int, more: str, meta: dict[str, Any]) -> int:
    by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
    return _fail(f"interrupted{by}{more}", 128 + number, meta)


def _fail(line: str, code: int, meta: dict[str, Any]) -> int:
    """Prints one line, and before it the traceback where -v was given."""
    if meta.get(VERBOSE):
        traceback.print_exc()
    head, *words = printable(line).split()
    click.echo(" ".join([click.style(head, fg="red"), *words]), err=True, color=colour())
    return code


def colour() -> bool | None:
    """click's `color`: none where NO_COLOR is set (no-color.org), else what it finds, which is colour on terminals."""
    return False if os.environ.get("NO_COLOR") else None


def _stdout_is_closed() -> bool:
    """Whether standard output's reader has gone, as with `| head`. If so, what is left to write goes nowhere."""
    try:
        print(flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
