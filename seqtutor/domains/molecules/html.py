"""A molecule as a piece of HTML: a drawing in the colours of any theme, and its properties."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.properties import PROPERTIES, Molecule

WIDTH, HEIGHT = 300, 200
BLACK = "#000000"  # drawn in the colour of the text around
# Element -> red, green, blue: readable on white and on black alike. Carbon and all others are BLACK.
COLOURS = {
    7: (0.24, 0.52, 0.96), 8: (0.90, 0.28, 0.30), 9: (0.18, 0.62, 0.38), 16: (0.72, 0.53, 0.04),
    17: (0.18, 0.62, 0.38), 35: (0.71, 0.40, 0.11), 53: (0.58, 0.35, 0.85),
}  # fmt: skip


def figures(texts: Sequence[str], pool: Pool) -> list[str]:
    """The drawing, the properties and the SMILES of each; of one that is not valid the reason instead."""
    return [_figure(text, molecule) for text, molecule in zip(texts, pool.map(texts), strict=True)]


def _figure(text: str, molecule: Molecule) -> str:
    smiles = f"<code>{escape(text)}</code>"
    if not molecule.valid:
        return f'<p class="invalid">not valid: {escape(molecule.reason)}</p>{smiles}'
    terms = "".join(
        f"<dt>{name.replace('_', ' ')}</dt><dd>{value + 0.0:.3g}</dd>"  # + 0.0: no minus zero
        for name, value in zip(PROPERTIES, molecule.values, strict=True)
    )
    return f"{drawing(text)}<dl>{terms}</dl>{smiles}"


def drawing(text: str) -> str:
    """An SVG of a valid SMILES, without background, for a page."""
    from rdkit import Chem
    from rdkit.Chem.Draw import rdMolDraw2D

    drawer = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT)
    options = drawer.drawOptions()
    options.clearBackground = False
    options.fixedBondLength = 24
    options.setAtomPalette({-1: (0, 0, 0), **COLOURS})
    drawer.DrawMolecule(Chem.MolFromSmiles(text))
    drawer.FinishDrawing()
    inner = drawer.GetDrawingText().partition("<!-- END OF HEADER -->")[2].rpartition("</svg>")[0]
    inner = re.sub(r" class='[^']*'", "", inner).replace(BLACK, "currentColor")
    label = escape(f"drawing of {text}")
    return f'<svg class="molecule" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{inner}</svg>'
