"""Structure-data files (SDF): molecules with coordinates, names and properties, by RDKit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from seqtutor.domains.molecules.smiles import parse
from seqtutor.reading import text_files
from seqtutor.reading.records import Record, Rejected
from seqtutor.system.files import whole_file
from seqtutor.system.progress import LOG

KINDS = (".sdf", ".sd")
END = "$$$$"  # the line after each record
MOST_LINES = 20_000  # of a record: a molecule of 1,000 atoms has 2,100, and properties come after
MOST_ATOMS = 1_000  # RDKit's searches for rings grow with the molecule


def read(path: Path, name: str) -> Iterator[Record | Rejected]:
    """The SMILES of every record of a file, as NAME:NUMBER TITLE; hydrogens that say nothing are not written.

    Raises UserError if the file is damaged or cannot be read.
    """
    for number, lines in enumerate(_records(path), 1):
        title = " ".join(lines[0].split())
        yield _converted(f"{name}:{number} {title}".strip(), lines)


def _records(path: Path) -> Iterator[list[str]]:
    """The lines of each record, ends included; at most one more than MOST_LINES of a record that is longer."""
    lines: list[str] = []
    with text_files.opened(path, newline=None) as file:
        for line in text_files.bounded(file, path):
            if line.rstrip() == END:
                yield lines or [""]
                lines = []
            elif len(lines) <= MOST_LINES:
                lines.append(line)
    if any(line.strip() for line in lines):
        yield lines


def _converted(name: str, lines: list[str]) -> Record | Rejected:
    from rdkit import Chem, rdBase

    if len(lines) > MOST_LINES:
        return Rejected(name, f"a record of more than {MOST_LINES} lines")
    block = "".join(lines).encode("utf-8", "replace").decode()  # bytes that are no text are in names and properties
    with rdBase.BlockLogs():
        try:
            mol = Chem.MolFromMolBlock(block, sanitize=False, removeHs=False)
            if mol is None or mol.GetNumAtoms() == 0:
                return Rejected(name, "not a molecule" if mol is None else "no atoms")
            if mol.GetNumAtoms() > MOST_ATOMS:
                return Rejected(name, f"{mol.GetNumAtoms()} atoms, more than {MOST_ATOMS}")
            mol = Chem.MolFromMolBlock(block)
            return Rejected(name, "not a valid molecule") if mol is None else Record(name, Chem.MolToSmiles(mol))
        except (ValueError, RuntimeError):  # RDKit's own
            return Rejected(name, "not a valid molecule")


def write(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Writes the molecules in the column `text` of rows, with flat coordinates, the other cells as properties.

    They are named sample-00001 and so on after their rows. Says how many rows are no molecules and so are left out.
    Raises UserError if the file cannot be written.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDepictor

    count = left_out = 0
    with whole_file(path, "w", encoding="utf-8", newline="\n") as file, rdBase.BlockLogs():
        for count, row in enumerate(rows, 1):
            mol = parse(row["text"])
            if mol is None or mol.GetNumAtoms() == 0:
                left_out += 1
                continue
            rdDepictor.Compute2DCoords(mol)
            mol.SetProp("_Name", f"sample-{count:05d}")
            for name, value in row.items():
                if name != "file" and value not in (None, ""):
                    mol.SetProp(name, str(value))
            file.write(Chem.SDWriter.GetText(mol))
    if left_out:
        LOG.warning(f"left {left_out} of {count} samples out of {path.name}, which are no molecules; see samples.csv")
