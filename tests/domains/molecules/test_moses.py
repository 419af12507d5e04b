"""The metrics of MOSES against molsets 0.3.1 (tests/data/moses), brute force and values by hand."""

import gzip
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

import seqtutor as st
from seqtutor.domains.molecules import moses, moses_features, moses_reference
from seqtutor.domains.molecules.moses import MosesStatistics, internal_diversity, nearest, wasserstein
from seqtutor.domains.molecules.moses_reference import reference_of
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.statistics import Reference
from seqtutor.errors import UserError
from tests.support.letters import as_tokens

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data" / "moses"
NAMES = {  # of molsets, in the order of ours
    "valid": "valid", "unique@1000": "unique_1k", "unique@10000": "unique_10k", "Novelty": "novelty",
    "IntDiv": "int_div_1", "IntDiv2": "int_div_2", "Filters": "filters", "SNN/Test": "snn_test",
    "Frag/Test": "frag_test", "Scaf/Test": "scaf_test", "SNN/TestSF": "snn_test_sf", "Frag/TestSF": "frag_test_sf",
    "Scaf/TestSF": "scaf_test_sf", "logP": "logp", "SA": "sa", "QED": "qed", "weight": "weight",
}  # fmt: skip


def lines(path):
    return gzip.decompress(path.read_bytes()).decode().split()


def sample(first, last):
    return lines(ROOT / "data" / "molecules" / "moses-sample.smi.gz")[first:last]


def collect(texts, training, tests, size=1000):
    """The metrics of texts, letter by letter as tokens."""
    tokens, lengths, text_of = as_tokens(texts)
    with Pool(2) as pool:
        known = None if training is None else Reference(training, pool)
        statistics = MosesStatistics(known, tests, text_of, 0, pool)
        for at in (slice(start, start + size) for start in range(0, len(texts), size)):
            statistics.update(tokens[at], lengths[at])
        return statistics.result()


@pytest.mark.slow
def test_the_numbers_of_molsets():
    """5,000 molecules, a sixth of them not valid, a tenth of them twice; tests/data/moses/make.py made the numbers."""
    texts, theirs = lines(DATA / "generated.smi.gz"), json.loads((DATA / "molsets.json").read_text())
    tests = {"test": reference_of(sample(8000, 10000)), "test_sf": reference_of(sample(12000, 13000))}
    found = collect(texts, sample(0, 2000), tests)
    assert list(found) == [f"moses_{name}" for name in NAMES.values()]
    for name, ours in NAMES.items():
        assert found[f"moses_{ours}"].value == pytest.approx(theirs[name], abs=1e-6), name
    assert found["moses_unique_1k"].n == 1000 and found["moses_unique_10k"].n == found["moses_filters"].n == 4192


def test_the_docs_have_every_metric():
    page = (ROOT / "docs" / "files.md").read_text()
    assert all(f"`moses_{name}`" in page for name in NAMES.values())


def random_prints(count, seed):
    return np.random.default_rng(seed).integers(0, 256, (count, 128), np.uint8) & np.uint8(0b10010)


def tanimoto(left, right):
    both = np.unpackbits(left & right).sum()
    return both / np.unpackbits(left | right).sum()


@pytest.mark.parametrize("block", [7, 4000])
def test_nearest_and_internal_diversity_against_all_pairs(block, monkeypatch):
    monkeypatch.setattr(moses, "BLOCK", block)
    prints, reference = random_prints(30, 0), random_prints(20, 1)
    best = [max(tanimoto(ours, theirs) for theirs in reference) for ours in prints]
    np.testing.assert_allclose(nearest(prints, reference), best, rtol=1e-6)
    pairs = np.array([[tanimoto(left, right) for right in prints] for left in prints])
    found = internal_diversity(prints)
    assert found["int_div_1"].value == pytest.approx(1 - pairs.mean(), rel=1e-6)
    assert found["int_div_2"].value == pytest.approx(1 - np.sqrt((pairs**2).mean(axis=1)).mean(), rel=1e-6)
    without = np.array([np.delete(np.delete(pairs, i, 0), i, 1).mean() for i in range(30)])
    jackknife = math.sqrt(29 / 30 * ((without - without.mean()) ** 2).sum())
    assert found["int_div_1"].error == pytest.approx(jackknife, rel=0.1)


def test_wasserstein_by_hand():
    assert wasserstein(np.array([0.0, 1.0]), np.array([5.0, 6.0])) == 5
    assert wasserstein(np.array([3.0, 1.0, 2.0]), np.array([2.0, 3.0, 1.0, 1.0, 2.0, 3.0])) == 0
    assert wasserstein(np.array([0.0]), np.array([0.0, 0.0, 3.0])) == pytest.approx(1)
    assert math.isnan(wasserstein(np.zeros(0), np.array([1.0])))


