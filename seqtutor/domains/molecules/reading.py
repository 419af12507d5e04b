"""Reads SMILES from .smi, .txt and .csv files, gzipped or not, one line at a time.

`read` gives what stands in a file, valid or not: judging it is the business of rewards and statistics.
`prepare` gives what a prior should learn from: canonical SMILES of single molecules, each once.
"""

from __future__ import annotations

import csv
import gzip
import multiprocessing
import signal
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO

from seqtutor.domains.base import DUPLICATE, Record, Rejected
from seqtutor.domains.molecules.pool import cores
from seqtutor.domains.molecules.smiles import tokenize
from seqtutor.errors import UserError

COLUMNS = ("smiles", "text")  # of a .csv, in order of preference, in any case; `text` is that of samples.csv
KINDS = (".smi", ".txt", ".csv")  # each may be followed by .gz
CHUNK = 1000  # molecules a worker takes at a time: about 0.3 s
LONGEST = 5000  # characters of a string given to RDKit, whose recursions and searches grow with the molecule


class Rules(NamedTuple):
    """What training data may be: `most` tokens without the end token, with or without stereochemistry."""

    most: int
    stereo: bool


def read(path: Path) -> Iterator[Record | Rejected]:
    """Every SMILES of a file, or of a folder's files in order of their names, as it is written there.

    Raises UserError if the path is missing or of no known kind, or if its one file is damaged or without a
    SMILES column; such a file in a folder becomes a Rejected.
    """
    if not path.exists():
        raise UserError(f"no file or folder '{path}'")
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and _kind(file) in KINDS)
        if not files:
            raise UserError(f"no molecules in folder '{path}': it has no .smi, .txt or .csv file (or .gz of these)")
        return _read_folder(files)
    if _kind(path) not in KINDS:
        raise UserError(
            f"cannot read molecules from '{path}': give a .smi, .txt or .csv file of SMILES (or .gz of these)"
        )
    return _read_file(path)


def prepare(path: Path, rules: Rules, workers: int | None = None) -> Iterator[Record | Rejected]:
    """The molecules of a file as canonical SMILES to train on, in the file's order, by RDKit in worker processes.

    Of several fragments (a salt) the largest stays; isotopes and charges stay; stereochemistry stays if the
    rules say so. Rejected: what RDKit cannot parse, more tokens than the rules allow, and duplicates.
    """
    seen: set[str] = set()
    for item in _in_processes(read(path), rules, workers or cores()):
        if isinstance(item, Record):
            if item.text in seen:
                item = Rejected(item.name, DUPLICATE)
            else:
                seen.add(item.text)
        yield item


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

    mol = Chem.MolFromSmiles(text)
    if mol is None or mol.GetNumAtoms() == 0:
        return None
    try:
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


def _kind(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _read_folder(files: list[Path]) -> Iterator[Record | Rejected]:
    for file in files:
        try:
            yield from _read_file(file)
        except UserError as error:
            yield Rejected(file.name, str(error))


def _read_file(path: Path) -> Iterator[Record | Rejected]:
    is_csv = _kind(path) == ".csv"
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        # Bytes that are not UTF-8 pass as surrogates: they spoil a line only if they stand in its SMILES.
        newline = "" if is_csv else None
        with opener(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline=newline) as file:
            yield from _csv_rows(file, path) if is_csv else _lines(file, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"'{path}' is damaged ({error}): get or compress it again") from None
    except OSError as error:
        raise UserError(f"cannot read '{path}': {error.strerror}") from None


def _lines(file: TextIO, path: Path) -> Iterator[Record | Rejected]:
    """A molecule a line, first column; blank lines, comments and a header are skipped."""
    first = True
    for number, line in enumerate(file, 1):
        columns = line.split(maxsplit=1)
        if not columns or columns[0].startswith("#"):
            continue
        if not (first and columns[0].lower() == "smiles"):
            yield _record(f"{path.name}:{number}", columns[0])
        first = False


def _csv_rows(file: TextIO, path: Path) -> Iterator[Record | Rejected]:
    """A molecule a row, in the column `smiles`, else `text`; blank lines and comments above the header are skipped."""
    rows = csv.reader(file)
    header = next((row for row in rows if row and not row[0].startswith("#")), [])
    names = [name.strip().lower() for name in header]
    wanted = next((name for name in COLUMNS if name in names), None)
    if wanted is None:
        found = ", ".join(map(repr, header)) or "none"
        raise UserError(f"'{path}' has no column 'smiles' (columns found: {found}): name the SMILES column so")
    column = names.index(wanted)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Rejected(f"{path.name}:{rows.line_num}", str(error))
            continue
        if row:
            yield _record(f"{path.name}:{rows.line_num}", row[column].strip() if column < len(row) else "")


def _record(name: str, text: str) -> Record | Rejected:
    if not text:
        return Rejected(name, "no SMILES")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return Rejected(name, "not UTF-8 text")
    return Record(name, text)


def _in_processes(items: Iterator[Record | Rejected], rules: Rules, workers: int) -> Iterator[Record | Rejected]:
    """Maps _prepare_chunk over the items in order, with at most three chunks a worker in memory."""
    # Never fork: the parent may hold TensorFlow's threads and locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        waiting: deque[Future[list[Record | Rejected]]] = deque()
        while True:
            chunk = list(islice(items, CHUNK))
            if chunk:
                waiting.append(pool.submit(_prepare_chunk, chunk, rules))
            if not waiting:
                return
            if not chunk or len(waiting) >= 3 * workers:
                yield from waiting.popleft().result()


def _start_worker() -> None:
    from rdkit import RDLogger

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]


def _prepare_chunk(items: Iterable[Record | Rejected], rules: Rules) -> list[Record | Rejected]:
    return [_prepared(item, rules) if isinstance(item, Record) else item for item in items]


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
