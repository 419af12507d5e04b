"""Writes molecules: as SMILES (one file), as SVG (one file a molecule), as PNG (sheets of 25).

Each function takes, before the arguments of a `Writer`, the domain's decode: token ids -> SMILES.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

Decode = Callable[[Sequence[int] | np.ndarray], str]

COLUMNS = 5  # of a sheet, which has as many rows
PANEL = 240  # width and height of one molecule on a sheet, in pixels
BOND = 24  # length of a bond in pixels, less where a molecule would not fit
LEGEND = 32  # characters of a SMILES that fit below it


def write_smi(decode: Decode, tokens: np.ndarray, lengths: np.ndarray, folder: Path, start: int) -> list[Path]:
    """Appends one SMILES a line, valid or not, to samples.smi; the batch with index 0 begins the file again."""
    path = folder / "samples.smi"
    with path.open("w" if start == 0 else "a", encoding="utf-8", newline="\n") as file:
        file.writelines(text + "\n" for text in _texts(decode, tokens, lengths))
    return [path] * len(tokens)


def write_svg(decode: Decode, tokens: np.ndarray, lengths: np.ndarray, folder: Path, start: int) -> list[Path]:
    """Draws each molecule into molecule-00001.svg and so on; one that is not valid gets a picture that says so."""
    paths = []
    for number, text in enumerate(_texts(decode, tokens, lengths), start + 1):
        mol = _parse(text)
        path = folder / f"molecule-{number:05d}.svg"
        path.write_text(_no_molecule(text) if mol is None else _molecule(mol), encoding="utf-8")
        paths.append(path)
    return paths


def write_png(decode: Decode, tokens: np.ndarray, lengths: np.ndarray, folder: Path, start: int) -> list[Path]:
    """Draws sheets of up to 25 molecules, each named after the number of its first: molecules-00001.png, -00026.png."""
    texts = _texts(decode, tokens, lengths)
    paths: list[Path] = []
    for first in range(0, len(texts), COLUMNS**2):
        chosen = texts[first : first + COLUMNS**2]
        path = folder / f"molecules-{start + first + 1:05d}.png"
        path.write_bytes(_sheet(chosen, start + first + 1))
        paths += [path] * len(chosen)
    return paths


def _texts(decode: Decode, tokens: np.ndarray, lengths: np.ndarray) -> list[str]:
    return [decode(row[:length]) for row, length in zip(tokens, lengths, strict=True)]


def _parse(text: str) -> Any | None:
    """RDKit's molecule, or None where the text is not the SMILES of at least one atom."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(text)
    return mol if mol is not None and mol.GetNumAtoms() else None


def _molecule(mol: Any) -> str:
    from rdkit.Chem.Draw import rdMolDraw2D

    drawer = rdMolDraw2D.MolDraw2DSVG(400, 400)
    drawer.DrawMolecule(mol)
    drawer.FinishDrawing()
    return drawer.GetDrawingText()


def _no_molecule(text: str) -> str:
    """An SVG with a text that is not a molecule, 32 characters a line."""
    lines = ["not a valid SMILES:"] + [text[i : i + LEGEND] for i in range(0, len(text), LEGEND)]
    spans = "".join(f'<tspan x="20" dy="24">{escape(line)}</tspan>' for line in lines)
    return (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400" viewBox="0 0 400 400">'
        '<rect width="400" height="400" fill="#ffffff"/>'
        f'<text x="20" y="20" font-family="monospace" font-size="16" fill="#aa0000">{spans}</text></svg>\n'
    )


def _sheet(texts: list[str], number: int) -> bytes:
    """A PNG of up to 25 molecules in rows of five; below each its number and the beginning of its SMILES."""
    from rdkit.Chem.Draw import rdMolDraw2D

    rows = -(-len(texts) // COLUMNS)
    drawer = rdMolDraw2D.MolDraw2DCairo(COLUMNS * PANEL, rows * PANEL, PANEL, PANEL)
    options = drawer.drawOptions()
    options.legendFontSize = 12
    options.fixedBondLength = BOND
    options.drawMolsSameScale = False
    mols, legends = [], []
    for i, text in enumerate(texts, number):
        mols.append(_parse(text) or _placeholder())
        legends.append(f"{i}  {text if len(text) <= LEGEND else text[: LEGEND - 3] + '...'}")
    drawer.DrawMolecules(mols, legends=legends)
    drawer.FinishDrawing()
    return drawer.GetDrawingText()


def _placeholder() -> Any:
    """Stands on a sheet for an invalid molecule: an atom labelled so, as RDKit draws no legend below an empty panel."""
    from rdkit import Chem

    mol = Chem.MolFromSmiles("*")
    mol.GetAtomWithIdx(0).SetProp("atomLabel", "not valid")
    return mol
