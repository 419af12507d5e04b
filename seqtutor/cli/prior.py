"""seqtutor prior: list."""

from __future__ import annotations

import click

from seqtutor.cli import options


@click.group(cls=options.Group, epilog=options.example("seqtutor prior list"))
def prior() -> None:
    """List the priors that come with seqtutor.

    Wherever a command asks for RUN, the name of one of them will do, as in `seqtutor sample music --num 8`.
    """


@prior.command("list", epilog=options.example("seqtutor prior list"))
@options.terminal()
def list_(quiet: bool) -> None:
    """Name every prior that comes with seqtutor: what it was trained on, size, licence, sha256, and how it was made."""
    from seqtutor.runs.shipped import shipped

    for name, each in shipped().items():
        about = each.about
        click.echo(f"{name}: {about['description']}")
        loss = f"{about['test_loss']:.3f} nats a token on unseen data"
        click.echo(f"  {each.size / 1e6:.2f} MB, {loss}; {about['licence']}")
        click.echo(f"  sha256 {about['sha256']}, made by `{about['command']}`")
