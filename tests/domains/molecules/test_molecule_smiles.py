"""SMILES tokens: literal lists for real molecules, round trips over the sample, and what is refused."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtutor.domains.molecules import Molecules
from seqtutor.domains.molecules.data_sets import SAMPLE
from seqtutor.domains.molecules.smiles import END, decode, tokenize
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError

TOKENS = {
    "CC(=O)Oc1ccccc1C(=O)O": "C C ( = O ) O c 1 c c c c c 1 C ( = O ) O",  # aspirin
    "ClCCBr": "Cl C C Br",
    "N[C@@H](C)C(=O)[O-].[Na+]": "N [C@@H] ( C ) C ( = O ) [O-] . [Na+]",
    "c1c[nH]c2ccccc12": "c 1 c [nH] c 2 c c c c c 1 2",  # a closure of ring 1, then of ring 2
    "C%12CC%12C1C=1": "C %12 C C %12 C 1 C = 1",
    "F/C=C\\[13CH3]": "F / C = C \\ [13CH3]",
    "[C]$[C]": "[C] $ [C]",
    "CSc1cnnc1C#N": "C S c 1 c n n c 1 C # N",  # `Sc` is sulphur and carbon here, `cn` no copernicium
    "[Sc+3].[Cl-]": "[Sc+3] . [Cl-]",
    "": "",
}

REFUSED = {
    "CCX": "character 'X' at position 3 cannot be in a SMILES",
    "CCl Br": "character ' ' at position 4 cannot be in a SMILES",
    "Cé": "character 'é' at position 2 cannot be in a SMILES",
    "CC\n": "character '\\n' at position 3 cannot be in a SMILES",
    "C<end>": "character '<' at position 2 cannot be in a SMILES",
    "C[NH3+": "bracket at position 2 is never closed",
    "C[]C": "bracket atom '[]' at position 2 is not one",
    "C[C[N]]": "bracket atom '[C[N]' at position 2 is not one",
    "C]": "character ']' at position 2 cannot be in a SMILES",
    "C%1C": "'%' at position 2 is not followed by two digits",
}

ATOMS = ["C", "Cl", "Br", "c", "n", "[nH]", "[C@@H]", "[13CH3]", "[O-]", "(", ")", "=", "#", "/", "1", "%10", "."]


def sample_molecules() -> list[str]:
    with gzip.open(SAMPLE, "rt") as file:
        return file.read().split()


@pytest.mark.parametrize("text", TOKENS)
def test_tokens_of_real_molecules(text):
    assert tokenize(text) == TOKENS[text].split()


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_smiles_is_refused_with_the_reason(text):
    with pytest.raises(ValueError) as error:
        tokenize(text)
    assert str(error.value) == REFUSED[text]


@given(st.lists(st.sampled_from(ATOMS), max_size=60))
def test_joined_tokens_split_into_the_same_tokens(tokens):
    assert tokenize("".join(tokens)) == tokens


@given(st.text(alphabet="CclBrno[]@+-%(123=#$<>e ", max_size=12))
def test_tokens_join_to_the_text_or_it_is_refused(text):
    try:
        tokens = tokenize(text)
    except ValueError:
        return
    assert "".join(tokens) == text
    assert all(len(token) == 1 or token[0] in "[%" or token in ("Cl", "Br") for token in tokens)


def test_every_molecule_of_the_sample_makes_the_round_trip():
    molecules = sample_molecules()
    symbols = {symbol for text in molecules for symbol in tokenize(text)}
    assert " ".join(sorted(symbols)) == "# ( ) - 1 2 3 4 5 = Br C Cl F N O S [nH] c n o s"
    domain = Molecules().with_vocabulary(symbols)
    assert domain.vocabulary.symbols[0] == END and domain.vocabulary.end == domain.vocabulary.pad == 0
    assert domain.vocabulary.begin == domain.vocabulary.size == 23
    for text in molecules:
        ids = domain.encode(text)
        assert ids[-1] == 0 and np.all(ids[:-1] > 0)
        assert domain.decode(ids) == text
    assert max(len(domain.encode(text)) for text in molecules) == 50


def test_decode_stops_at_the_first_end_and_needs_none():
    vocabulary = Vocabulary((END, "(", "C", "Cl"), 0)
    assert decode([2, 1, 3, 0, 2, 0], vocabulary) == "C(Cl"
    assert decode(np.array([2, 2], np.int32), vocabulary) == "CC"
    assert decode([0], vocabulary) == "" and decode([], vocabulary) == ""


def test_an_atom_that_the_vocabulary_lacks_is_named():
    with pytest.raises(ValueError, match=r"unknown token '\[Si\]'"):
        Molecules().with_vocabulary(tokenize("CCO")).encode("C[Si]")


@pytest.mark.parametrize("length", [1, 0, "100", 60.0, None])
def test_a_length_that_is_no_number_of_tokens_is_refused(length):
    with pytest.raises(UserError, match=r"domain.length is"):
        Molecules({"length": length})
