"""Reads molecules from files of lines, tables and SDF, gzipped or not, one at a time.

`read` gives what is in a file, valid or not: judging it is the business of rewards and statistics.
`prepare` gives what a prior should learn from: canonical SMILES of single molecules, each once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from seqtutor.domains.molecules import sdf
from seqtutor.domains.molecules.smiles import parse, tokenize
from seqtutor.errors import UserError
from seqtutor.reading import text_files
from seqtutor.reading.records import DUPLICATE, Record, Rejected, restored
from seqtutor.stats.distinct import SeenStrings
from seqtutor.system.tensorflow_setup import cores
from seqtutor.system.workers import Task, Workers

COLUMNS = ("smiles", "canonical_smiles", "isomeric_smiles", "structure", "smi", "text")  # `text` is samples.csv's
KINDS = (".smi", ".smiles", ".ism", ".txt", *text_files.TABLES, *sdf.KINDS)  # each may be followed by .gz
_AFTER = re.compile(r"[\s,;]")  # none of these is in a SMILES: a name or a CXSMILES extension follows
_HEADERS = frozenset(map(text_files.plain, COLUMNS))
CHUNK = 1000  # molecules a worker takes at a time: about 0.3 s
SECONDS = 10.0  # of processor time for a molecule; one in a million takes one
SMALL = 200  # characters; with so few RDKit is done in a moment
LONGEST = 5000  # characters of a string given to RDKit, whose recursions and searches grow with the molecule


class Rules(NamedTuple):
    """What training data may be: `most` tokens without the end token, with or without stereochemistry."""

    most: int
    stereo: bool


def read(path: Path) -> Iterator[Record | Rejected]:
    """Every SMILES of a file, or of the files below a folder in order of their names, as it is written there.

    Raises UserError if the path is missing or of no known kind, or if its one file is damaged or without a
    SMILES column; such a file in a folder becomes a Rejected.
    """
    path, column = text_files.split_column(path)
    if not path.exists():
        raise UserError(f"no file or folder '{path}'")
    kinds = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
    if path.is_dir():
        files = files_in(path)
        if not files:
            raise UserError(f"no molecules in folder '{path}': it has no {kinds} file (or .gz of these)")
        return _read_folder(path, files, column)
    if text_files.kind(path) not in KINDS:
        raise UserError(f"cannot read molecules from '{path}': give a {kinds} file (or .gz of these)")
    return _read_file(path, path.name, column)


def files_in(folder: Path) -> list[Path]:
    """The files of molecules below a folder, sorted; hidden ones are left out."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.is_file() and text_files.kind(file) in KINDS and not file.name.startswith(".")
    )


def prepare(path: Path, rules: Rules, workers: int | None = None) -> Iterator[Record | Rejected]:
    """The molecules of a file as canonical SMILES to train on, in the file's order, by RDKit in worker processes.

    Of several fragments (a salt) the largest stays; isotopes and charges stay; stereochemistry stays if the
    rules say so. Rejected: what RDKit cannot parse, more tokens than the rules allow, and duplicates.
    """
    return _distinct(_in_processes(read(path), rules, workers or cores()))


def prepare_canonical(path: Path, rules: Rules) -> Iterator[Record | Rejected]:
    """As `prepare`, for a file known to hold distinct canonical SMILES without stereochemistry: checks the length."""
    for item in read(path):
        # No string has more tokens than characters, so hardly any need be split.
        if isinstance(item, Record) and len(item.text) > rules.most:
            item = _within_length(item, rules.most)
        yield item


def canonical(text: str, stereo: bool) -> str | None:
    """The canonical SMILES of the largest fragment of a molecule, or None if RDKit cannot parse the text."""
    from rdkit import Chem

    try:
        mol = parse(text)
        if mol is None:
            return None
        if "." in text:
            fragments = Chem.GetMolFrags(mol, asMols=True)
            mol = max(fragments, key=lambda fragment: (fragment.GetNumHeavyAtoms(), Chem.MolToSmiles(fragment)))
        if not stereo:
            Chem.RemoveStereochemistry(mol)
            if "[H]" in text:  # one that was written to fix a double bond's geometry has no use any more
                mol = Chem.RemoveHs(mol)
        return Chem.MolToSmiles(mol)
    except (ValueError, RuntimeError):  # RDKit's own; a few odd molecules parse, but break on the way
        return None


