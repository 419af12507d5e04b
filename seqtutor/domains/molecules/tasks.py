"""Tasks of two benchmarks: scores of 0 to 1 that RDKit alone can give, as rewards `task(NAME)`.

GuacaMol (Brown et al. 2019) has 20 goal-directed tasks. PMO (Gao et al. 2022) takes most of them, adds isomers of
C7H8N2O2 and QED, and three that rest on trained models, which are left out here: DRD2, GSK3b and JNK3. A name means the
same function in both.

A score is the mean of parts, each 0 to 1, geometric but for the two hops. Parts are similarities to a known drug, and
properties under a Gaussian exp(-z^2 / 2), z = (x - mu) / sigma: at x, at min(x, mu) where more is as good, at
max(x, mu) where less is. A similarity is Tanimoto's, of counts of Morgan environments (ECFP4 and ECFP6: radius 2 and 3;
FCFP4: of features, radius 2), of atom pairs (AP), or of the bits of Gobbi's pharmacophores (PHCO).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rdkit.Chem import Mol

Score = Callable[["Mol"], float]

ALBUTEROL = "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1"
AMLODIPINE = r"Clc1ccccc1C2C(=C(/N/C(=C2/C(=O)OCC)COCCN)C)\C(=O)OC"
ARIPIPRAZOLE = "Clc4cccc(N3CCN(CCCCOc2ccc1c(NC(=O)CC1)c2)CC3)c4Cl"
CAMPHOR = "CC1(C)C2CCC1(C)C(=O)C2"
CELECOXIB = "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F"
FEXOFENADINE = "CC(C)(C(=O)O)c1ccc(cc1)C(O)CCCN2CCC(CC2)C(O)(c3ccccc3)c4ccccc4"
MENTHOL = "CC(C)C1CCC(C)CC1O"
MESTRANOL = "COc1ccc2[C@H]3CC[C@@]4(C)[C@@H](CC[C@@]4(O)C#C)[C@@H]3CCc2c1"
OSIMERTINIB = "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34"
PERINDOPRIL = "O=C(OCC)C(NC(C(=O)N1C(C(=O)O)CC2CCCCC12)C)CCC"
QUINAZOLINE = "CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C"  # of the two hops
RANOLAZINE = "COc1ccccc1OCC(O)CN2CCN(CC(=O)Nc3c(C)cccc3C)CC2"
SILDENAFIL = "CCCC1=NN(C2=C1N=C(NC2=O)C3=C(C=CC(=C3)S(=O)(=O)N4CCN(CC4)C)OCC)C"
SITAGLIPTIN = "Fc1cc(c(F)cc1F)CC(N)CC(=O)N3Cc2nnc(n2CC3)C(F)(F)F"
TADALAFIL = "O=C1N(CC(N2C1CC3=C(C2C4=CC5=C(OCO5)C=C4)NC6=C3C=CC=C6)=O)C"
THIOTHIXENE = "CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN4CCN(C)CC4)c2c1"
TROGLITAZONE = "Cc1c(C)c2OC(C)(COc3ccc(CC4SC(=O)NC4=O)cc3)CCc2c(C)c1O"
ZALEPLON = "O=C(C)N(CC)C1=CC=CC(C2=CC=NC3=C(C=NN23)C#N)=C1"
CORE = "[#7]-c1n[c;h1]nc2[c;h1]c(-[#8])[c;h0][c;h1]c12"  # what deco_hop keeps and scaffold_hop replaces
THIAZOLE = "[#7]-c1ccc2ncsc2c1"
TAIL = f"[#6]-[#6]-[#6]-[#8]-[#6]~[#6]~[#6]~[#6]~[#6]-{THIAZOLE}"


def similar(smiles: str, kind: str, most: float = 1.0) -> Score:
    """Similarity to a molecule by the fingerprint `kind`, divided by `most`, 1 at the most."""

    def part(mol: Mol) -> float:
        from rdkit.DataStructs import TanimotoSimilarity

        return min(1.0, float(TanimotoSimilarity(_fingerprint(mol, kind), _reference(smiles, kind))) / most)

    return part


def gauss(of: Score, mu: float, sigma: float, low: bool = False, high: bool = False) -> Score:
    """A part of a Gaussian of another number; `low`: what is below mu is as good, `high`: what is above."""

    def part(mol: Mol) -> float:
        x = of(mol)
        if (low and x < mu) or (high and x > mu):
            return 1.0
        return math.exp(-0.5 * ((x - mu) / sigma) ** 2)

    return part


def isomers(formula: str) -> Score:
    """How near a molecule is to a formula: Gaussians of the counts of its elements, sigma 1, and of all atoms, 2."""
    wanted = _counts(formula)

    def part(mol: Mol) -> float:
        from rdkit.Chem.rdMolDescriptors import CalcMolFormula

        found = _counts(CalcMolFormula(mol))
        each = [_bell(found.get(element, 0) - count) for element, count in wanted.items()]
        return _geometric([*each, _bell((sum(found.values()) - sum(wanted.values())) / 2)])

    return part


def has(smarts: str, wanted: bool = True) -> Score:
    """1 if a pattern is there (or is not there, where it is not wanted), else 0."""
    return lambda mol: float(mol.HasSubstructMatch(_pattern(smarts)) == wanted)


def geometric(*parts: Score) -> Score:
    """The geometric mean of parts."""
    return lambda mol: _geometric([part(mol) for part in parts])


def arithmetic(*parts: Score) -> Score:
    """The arithmetic mean of parts."""
    return lambda mol: sum(part(mol) for part in parts) / len(parts)


def _descriptor(name: str) -> Score:
    def value(mol: Mol) -> float:
        from rdkit.Chem import Descriptors

        return float(getattr(Descriptors, name)(mol))

    return value


def _qed(mol: Mol) -> float:
    from rdkit.Chem import QED

    return float(QED.qed(mol))


def _aromatic_rings(mol: Mol) -> float:
    from rdkit.Chem.rdMolDescriptors import CalcNumAromaticRings

    return float(CalcNumAromaticRings(mol))


def _fluorine(mol: Mol) -> float:
    return float(sum(atom.GetSymbol() == "F" for atom in mol.GetAtoms()))


def _bell(z: float) -> float:
    return math.exp(-0.5 * z**2)


def _geometric(values: Sequence[float]) -> float:
    return math.prod(values) ** (1 / len(values))


def _counts(formula: str) -> dict[str, int]:
    """Atoms by element of a formula such as C9H10ClF2; a charge at its end is no part of it."""
    return {element: int(count or 1) for element, count in re.findall(r"([A-Z][a-z]?)(\d*)", formula)}


def _fingerprint(mol: Mol, kind: str) -> Any:
    if kind == "PHCO":
        from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D

        return Generate.Gen2DFingerprint(mol, Gobbi_Pharm2D.factory)
    return _generator(kind).GetSparseCountFingerprint(mol)


@cache
def _generator(kind: str) -> Any:
    from rdkit.Chem import rdFingerprintGenerator as generators

    if kind == "AP":
        return generators.GetAtomPairGenerator(maxDistance=10)
    if kind == "FCFP4":
        features = generators.GetMorganFeatureAtomInvGen()
        return generators.GetMorganGenerator(radius=2, atomInvariantsGenerator=features)
    return generators.GetMorganGenerator(radius={"ECFP4": 2, "ECFP6": 3}[kind])


@cache
def _reference(smiles: str, kind: str) -> Any:
    from rdkit.Chem import MolFromSmiles

    return _fingerprint(MolFromSmiles(smiles), kind)


@cache
def _pattern(smarts: str) -> Mol:
    from rdkit.Chem import MolFromSmarts

    return MolFromSmarts(smarts)


_LOGP, _TPSA, _RINGS, _COMPLEXITY = map(_descriptor, ("MolLogP", "TPSA", "RingCount", "BertzCT"))

TASKS: dict[str, Score] = {
    "albuterol_similarity": similar(ALBUTEROL, "FCFP4", 0.75),
    "amlodipine_mpo": geometric(similar(AMLODIPINE, "ECFP4"), gauss(_RINGS, 3, 0.5)),
    "aripiprazole_similarity": similar(ARIPIPRAZOLE, "ECFP4", 0.75),
    "celecoxib_rediscovery": similar(CELECOXIB, "ECFP4"),
    "deco_hop": arithmetic(
        has(CORE), has("CS([#6])(=O)=O", wanted=False), has(THIAZOLE, wanted=False), similar(QUINAZOLINE, "PHCO", 0.85)
    ),
    "fexofenadine_mpo": geometric(
        similar(FEXOFENADINE, "AP", 0.8), gauss(_TPSA, 90, 10, high=True), gauss(_LOGP, 4, 1, low=True)
    ),
    "isomers_c11h24": isomers("C11H24"),
    "isomers_c7h8n2o2": isomers("C7H8N2O2"),
    "isomers_c9h10n2o2pf2cl": isomers("C9H10N2O2PF2Cl"),
    "median1": geometric(similar(CAMPHOR, "ECFP4"), similar(MENTHOL, "ECFP4")),
    "median2": geometric(similar(TADALAFIL, "ECFP6"), similar(SILDENAFIL, "ECFP6")),
    "mestranol_similarity": similar(MESTRANOL, "AP", 0.75),
    "osimertinib_mpo": geometric(
        similar(OSIMERTINIB, "FCFP4", 0.8), gauss(similar(OSIMERTINIB, "ECFP6"), 0.85, 0.1, low=True),
        gauss(_TPSA, 100, 10, high=True), gauss(_LOGP, 1, 1, low=True),
    ),
    "perindopril_mpo": geometric(similar(PERINDOPRIL, "ECFP4"), gauss(_aromatic_rings, 2, 0.5)),
    "qed": _qed,
    "ranolazine_mpo": geometric(
        similar(RANOLAZINE, "AP", 0.7), gauss(_LOGP, 7, 1, high=True), gauss(_TPSA, 95, 20, high=True),
        gauss(_fluorine, 1, 1),
    ),
    "scaffold_hop": arithmetic(has(CORE, wanted=False), has(TAIL), similar(QUINAZOLINE, "PHCO", 0.75)),
    "sitagliptin_mpo": geometric(
        gauss(similar(SITAGLIPTIN, "ECFP4"), 0, 0.1), gauss(_LOGP, 2.0165, 0.2), gauss(_TPSA, 77.04, 5),
        isomers("C16H15F6N5O"),
    ),
    "thiothixene_rediscovery": similar(THIOTHIXENE, "ECFP4"),
    "troglitazone_rediscovery": similar(TROGLITAZONE, "ECFP4"),
    "valsartan_smarts": geometric(
        has("CN(C=O)Cc1ccc(c2ccccc2)cc1"), gauss(_LOGP, 2.0165, 0.2), gauss(_TPSA, 77.04, 5),
        gauss(_COMPLEXITY, 896.38, 30),
    ),
    "zaleplon_mpo": geometric(similar(ZALEPLON, "ECFP4"), isomers("C19H17N3O2")),
}  # fmt: skip
