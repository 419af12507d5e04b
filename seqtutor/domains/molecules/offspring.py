"""Children of molecules, as a genetic algorithm on graphs makes them (Jensen 2019): crossover, and mutation.

Crossover cuts each of two parents at a single bond that is in no ring, and joins a piece of the one with a piece of the
other. Mutation changes one atom or bond. What comes out is a molecule to RDKit, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from rdkit.Chem import Mol, RWMol

ELEMENTS = (6, 7, 8, 9, 16, 17, 35)  # C N O F S Cl Br
MUTATED = 0.5  # share of children that are mutated after crossover
TRIES = 10
_RINGS = (5, 6)  # atoms of a ring that a mutation closes
_T = TypeVar("_T")


def child(texts: Sequence[str], rng: np.random.Generator) -> str | None:
    """The canonical SMILES of a child of two of some molecules, drawn uniformly; None where nothing came of it."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        first, second = (Chem.MolFromSmiles(texts[at]) for at in rng.integers(0, len(texts), 2))
        made = None if first is None or second is None else crossed(first, second, rng)
        if made is not None and rng.random() < MUTATED:
            made = mutated(made, rng)
        return None if made is None else Chem.MolToSmiles(made)


def crossed(first: Mol, second: Mol, rng: np.random.Generator) -> Mol | None:
    """A piece of each molecule, joined by a single bond; None if neither can be cut, or no try gave a molecule."""
    from rdkit import Chem

    for _ in range(TRIES):
        pieces = [_piece(mol, rng) for mol in (first, second)]
        if None in pieces:
            return None
        both = Chem.RWMol(Chem.CombineMols(*pieces))
        cuts = [atom.GetIdx() for atom in both.GetAtoms() if atom.GetAtomicNum() == 0]
        both.AddBond(*(both.GetAtomWithIdx(at).GetNeighbors()[0].GetIdx() for at in cuts), Chem.BondType.SINGLE)
        for at in sorted(cuts, reverse=True):
            both.RemoveAtom(at)
        if (made := _checked(both)) is not None:
            return made
    return None


def _piece(mol: Mol, rng: np.random.Generator) -> Mol | None:
    """A molecule's one or other side of a single bond outside rings, with a dummy atom at the cut."""
    from rdkit import Chem

    bonds = [
        bond.GetIdx() for bond in mol.GetBonds() if bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing()
    ]
    if not bonds:
        return None
    cut = Chem.FragmentOnBonds(mol, [_one_of(bonds, rng)], dummyLabels=[(0, 0)])
    return _one_of(Chem.GetMolFrags(cut, asMols=True, sanitizeFrags=False), rng)


def mutated(mol: Mol, rng: np.random.Generator) -> Mol | None:
    """A molecule with one change of an atom or a bond; None if no try gave a molecule."""
    from rdkit import Chem

    for _ in range(TRIES):
        changed = Chem.RWMol(mol)
        Chem.Kekulize(changed, clearAromaticFlags=True)
        _one_of(_MUTATIONS, rng)(changed, rng)
        if (made := _checked(changed)) is not None:
            return made
    return None


def _other_element(mol: RWMol, rng: np.random.Generator) -> None:
    atom = _one_of(mol.GetAtoms(), rng)
    atom.SetAtomicNum(_one_of(ELEMENTS, rng))
    atom.SetFormalCharge(0)
    atom.SetNumExplicitHs(0)


def _appended_atom(mol: RWMol, rng: np.random.Generator) -> None:
    _bound_atom(mol, _one_of(mol.GetAtoms(), rng).GetIdx(), rng)


def _inserted_atom(mol: RWMol, rng: np.random.Generator) -> None:
    from rdkit import Chem

    if mol.GetNumBonds():
        bond = _one_of(mol.GetBonds(), rng)
        begin, end = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        mol.RemoveBond(begin, end)
        mol.AddBond(_bound_atom(mol, begin, rng), end, Chem.BondType.SINGLE)


def _removed_atom(mol: RWMol, rng: np.random.Generator) -> None:
    """Without an atom of one neighbour or two, which are then bound to each other."""
    from rdkit import Chem

    atom = _one_of(mol.GetAtoms(), rng)
    beside = [each.GetIdx() for each in atom.GetNeighbors()]
    if len(beside) == 2 and mol.GetBondBetweenAtoms(*beside) is None:
        mol.AddBond(*beside, Chem.BondType.SINGLE)
    mol.RemoveAtom(atom.GetIdx())


def _other_order(mol: RWMol, rng: np.random.Generator) -> None:
    from rdkit import Chem

    if mol.GetNumBonds():
        orders = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)
        _one_of(mol.GetBonds(), rng).SetBondType(_one_of(orders, rng))


def _closed_ring(mol: RWMol, rng: np.random.Generator) -> None:
    from rdkit import Chem

    begin, end = (_one_of(mol.GetAtoms(), rng).GetIdx() for _ in range(2))
    if begin != end and len(Chem.GetShortestPath(mol, begin, end)) in _RINGS:
        mol.AddBond(begin, end, Chem.BondType.SINGLE)


def _opened_ring(mol: RWMol, rng: np.random.Generator) -> None:
    if inside := [bond for bond in mol.GetBonds() if bond.IsInRing()]:
        bond = _one_of(inside, rng)
        mol.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())


_MUTATIONS: tuple[Callable[[RWMol, np.random.Generator], None], ...] = (
    _other_element, _appended_atom, _inserted_atom, _removed_atom, _other_order, _closed_ring, _opened_ring,
)  # fmt: skip


def _bound_atom(mol: RWMol, to: int, rng: np.random.Generator) -> int:
    """Adds an atom of any element, with a single bond to another; returns its number."""
    from rdkit import Chem

    new = mol.AddAtom(Chem.Atom(_one_of(ELEMENTS, rng)))
    mol.AddBond(to, new, Chem.BondType.SINGLE)
    return new


def _checked(mol: Mol) -> Mol | None:
    """As read from its own SMILES; None for what is no molecule to RDKit, or more than one."""
    from rdkit import Chem

    try:
        text = Chem.MolToSmiles(mol)
    except (ValueError, RuntimeError):  # RDKit's own
        return None
    return Chem.MolFromSmiles(text) if text and "." not in text else None


def _one_of(choices: Sequence[_T], rng: np.random.Generator) -> _T:
    return choices[int(rng.integers(len(choices)))]
