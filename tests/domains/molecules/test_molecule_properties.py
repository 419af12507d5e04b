"""Properties against RDKit called another way, values known from the literature, and rings counted by hand."""

import math

import pytest
from rdkit import Chem
from rdkit.Chem import QED, Crippen

from seqtutor.domains.molecules.properties import PROPERTIES, Molecule, columns, examine

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
CAFFEINE = "Cn1c(=O)c2c(ncn2C)n(C)c1=O"
DRUGS = [ASPIRIN, CAFFEINE, "CC(C)Cc1ccc(C(C)C(=O)O)cc1", "CN1CCC[C@H]1c1cccnc1", "C1CCCCCCC1", "[Na+].[Cl-]", "O"]


def of(smiles: str) -> dict[str, float]:
    return dict(zip(PROPERTIES, examine(smiles).values, strict=True))


@pytest.mark.parametrize("smiles", DRUGS)
def test_equals_rdkit_called_one_by_one(smiles):
    mol, found = Chem.MolFromSmiles(smiles), of(smiles)
    assert found["logp"] == pytest.approx(Crippen.MolLogP(mol), abs=1e-9)
    assert found["qed"] == pytest.approx(QED.weights_mean(mol), abs=1e-9)
    assert found["penalised_logp"] == pytest.approx(found["logp"] - found["sa"] + found["ring_penalty"])


def test_known_values():
    """logP of Wildman and Crippen's table (their atom types add up by hand); QED and SA as widely quoted."""
    assert of("C")["logp"] == pytest.approx(0.1441 + 4 * 0.1230, abs=1e-4)  # C1 and four H1
    assert of("c1ccccc1")["logp"] == pytest.approx(6 * (0.1581 + 0.1230), abs=1e-4)  # C18 and H1, six times
    assert of(ASPIRIN)["qed"] == pytest.approx(0.55, abs=0.005)
    assert of(ASPIRIN)["sa"] == pytest.approx(1.58, abs=0.005)
    assert of(CAFFEINE)["qed"] == pytest.approx(0.54, abs=0.005)
    assert of(CAFFEINE)["sa"] == pytest.approx(2.30, abs=0.005)
    strychnine = "O=C1CC2OCC=C3CN4CCC56C4CC3C2C6N1c1ccccc15"
    assert of(strychnine)["sa"] > 4.0 > 2.5 > of(CAFFEINE)["sa"]  # a cage of seven rings is hard to make


@pytest.mark.parametrize(
    ("smiles", "penalty"),
    [
        ("CCO", 0),
        ("C1CC1", 0),
        ("C1CCCCC1", 0),
        ("C1CCCCCC1", -1),
        ("C1CCCCCCCCCCC1", -6),
        ("C1CCC2CCCCC2C1", 0),  # two fused rings of 6: the outer ring of 10 is not a smallest one
        ("C1CCCCCC1.C1CCCCCCCC1", -3),
    ],
)
def test_ring_penalty_by_hand(smiles, penalty):
    assert of(smiles)["ring_penalty"] == penalty


@pytest.mark.parametrize("smiles", DRUGS)
def test_depends_on_the_molecule_not_on_its_spelling(smiles):
    """Bit for bit: QED alone would differ in the last bits between orders of the atoms."""
    mol = Chem.MolFromSmiles(smiles)
    spellings = set(Chem.MolToRandomSmilesVect(mol, 20, randomSeed=1))
    assert {examine(spelling) for spelling in spellings} == {examine(smiles)}


@pytest.mark.parametrize(
    "smiles", ["", " ", "C C", "CCO ethanol", "C\nC", "C(", "C1CC", "c1cccc1", "C(C)(C)(C)(C)C", "é", "\ud800", "C\0C"]
)
def test_invalid_never_raises_and_says_why(smiles, capfd):
    found = examine(smiles)
    assert not found.valid and found.reason and found.canonical == ""
    assert all(math.isnan(value) for value in found.values)
    assert capfd.readouterr().err == ""  # RDKit's own log is silent


def test_without_properties_only_the_canonical_form():
    found = examine("OCC", properties=False)
    assert (found.valid, found.canonical) == (True, "CCO")
    assert all(math.isnan(value) for value in found.values)


def test_columns_are_in_the_order_of_the_molecules():
    table = columns([examine("CCO"), Molecule(False), examine("C1CCCCCC1")])
    assert list(table) == list(PROPERTIES)
    assert table["ring_penalty"].tolist()[::2] == [0, -1] and math.isnan(table["ring_penalty"][1])
    assert columns([])["qed"].shape == (0,)
