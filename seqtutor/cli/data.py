"""seqtutor data: list, info, fetch, import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqtutor.cli import complete, options

if TYPE_CHECKING:
    import numpy as np

    from seqtutor.data.corpus import Corpus
    from seqtutor.domains.base import Domain

BINS = 10  # of the histogram of lengths
BAR = 40  # characters of its longest bar
FREQUENT = 12  # tokens shown

_NAME = click.argument("name", shell_complete=complete.data_sets)
_DOMAIN = click.option(
    "--domain", metavar="D", shell_complete=complete.domains, help="The domain, where several have data of that name."
)


@click.group(cls=options.Group, epilog=options.example("seqtutor data list"))
def data() -> None:
    """List, describe, fetch and import data sets."""


@data.command("list", epilog=options.example("seqtutor data list"))
@options.terminal()
def list_(quiet: bool) -> None:
    """Name every data set, its size and its licence."""
    from seqtutor.data import sources
    from seqtutor.domains import domain_class, domain_names
    from seqtutor.reading import text_files

    rows = [("domain", "name", "sequences", "here", "licence")]
    for domain in domain_names():
        for name, item in domain_class(domain).data_sets().items():
            rows.append((domain, name, f"{item.size:,}", "no" if item.locate() is None else "yes", item.licence))
        for name, path in sources.imported(domain).items():
            rows.append((domain, name, "", "yes" if text_files.exists(path) else "no", f"imported from {path}"))
    options.say(_table(rows))


@data.command(epilog=options.example("seqtutor data info sample-molecules"))
@_NAME
@_DOMAIN
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, help="Draws those that properties are taken of.")
@click.option("--out", type=options.PATH, metavar="DIR", help="Draws a picture there, info.png.")
@options.terminal()
def info(name: str, domain: str | None, seed: int, out: Path | None, quiet: bool) -> None:
    """Describe a data set and, once it is here, its sequences: lengths, tokens, properties.

    NAME is one that `seqtutor data list` shows. The first time, all of it is read, which may take minutes.
    """
    from seqtutor.api.inputs import read_data
    from seqtutor.data import summary
    from seqtutor.system import tables

    kind = _domain_of(name, domain)
    facts = kind.data_sets().get(name)
    path = facts.locate() if facts else None
    if facts:
        where = path or f"not on this machine; get it with `seqtutor data fetch {name}`"
        rows = [("about", facts.description), ("licence", facts.licence), ("size", f"{facts.size:,} sequences"),
                ("sha256", facts.sha256), ("where", str(where))]  # fmt: skip
        options.say(_table([("name", name), ("domain", kind.name), *rows]))
    if path or not facts:
        corpus = read_data(kind(), name, quiet)
        found = summary.properties(corpus, seed)
        options.say(_describe(corpus))
        if found:
            options.say(f"\n{summary.quartiles(found)}")
        if out:
            summary.draw(corpus, found, tables.make_folder(out) / "info.png")
            if not quiet:
                options.say(f"\ndrawn in {out / 'info.png'}")


@data.command(epilog=options.example("seqtutor data fetch moses"))
@_NAME
@_DOMAIN
@options.terminal()
def fetch(name: str, domain: str | None, quiet: bool) -> None:
    """Get a data set and check its sha256. NAME is one that `seqtutor data list` shows."""
    from seqtutor.data import sources
    from seqtutor.errors import UserError

    kind = _domain_of(name, domain)
    facts = kind.data_sets().get(name)
    if facts is None:
        raise UserError(f"data set '{name}' was imported; there is nothing to fetch")
    if facts.fetch is not None:
        facts.fetch()
    source = sources.find(kind, name)
    sources.content_hash(kind(), source)
    if not quiet:
        options.say(f"{name} is at {source.path}, sha256 as it should be")


@data.command("import", epilog=options.example("seqtutor data import tunes/ --domain music --name mine"))
@click.argument("path", type=options.PATH)
@click.option(
    "--domain", required=True, metavar="D", shell_complete=complete.domains,
    help="What kind of sequences they are: music, molecules.",
)  # fmt: skip
@click.option("--name", help="Name for `data.name` and --data; default: that of the file or folder.")
@click.option("--out", type=options.PATH, metavar="DIR", help="Where rejected.csv goes; default: the cache.")
@options.terminal()
def import_(path: Path, domain: str, name: str | None, out: Path | None, quiet: bool) -> None:
    """Read a file or folder of your own and give it a name.

    Of a table PATH may name the column, as in molecules.csv:structure.
    The name then serves as `data.name` in a config and with --data. What could not be used is listed in rejected.csv
    with the reason, as is what was read but for a part, such as grace notes.
    """
    from seqtutor.api.inputs import read_data
    from seqtutor.data import sources
    from seqtutor.domains import domain_class
    from seqtutor.errors import UserError
    from seqtutor.reading import text_files
    from seqtutor.reading.rejections import write_rejected
    from seqtutor.system import tables
    from seqtutor.system.cache import cache_dir

    kind = domain_class(domain)
    if not text_files.exists(path):
        raise UserError(f"no file or folder {path} to import")
    name = name or path.resolve().name.split(".")[0]
    sources.check_new(kind, name)
    corpus = read_data(kind(), str(path.resolve()), quiet)
    folder = tables.make_folder(out or cache_dir() / "imported" / domain / name)
    write_rejected(folder, corpus.rejected, corpus.left_out.partial)
    sources.remember(kind, name, path)
    if not quiet:
        options.say(_describe(corpus))
        gone = corpus.rejected or corpus.left_out.partial
        listed = f"; what was rejected or left out is listed in {folder / 'rejected.csv'}" if gone else ""
        options.say(f"imported as {name}: use `--data {name}`{listed}")


def _domain_of(name: str, domain: str | None) -> type[Domain]:
    """The domain that has a data set of that name. Raises UserError if none or several have."""
    from seqtutor.data import sources
    from seqtutor.domains import domain_class, domain_names
    from seqtutor.errors import UserError, unknown_name

    kinds = [domain_class(each) for each in ([domain] if domain else domain_names())]
    known = {kind: [*kind.data_sets(), *sources.imported(kind.name)] for kind in kinds}
    found = [kind for kind, names in known.items() if name in names]
    if not found:
        raise unknown_name("data set", name, {each for names in known.values() for each in names})
    if len(found) > 1:
        raise UserError(f"several domains have data '{name}': add --domain {' or '.join(kind.name for kind in found)}")
    return found[0]


def _describe(corpus: Corpus) -> str:
    """What the sequences of a corpus look like, in lines of text."""
    import numpy as np

    from seqtutor.data.summary import token_counts

    lengths, symbols = corpus.lengths, corpus.vocabulary.symbols
    counts = token_counts(corpus)
    frequent = [i for i in np.argsort(-counts, kind="stable")[:FREQUENT] if counts[i]]
    why = f": {corpus.rejected.reasons()}" if corpus.rejected else ""
    rows = [
        ("usable", f"{len(corpus):,} sequences, {len(corpus.tokens):,} tokens; a vocabulary of {len(symbols)}"),
        ("rejected", f"{len(corpus.rejected):,}{why}"),
        ("left out", "; ".join(corpus.left_out.summary().values()) or "nothing"),
        ("length", f"{lengths.min()} to {lengths.max()} tokens, mean {lengths.mean():.1f}"),
        ("frequent", ", ".join(f"{symbols[i]} {counts[i] / counts.sum():.1%}" for i in frequent)),
    ]
    return f"{_table(rows)}\n\n{_histogram(lengths)}"


def _histogram(lengths: np.ndarray) -> str:
    """A bar for each range of lengths int [N]."""
    import numpy as np

    low, high = int(lengths.min()), int(lengths.max())
    width = -(-(high - low + 1) // BINS)
    counts = np.bincount((lengths - low) // width)
    rows = [
        (f"{first}-{min(high, first + width - 1)}", f"{count:,}", "#" * -(-count * BAR // counts.max()))
        for first, count in zip(range(low, high + 1, width), counts, strict=True)
    ]
    return _table([("tokens", "sequences", ""), *rows])


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns two spaces apart; numbers flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numeric = [all(row[i].replace(",", "").isdigit() or not row[i] for row in rows[1:]) for i in range(len(widths))]
    put = [str.rjust if right else str.ljust for right in numeric]
    lines = ["  ".join(just(cell, width) for just, cell, width in zip(put, row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
