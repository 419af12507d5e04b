"""seqtutor doctor."""

from __future__ import annotations

import click

from seqtutor.cli import options


@click.command(epilog=options.example("seqtutor doctor"))
@options.terminal()
def doctor(quiet: bool) -> None:
    """Show versions, cores, memory and speed, and check the rewards on known values.

    The text is for a report of a fault: it has no paths and no names. The exit code is 1 if a reward is not what it
    should be.
    """
    from seqtutor.api.doctor import doctor as examine
    from seqtutor.api.doctor import healthy

    lines = examine()
    for what, text in lines:
        options.say(f"{what:18} {text}")
    if not healthy(lines):
        raise click.exceptions.Exit(1)