@pytest.mark.parametrize(
    "smiles, passes",
    [
        ("CCOc1ccccc1", True),
        ("C1CCCCCC1", True),  # seven atoms in a ring
        ("C1CCCCCCC1", False),  # eight
        ("CC(=O)[O-]", False),
        ("CI", False),
        ("CCC=O", False),  # MCF7, an aldehyde: its hydrogen is in the pattern
        ("CCSSC", False),  # MCF16
        ("O=C1NC(=S)SC1=Cc1ccccc1", False),  # PAINS, ene_rhod_E
        ("FC(F)(F)C(F)(F)C(F)F", False),  # MCF22, seven of fluorine
    ],
)
def test_the_filters(smiles, passes):
    assert moses_features.features(smiles, True).passes is passes
    assert moses_features.features(smiles, False).passes is None


def test_the_screen_of_the_filters_lets_no_match_pass():
    from rdkit.Chem import AddHs, MolFromSmiles, PatternFingerprint
    from rdkit.DataStructs import AllProbeBitsMatch

    parts = "CC=O CN=NC CSSC C1OC1 C1NC1 N=C=O C(Cl) c1ccc(O)c(O)c1 c1ccc(N(C)C)cc1 C(F)(F)F C=CC(=O)C c1ccccc1"
    more = "C(=N)N NNC O=C1NC(=S)SC1=C c1ccsc1 OCO NCN S(=O)(=O)C=C"
    rng, patterns, matches = random.Random(0), moses_features._filters(), 0
    assert len(patterns) == 502
    for _ in range(60):
        mol = MolFromSmiles("".join(rng.choices(f"{parts} {more}".split(), k=3)))
        whole = AddHs(mol or MolFromSmiles("C"))
        screen = PatternFingerprint(whole)
        for pattern, bits in patterns:
            if whole.HasSubstructMatch(pattern):
                matches += 1
                assert AllProbeBitsMatch(bits, screen)
    assert matches > 50


def test_nothing_valid():
    found = collect(["C(", "c1"], ["CC"], {"test": reference_of(["CCO"])})
    assert found["moses_valid"].value == 0
    assert all(math.isnan(value.value) for name, value in found.items() if name != "moses_valid")


@pytest.fixture
def small_sets(tmp_path, monkeypatch):
    """Ten molecules as each of the sets that MOSES compares with, in a cache of their own."""
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path))
    folder = tmp_path / "moses"
    folder.mkdir()
    for name, smiles in (("test", sample(0, 10)), ("test_scaffolds", sample(10, 20))):
        text = "SMILES,SPLIT\n" + "".join(f"{each},{name}\n" for each in smiles)
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
    moses_reference.references.cache_clear()
    yield folder
    moses_reference.references.cache_clear()


def test_the_features_of_the_sets_are_kept_and_a_damaged_file_is_made_again(small_sets, monkeypatch):
    made = moses_reference.references()
    assert list(made) == ["test", "test_sf"]
    kept = sorted(small_sets.glob("*features*.npz"))
    assert len(kept) == 2
    kept[0].write_bytes(b"no archive")
    asked = []
    monkeypatch.setattr(moses_reference, "reference_of", lambda smiles: asked.append(list(smiles)) or made["test"])
    moses_reference.references.cache_clear()
    again = moses_reference.references()
    assert asked == [sample(0, 10)]
    for key, each in made.items():
        for name in ("prints", "values"):
            np.testing.assert_array_equal(getattr(again[key], name), getattr(each, name))
        assert (again[key].fragments, again[key].scaffolds) == (each.fragments, each.scaffolds)


def test_sets_that_are_not_here_are_named(small_sets):
    (small_sets / "test_scaffolds.csv.gz").unlink()
    with pytest.raises(UserError, match="seqtutor data fetch moses-test-scaffolds"):
        moses_reference.references()


def test_evaluate_adds_them(small_sets, tmp_path):
    """Ten molecules of the test split, judged by themselves."""
    (tmp_path / "mine.smi").write_text("\n".join(sample(0, 10)))
    found = st.evaluate(
        tmp_path / "mine.smi", domain="molecules", reference=str(tmp_path / "mine.smi"), metrics="all", reward="qed"
    )["mine.smi"]
    for name in ("moses_valid", "moses_snn_test", "moses_frag_test", "moses_scaf_test", "snn"):
        assert found[name].value == pytest.approx(1, abs=1e-6), name
    assert found["moses_novelty"].value == 0 and found["moses_snn_test_sf"].value < 1
    for name in ("logp", "sa", "qed", "weight"):
        assert found[f"moses_{name}"].value == pytest.approx(0, abs=1e-9), name


@pytest.mark.parametrize(
    "domain, name, said",
    [("molecules", "mose", "unknown metrics 'mose' in domain molecules"), ("music", "moses", "no further metrics")],
)
def test_other_names_are_refused(tmp_path, domain, name, said):
    (tmp_path / "mine.txt").write_text("C\nCC\n")
    with pytest.raises(UserError, match=said):
        st.evaluate(tmp_path / "mine.txt", domain=domain, metrics=name)
