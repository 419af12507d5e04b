"""A file is never novel against itself, however it is written."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor import api
from seqtutor.data import corpus
from seqtutor.domains.molecules import Molecules
from seqtutor.domains.molecules.smiles import parse
from seqtutor.domains.music import Music
from seqtutor.evaluation.evaluate import novel
from tests.support.places import DATA

# Molecules that preparing changes, in pieces: salts, stereochemistry, charges, isotopes, maps, metals, spellings.
PIECES = [
    "C[C@H](N)O",
    "C/C=C/F",
    "[Na+]",
    "Cl",
    "OC(=O)C",
    "C1=CC=CC=C1",
    "[CH3:1][CH2:2]N",
    "[13CH4]",
    "[NH3]->[Fe]",
    "CC#N",
]
SPELLED = st.tuples(st.lists(st.sampled_from(PIECES), min_size=1, max_size=3), st.integers(0, 3))


def spelled(pieces, seed):
    """The pieces as one SMILES, its atoms in an order of their own."""
    from rdkit import Chem

    text = ".".join(pieces)
    return Chem.MolToSmiles(Chem.MolFromSmiles(text), doRandom=True, canonical=False) if seed else text


MOLECULES, MUSIC = Molecules(), Music()


@pytest.fixture(scope="module", autouse=True)
def _workers():
    with MOLECULES._pool:
        yield


def against_itself(domain, path):
    reference = domain.reference(corpus.load(domain, str(path)).texts())
    found = novel(domain, path, reference)
    return found.value, found.n


@settings(max_examples=40)
@given(st.lists(SPELLED, min_size=1, max_size=12), st.booleans())
def test_molecules_are_not_novel_against_themselves(tmp_path_factory, molecules, table):
    path = tmp_path_factory.mktemp("file") / ("a.csv" if table else "a.smi")
    texts = [spelled(*each) for each in molecules]
    path.write_text(
        "\n".join(f"{i},{text}" for i, text in enumerate(["smiles", *texts])) if table else "\n".join(texts)
    )
    value, n = against_itself(MOLECULES, path)
    assert value == 0.0
    assert 1 <= n <= len(texts)


@settings(max_examples=40)
@given(
    st.lists(
        st.lists(st.sampled_from(["C", "^F", "G2", "z", "c'", "A,", "B/", "[CE]"]), max_size=12), min_size=1, max_size=4
    ),
    st.sampled_from(["C", "D", "Bb", "F#m"]),
)
def test_melodies_are_not_novel_against_themselves(tmp_path_factory, tunes, key):
    path = tmp_path_factory.mktemp("file") / "a.abc"
    tunes = [f"X:{i}\nT:t\nM:4/4\nL:1/8\nK:{key}\nz2 E{''.join(tune)}\n" for i, tune in enumerate(tunes)]
    path.write_text("\n".join(tunes))
    value, n = against_itself(MUSIC, path)
    assert value == 0.0
    assert 1 <= n <= len(tunes)


@pytest.mark.parametrize("domain", ["music", "molecules"])
def test_folders_of_field_files_are_not_novel_against_themselves(domain):
    path = DATA / "field" / domain
    found = api.evaluate(path, domain=domain, reference=str(path), quiet=True)[domain]["novel"]
    assert found.value == 0.0
    assert found.n > 10


def test_what_is_not_in_the_reference_is_novel(tmp_path):
    (tmp_path / "a.smi").write_text("[CH3:1]O\nCCO.Cl\nC[C@H](F)O\nCN\n")
    (tmp_path / "b.smi").write_text("CO\nOCC\n")
    reference = MOLECULES.reference(corpus.load(MOLECULES, str(tmp_path / "b.smi")).texts())
    assert novel(MOLECULES, tmp_path / "a.smi", reference).value == 0.5
    reference = MUSIC.reference(["C4 hold E4 hold G4 hold", "D4 D4"])
    texts = ["C4 hold E4", "E4 hold G4 hold", "G4 hold D4", "D4", "D4 D4 D4"]
    np.testing.assert_array_equal(MUSIC.known(texts, reference), [True, True, False, True, False])
    of = MOLECULES.reference(["CCO", "c1ccccc1"])
    np.testing.assert_array_equal(MOLECULES.known(["OCC", "CCO", "CCC"], of), [True, True, False])


def test_data_that_are_taken_as_they_are_stay_known(monkeypatch):
    """A reference of canonical SMILES is not made canonical again: another RDKit may have written them."""
    from seqtutor.domains.molecules import statistics

    monkeypatch.setattr(statistics, "BLOCK", 100)
    others = ["".join(each) for each in itertools.product("CN", repeat=7)][:99]
    canonical = sorted({parse_smiles(text) for text in others})
    texts = [*(canonical * 3)[:99], "OCC"]
    reference = statistics.Reference(texts, MOLECULES._pool)
    assert MOLECULES.known(texts, reference).all()


def parse_smiles(text):
    from rdkit import Chem

    return Chem.MolToSmiles(parse(text))
