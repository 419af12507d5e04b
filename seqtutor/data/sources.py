"""From a data set's name or a path to files on this machine, and their hash.

A name is a named data set of the domain, or one that was imported: cache_dir()/imports.json holds
{domain: {name: path}}. Anything else is a path, which may name a column (see `text_files.split_column`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from seqtutor.domains.base import DataSet, Domain
from seqtutor.errors import UserError, unknown_name
from seqtutor.reading import text_files
from seqtutor.system.cache import cache_dir, cache_file
from seqtutor.system.input_files import open_input


@dataclass(frozen=True)
class Source:
    """Data on this machine. `data_set` is None where it is not a named data set but a path or an imported name."""

    name: str
    path: Path
    data_set: DataSet | None = None


def find(domain: type[Domain], name: str) -> Source:
    """The source a name or path means. Raises UserError if there is none, or if it is not on this machine."""
    named, imports = domain.data_sets(), imported(domain.name)
    if name in named:
        path = named[name].locate()
        if path is None:
            fetched = f"get it with `seqtutor data fetch {name}`"
            mend = fetched if named[name].fetch else "it is in seqtutor's repository: install from there, editable"
            raise UserError(f"data set '{name}' is not on this machine; {mend}")
        return Source(name, path, named[name])
    if name in imports:
        path = imports[name]
        if not text_files.exists(path):
            raise UserError(f"data set '{name}' was imported from {path}, which is gone; import it again")
        return Source(name, path)
    if not name or not text_files.exists(Path(name)):
        raise unknown_name("data set or path", name, [*named, *imports], f"domain {domain.name}")
    return Source(name, Path(name))


def content_hash(domain: Domain, source: Source) -> tuple[str, str]:
    """Reads every file of a source.

    Returns: SHA-256 of the files' bytes, one file after the other; and a key that tells apart file names, where
      one file ends, and the column too.
    Raises: UserError if a file cannot be read, or if a named data set is not what it should be.
    """
    content, listing = hashlib.sha256(), []
    path, column = text_files.split_column(source.path)
    base = path if path.is_dir() else path.parent
    try:
        for file in domain.files(path):
            size = 0
            with open_input(file) as stream:
                while block := stream.read(1 << 20):
                    content.update(block)
                    size += len(block)
            listing.append([file.relative_to(base).as_posix(), size])
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror}") from None
    found = content.hexdigest()
    if source.data_set is not None and found != source.data_set.sha256:
        raise _altered(source.name, source.path, source.data_set)
    return found, hashlib.sha256(json.dumps([found, listing, column]).encode()).hexdigest()


def _altered(name: str, path: Path, data_set: DataSet) -> UserError:
    mend = "install seqtutor's data again" if data_set.fetch is None else f"get it with `seqtutor data fetch {name}`"
    return UserError(f"data set '{name}' at {path} is altered (its sha256 differs); {mend}, or give its path to use it")


def imported(domain_name: str) -> dict[str, Path]:
    """Names given by `seqtutor data import`, with their paths. Raises UserError if the list is damaged."""
    return {name: Path(path) for name, path in _read_imports().get(domain_name, {}).items()}


def check_new(domain: type[Domain], name: str) -> None:
    """Raises UserError if a named data set of the domain has that name already, or if it can be no name."""
    if name in domain.data_sets():
        raise UserError(f"'{name}' is a data set of domain {domain.name} already; choose another --name")
    if not name or name != Path(name).name or name.startswith((".", "-")) or not name.isprintable():
        raise UserError(f"'{name}' cannot be a data set's name; choose a --name without slashes, not begun with . or -")


def remember(domain: type[Domain], name: str, path: Path) -> None:
    """Makes a name mean a path from now on."""
    every = _read_imports()
    every.setdefault(domain.name, {})[name] = str(path.resolve())
    with cache_file(_imports_file(), encoding="utf-8") as file:
        file.write(json.dumps(every, indent=1, sort_keys=True) + "\n")


def _imports_file() -> Path:
    return cache_dir() / "imports.json"


def _read_imports() -> dict[str, dict[str, str]]:
    try:
        every = json.loads(_imports_file().read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {_imports_file()} ({error}); delete it and import again") from None
    whole = isinstance(every, dict) and all(
        isinstance(names, dict) and all(isinstance(path, str) for path in names.values()) for names in every.values()
    )
    if not whole:
        raise UserError(f"{_imports_file()} is not a list of imports; delete it and import again")
    return every