def _read_folder(folder: Path, files: list[Path], column: str) -> Iterator[Record | Rejected]:
    for file in files:
        name = file.relative_to(folder).as_posix()
        try:
            yield from _read_file(file, name, column)
        except UserError as error:
            yield Rejected(name, str(error))


def _read_file(path: Path, name: str, column: str) -> Iterator[Record | Rejected]:
    if text_files.kind(path) in sdf.KINDS:
        if column:
            raise UserError(f"'{path}' has no columns, so leave out ':{column}'")
        return sdf.read(path, name)
    found = text_files.texts(path, name, column, COLUMNS, _is_smiles)
    if text_files.kind(path) not in text_files.TABLES:
        found = _without_header(found)
    return map(_smiles_of, found)


def _smiles_of(item: Record | Rejected) -> Record | Rejected:
    """Of a line or a cell the part before a blank, comma or semicolon."""
    return item if isinstance(item, Rejected) else text_files.checked(item._replace(text=_first(item.text)))


def _first(text: str) -> str:
    return _AFTER.split(text, maxsplit=1)[0]


def _without_header(lines: Iterator[Record | Rejected]) -> Iterator[Record | Rejected]:
    """The lines without comments and a header."""
    first = True
    for item in lines:
        if isinstance(item, Record):
            if item.text.startswith("#"):
                continue
            if first and text_files.plain(_first(item.text)) in _HEADERS:
                first = False
                continue
            first = False
        yield item


def _is_smiles(text: str) -> bool:
    """Whether the first cell of a table is a molecule, so that the table has no header."""
    from rdkit import rdBase

    text = _first(text)
    try:
        tokenize(text)
    except ValueError:
        return False
    with rdBase.BlockLogs():
        return 0 < len(text) <= SMALL and canonical(text, stereo=True) is not None


def _distinct(items: Iterator[Record | Rejected]) -> Iterator[Record | Rejected]:
    """The items, but every text once only: further records with it are rejected."""
    seen = SeenStrings()
    while chunk := list(islice(items, CHUNK)):
        new = iter(seen.new([item.text.encode() for item in chunk if isinstance(item, Record)]))
        for item in chunk:
            repeated = isinstance(item, Record) and not next(new)
            yield Rejected(item.name, DUPLICATE) if repeated else item


def _in_processes(items: Iterator[Record | Rejected], rules: Rules, workers: int) -> Iterator[Record | Rejected]:
    """Maps `prepare_one` over the items in order.

    A single chunk of small molecules is done here, without a time limit: starting processes would take longer.
    """
    first = list(islice(items, CHUNK))
    if len(first) < CHUNK and all(len(item.text) <= SMALL for item in first if isinstance(item, Record)):
        yield from (_prepare(item, rules) for item in first)
        return
    task = Task(f"{__name__}:prepare_one", SECONDS, restored, _lost, (["", "C", []], *rules))
    with Workers(workers, task) as pool:
        yield from pool.map(rules, chain(first, items), CHUNK)


def prepare_one(item: Sequence[Any], most: int, stereo: bool) -> Record | Rejected:
    """The record to train on of an item, as JSON gives it back: what a worker process does."""
    return _prepare(restored(item), Rules(most, stereo))


def _prepare(item: Record | Rejected, rules: Rules) -> Record | Rejected:
    from rdkit import rdBase

    with rdBase.BlockLogs():
        return _prepared(item, rules) if isinstance(item, Record) else item


def _lost(item: Record | Rejected, reason: str) -> Rejected:
    return Rejected(item.name, reason)


def _prepared(record: Record, rules: Rules) -> Record | Rejected:
    if len(record.text) > LONGEST:
        return Rejected(record.name, f"longer than {LONGEST} characters")
    text = canonical(record.text, rules.stereo)
    if text is None:
        return Rejected(record.name, "not a valid SMILES")
    return _within_length(Record(record.name, text), rules.most)


def _within_length(record: Record, most: int) -> Record | Rejected:
    try:
        count = len(tokenize(record.text))
    except ValueError as error:
        return Rejected(record.name, f"{error}: {record.text}")
    return record if count <= most else Rejected(record.name, f"{count} tokens, more than {most}")
