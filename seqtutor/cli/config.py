"""seqtutor config: list, show, copy."""

from __future__ import annotations

from pathlib import Path

import click

from seqtutor.cli import complete, options


@click.group(cls=options.Group, epilog=options.example("seqtutor config list"))
def config() -> None:
    """List, show and copy the configs that come with seqtutor.

    Wherever a command asks for CONFIG, the name of one of them will do, as in `seqtutor pretrain music-quick`.
    """


@config.command("list", epilog=options.example("seqtutor config list"))
@options.terminal()
def list_(quiet: bool) -> None:
    """Name every config that comes with seqtutor, and say what it is for."""
    from seqtutor.config import presets, summary

    names = presets()
    width = max(map(len, names))
    for name, path in names.items():
        click.echo(f"{name:{width}}  {summary(path)}")


@config.command(epilog=options.example("seqtutor config show music-quick"))
@click.argument("name", metavar="CONFIG", shell_complete=complete.configs)
@options.terminal()
def show(name: str, quiet: bool) -> None:
    """Print every setting of a config, as a run would use it.

    CONFIG is a name that `seqtutor config list` shows, or a file. What it extends is included, and so are the defaults
    of settings that it does not mention. For the file itself, with its comments, use `seqtutor config copy`.
    """
    import yaml

    from seqtutor.config import load, to_tree

    click.echo(yaml.safe_dump(to_tree(load(name)), sort_keys=False), nl=False)


@config.command(epilog=options.example("seqtutor config copy music-quick --out mine.yaml"))
@click.argument("name", metavar="NAME", shell_complete=complete.presets)
@click.option("--out", type=options.PATH, metavar="FILE", help="Where to write; default: NAME.yaml in this folder.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there already.")
@options.terminal()
def copy(name: str, out: Path | None, force: bool, quiet: bool) -> None:
    """Write a config to a file of your own, with its comments, to edit it.

    NAME is one that `seqtutor config list` shows. Some list only their differences from another one, which they name
    (`extends: music.yaml`); a copy still finds the one that comes with seqtutor.
    """
    from seqtutor.config import presets
    from seqtutor.errors import UserError, unknown_name
    from seqtutor.system.files import write_text
    from seqtutor.system.tables import make_folder

    known = presets()
    if name not in known:
        raise unknown_name("config", name, known)
    path = out or Path(f"{name}.yaml")
    if path.is_dir():
        path /= f"{name}.yaml"
    if path.exists() and not force:
        raise UserError(f"{path} is there already; choose another --out, or add --force to overwrite it")
    make_folder(path.parent)
    write_text(path, known[name].read_text(encoding="utf-8"))
    if not quiet:
        options.say(f"written to {path}; use it as `seqtutor pretrain {path}`")
