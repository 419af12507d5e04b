"""Similarities of sets of molecules against RDKit pair by pair, values by hand, and published ones."""

import gzip
import itertools
import math
from collections import Counter

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from seqtutor.domains.molecules.similarity import (
    cosine,
    diversity,
    fingerprints,
    fragments,
    nearest,
    scaffolds,
    summed,
)
from tests.support.places import ROOT

NAMES = ["CCO", "c1ccccc1C", "CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "OCC", "c1ccc2ccccc2c1"]
OTHERS = ["c1ccccc1", "CCN", "Cn1cnc2c1c(=O)[nH]c(=O)n2C"]


def by_rdkit(names):
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    return [generator.GetFingerprint(Chem.MolFromSmiles(name)) for name in names]


def test_diversity_and_nearest_equal_rdkit_pair_by_pair():
    pairs = [DataStructs.TanimotoSimilarity(a, b) for a, b in itertools.combinations(by_rdkit(NAMES), 2)]
    assert diversity(fingerprints(NAMES)).value == pytest.approx(1 - np.mean(pairs), abs=1e-6)
    best = [max(DataStructs.BulkTanimotoSimilarity(a, by_rdkit(OTHERS))) for a in by_rdkit(NAMES)]
    found = nearest(fingerprints(NAMES), fingerprints(OTHERS))
    assert found.value == pytest.approx(np.mean(best), abs=1e-6)
    assert found.error == pytest.approx(np.std(best, ddof=1) / math.sqrt(len(best)), abs=1e-6)
    assert nearest(fingerprints(NAMES), fingerprints(NAMES)).value == pytest.approx(1)
    assert math.isnan(nearest(fingerprints([]), fingerprints(NAMES)).value)


def test_diversity_by_leaving_one_out():
    prints = (np.random.default_rng(0).random((30, 64)) < 0.3).astype(np.float32)
    found = diversity(prints)
    without = np.array([diversity(np.delete(prints, i, 0)).value for i in range(30)])
    assert found.error == pytest.approx(math.sqrt(29 / 30 * np.sum((without - without.mean()) ** 2)), rel=1e-6)
    assert found.low < found.value < found.high


def test_diversity_of_equal_and_of_disjoint_molecules():
    assert diversity(np.ones((5, 8), np.float32)).value == pytest.approx(0)
    assert diversity(np.eye(5, dtype=np.float32)).value == pytest.approx(1)
    assert diversity(np.zeros((5, 8), np.float32)).value == pytest.approx(0)


def test_the_diversity_of_moses_is_the_published_one():
    """IntDiv of the training set is 0.8567 (Polykovskiy et al. 2020, table of metrics); here of a sample."""
    path = ROOT / "data" / "molecules" / "moses-sample.smi.gz"
    with gzip.open(path, "rt") as file:
        names = [line.split()[0] for line in file][::10]  # neighbours in the file are alike
    found = diversity(fingerprints(names))
    assert abs(found.value - 0.8567) < 2 * found.error
    assert found.error < 0.0015


def test_fragments_by_hand():
    """Ethyl benzoate breaks at its ester's and its ring's bonds; nothing breaks in benzene."""
    expected = {"[4*]CC": 1, "[3*]O[3*]": 1, "[1*]C([6*])=O": 1, "[16*]c1ccccc1": 1}
    assert fragments(["CCOC(=O)c1ccccc1", "c1ccccc1"]) == [Counter(expected), Counter({"c1ccccc1": 1})]


def test_scaffolds_by_hand():
    """A ring alone is none; side chains go, links between rings stay."""
    given = ["CCO", "Cc1ccccc1", "CCc1ccccc1COc1ccccc1", "Cc1ccc2ccccc2c1"]
    found = [list(each) for each in scaffolds(given)]
    assert found == [[], [], ["c1ccc(COc2ccccc2)cc1"], ["c1ccc2ccccc2c1"]]


def test_cosine_by_hand():
    molecules = [Counter(a=1), Counter(a=1, b=2)]
    assert cosine(molecules, Counter(b=5)).value == pytest.approx(2 / math.sqrt(8))
    assert cosine(molecules, Counter(a=4, b=4)).value == pytest.approx(1)
    assert cosine(molecules, Counter(c=1)).value == 0
    for nothing in (
        cosine([], Counter(a=1)),
        cosine(molecules, Counter()),
        cosine([Counter(), Counter()], Counter(a=1)),
    ):
        assert math.isnan(nothing.value)


def test_cosine_by_leaving_one_out():
    rng = np.random.default_rng(0)
    molecules = [Counter("abcdefgh"[i] for i in rng.integers(0, 8, 5)) for _ in range(30)]
    reference = Counter(a=5, b=3, c=9, x=4)
    found = cosine(molecules, reference)
    names = "abcdefghx"
    vector = lambda counts: np.array([counts[name] for name in names], float)  # noqa: E731
    angle = lambda a, b: a @ b / np.linalg.norm(a) / np.linalg.norm(b)  # noqa: E731
    assert found.value == pytest.approx(angle(vector(summed(molecules)), vector(reference)))
    without = np.array([cosine(molecules[:i] + molecules[i + 1 :], reference).value for i in range(30)])
    assert found.error == pytest.approx(math.sqrt(29 / 30 * np.sum((without - without.mean()) ** 2)))
