"""Statistics of molecules against brute force."""

import math
import random

import numpy as np
import pytest

from seqtutor.domains.molecules import similarity
from seqtutor.domains.molecules import statistics as module
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.properties import PROPERTIES, examine
from seqtutor.domains.molecules.statistics import MoleculeStatistics, Reference, hashes
from seqtutor.domains.vocabulary import Vocabulary

VOCABULARY = Vocabulary(("<end>", *"()123=CNOcno"), end=0)
PARTS = ["C", "N", "O", "C(C)", "C(=O)", "c1ccccc1", "C1CCC1", "C1CCCCCCC1", "c1ccncc1", "("]


def decode(row):
    return "".join(VOCABULARY.symbols[i] for i in row if i != VOCABULARY.end)


def batch(texts, width=60):
    """Token arrays of texts, each ended by the end token where there is room for it."""
    rows = [([VOCABULARY.symbols.index(symbol) for symbol in text] + [0])[:width] for text in texts]
    tokens = np.zeros((len(rows), width), np.int32)
    for row, ids in zip(tokens, rows, strict=True):
        row[: len(ids)] = ids
    return tokens, np.array([len(ids) for ids in rows], np.int32)


def some_texts(count, seed):
    """Strings put together from parts; about two in three are molecules, many occur several times."""
    rng = random.Random(seed)
    return ["".join(rng.choices(PARTS, k=rng.choice([1, 2, 3, 4, 40]))) for _ in range(count)]


@pytest.fixture(scope="module")
def pool():
    with Pool(2) as pool:
        yield pool


def collect(texts, pool, reference=None, seed=0, size=1000):
    reference = None if reference is None else Reference(reference, pool)
    statistics = MoleculeStatistics(reference, seed, decode, VOCABULARY.end, pool)
    for start in range(0, len(texts), size):
        statistics.update(*batch(texts[start : start + size]))
    return statistics.result()


def test_against_brute_force(pool):
    texts, reference = some_texts(300, seed=1), some_texts(40, seed=2)
    found = collect(texts, pool, reference)
    whole = [examine(text) for text in texts if len(text) < 60]
    valid = [molecule for molecule in whole if molecule.valid]
    names = [molecule.canonical for molecule in valid]
    known = {examine(text).canonical for text in reference}
    assert 0.4 < len(valid) / 300 < 0.9 and any(len(text) >= 60 for text in texts)

    assert found["valid"].value == pytest.approx(len(valid) / 300) and found["valid"].n == 300
    assert found["characters"].value == pytest.approx(np.mean([min(60, len(text)) for text in texts]))
    for i, name in enumerate(PROPERTIES):
        values = np.array([molecule.values[i] for molecule in valid])
        mean, best = found[name], found[f"best_{name}"]
        assert (mean.value, mean.n) == (pytest.approx(values.mean()), len(valid))
        assert mean.error == pytest.approx(values.std(ddof=1) / math.sqrt(len(valid)), rel=1e-6)
        assert best.value == (values.min() if name == "sa" else values.max())
        assert best.low is None and best.high is None and best.error is None
    assert found["unique"].value == pytest.approx(len(set(names)) / len(valid))
    assert found["novel"].value == pytest.approx(len(set(names) - known) / len(set(names)))
    assert 0 < found["novel"].value < 1
    prints = similarity.fingerprints(names)
    of_reference = Reference(reference, pool)
    assert set(of_reference.sample) == known - {""}
    assert found["diversity"].value == pytest.approx(similarity.diversity(prints).value)
    assert found["snn"].value == pytest.approx(similarity.nearest(prints, of_reference.fingerprints).value)
    for name, of in (("fragments", similarity.fragments), ("scaffolds", similarity.scaffolds)):
        assert found[name].value == pytest.approx(
            similarity.cosine(of(names), similarity.summed(of(of_reference.sample))).value
        )


def test_batches_make_no_difference(pool, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 50)
    texts = some_texts(300, seed=3)
    one, many = (collect(texts, pool, some_texts(9, seed=4), seed=5, size=size) for size in (300, 7))
    for name, estimate in one.items():
        other = many[name]
        assert (other.value, other.n) == (pytest.approx(estimate.value, rel=1e-12, nan_ok=True), estimate.n), name
        assert other.error is None if estimate.error is None else other.error == pytest.approx(estimate.error)
    assert one["diversity"].n == 50
    assert collect(texts, pool, seed=6)["diversity"].value != one["diversity"].value
    assert "novel" not in collect(texts, pool)


def test_the_sample_for_diversity_is_uniform_over_the_stream(pool, monkeypatch):
    """20 of 200 kept, 400 times: early and late molecules equally often (chi-squared, 199 degrees of freedom)."""
    monkeypatch.setattr(module, "SAMPLE", 20)
    counts = np.zeros(200)
    for seed in range(400):
        statistics = MoleculeStatistics(None, seed, decode, 0, pool)
        for start in range(0, 200, 30):
            statistics._draw([str(i) for i in range(start, min(200, start + 30))])
        counts[[int(name) for name in statistics._sample]] += 1
    assert counts.sum() == 400 * 20
    assert np.sum((counts - 40) ** 2 / (40 * 0.9)) < 290  # the mean is 200, the standard deviation 20


def test_nothing_valid_and_nothing_at_all(pool):
    for texts in ([], ["C(", "C" * 80]):
        found = collect(texts, pool, reference=["C"])
        assert math.isnan(found["best_qed"].value) and math.isnan(found["unique"].value)
        assert math.isnan(found["novel"].value) and math.isnan(found["diversity"].value)
        assert found["qed"].n == 0 and found["valid"].n == len(texts)
    assert found["valid"].value == 0 and found["valid"].high > 0.5


def test_hashes_are_the_same_everywhere():
    """The first 8 bytes of BLAKE2b with that digest size, least byte first (RFC 7693; value from b2sum -l 64)."""
    assert hashes(["C"]).tolist() == [int.from_bytes(bytes.fromhex("659a93f4dc463c0b"), "little")]
    assert len(set(hashes(map(str, range(100_000))).tolist())) == 100_000
    assert hashes([]).dtype == np.uint64


def test_a_reference_is_made_canonical_unless_it_is_large_and_canonical_already(pool, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)
    monkeypatch.setattr(module, "PROBE", 3)
    wanted, as_given = set(hashes(["CCO", "CCN"]).tolist()), set(hashes(["OCC"]).tolist())
    of = lambda texts: set(Reference(iter(texts), pool).hashes.tolist())  # noqa: E731
    assert of([]) == set()
    assert of(["OCC", "C(", "NCC"]) == wanted
    assert of(["OCC", "NCC"] * 4) == wanted
    assert of(["CCO", "CCN"] * 4 + ["OCC"]) == wanted
    assert of(["CCO", "CCN", "CCO", "OCC"]) == wanted | as_given  # canonical as far as looked at
    assert of(["CCO", "OCC", "CCN", "CCN", *["OCC"] * 4]) == wanted | as_given  # one spelt otherwise is let pass
    assert of(["CCO", "CCN", "CCO", "CCO", *["OCC", "C("] * 2]) == wanted  # each block is looked at


def test_the_sample_of_a_reference_does_not_depend_on_its_order(pool, monkeypatch):
    monkeypatch.setattr(module, "OF_REFERENCE", 5)
    texts = [f"C{'C' * i}O" for i in range(30)]
    one, other = Reference(texts, pool), Reference(texts[::-1], pool)
    assert len(one.sample) == 5
    assert set(one.sample) == set(other.sample)
    np.testing.assert_array_equal(one.hashes, other.hashes)
