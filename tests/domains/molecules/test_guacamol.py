"""The metrics of GuacaMol against guacamol 0.5.5 (tests/data/guacamol), and values by hand."""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

import seqtutor as st
from seqtutor.domains.molecules import guacamol, statistics
from seqtutor.domains.molecules.guacamol import Described, Features, GuacamolStatistics
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.statistics import Reference
from seqtutor.errors import UserError
from tests.support.letters import as_tokens
from tests.support.places import DATA

ROOT = Path(__file__).parents[3]
NAMES = {"Validity": "valid", "Uniqueness": "unique", "Novelty": "novelty", "KL divergence": "kl"}
COUNT = 500  # of tests/data/guacamol/make.py


def lines(path):
    return gzip.decompress(path.read_bytes()).decode().split()


def collect(texts, training, size=300):
    """The metrics of texts, letter by letter as tokens."""
    tokens, lengths, text_of = as_tokens(texts)
    with Pool(2) as pool:
        known = None if training is None else Reference(training, pool)
        found = GuacamolStatistics(known, text_of, 0, pool)
        for start in range(0, len(texts), size):
            found.update(tokens[start : start + size], lengths[start : start + size])
        return found.result()


def test_the_numbers_of_guacamol(monkeypatch):
    """A fifth of the molecules drawn are not valid, some come twice; all of the training data is the reference."""
    theirs = json.loads((DATA / "guacamol" / "guacamol.json").read_text())
    monkeypatch.setattr(guacamol, "MOST", COUNT)
    monkeypatch.setattr(guacamol, "BLOCK", 150)
    monkeypatch.setattr(guacamol.frechet_chemnet, "available", lambda: False)
    told, kl_score = {}, guacamol.kl_score
    monkeypatch.setattr(guacamol, "kl_score", lambda *sets: told.update(guacamol.divergences(*sets)) or kl_score(*sets))
    training = lines(ROOT / "data" / "molecules" / "moses-sample.smi.gz")[2000 : 2000 + COUNT]
    found = collect(lines(DATA / "moses" / "generated.smi.gz")[: 2 * COUNT], training)
    assert list(found) == [f"guacamol_{name}" for name in NAMES.values()]
    for name, ours in NAMES.items():
        assert found[f"guacamol_{ours}"].value == pytest.approx(theirs[name], abs=1e-6), name
        assert found[f"guacamol_{ours}"].n == COUNT
    for name, divergence in told.items():
        assert divergence == pytest.approx(theirs[name], abs=1e-6), name
    assert len(told) == 10


def test_the_reference_is_larger_than_that_of_the_other_metrics_and_begins_with_it(monkeypatch):
    monkeypatch.setattr(statistics, "OF_REFERENCE", 3)
    monkeypatch.setattr(statistics, "OF_LARGER", 5)
    with Pool(1) as pool:
        reference = Reference(["C", "CC", "CCC", "CCCC", "CCO", "CCN", "CO"], pool)
    assert len(reference.larger) == 5 and reference.sample == reference.larger[:3]


def test_stereochemistry_does_not_count():
    assert guacamol.features("N[C@@H](C)C(=O)O").name == guacamol.features("N[C@H](C)C(=O)O").name == "CC(N)C(=O)O"


def described(values, bits=b"\1"):
    return Described([Features(str(i), [float(value)] * 9, (bits * 512).hex()) for i, value in enumerate(values)])


def test_by_hand():
    assert guacamol.discrete_divergence(np.array([0.0, 10]), np.array([10.0, 10])) == pytest.approx(
        0.5 * math.log(0.5 / 1e-10) + 0.5 * math.log(0.5), abs=1e-3
    )  # density 0.5 each, against 1 and 1e-10
    assert guacamol.discrete_divergence(np.arange(5.0), np.arange(5.0)) == 0
    assert guacamol.continuous_divergence(np.arange(5.0), np.arange(5.0)) == 0
    assert guacamol.continuous_divergence(np.arange(5.0), np.ones(5)) == math.inf
    assert described([1]).similarity.tolist() == [0] and described([1, 2]).similarity.tolist() == [1, 1]
    assert math.isnan(guacamol.kl_score(described([1]), described([1, 2])))
    collapsed = guacamol.kl_score(described([1, 2, 3]), described([2, 2]))
    assert 0 <= collapsed < 0.5  # a network that draws one molecule


def test_nothing_valid_and_no_training_data():
    found = collect(["C(", "C1"], None)
    assert found["guacamol_valid"].value == 0 and math.isnan(found["guacamol_unique"].value)
    assert list(found) == ["guacamol_valid", "guacamol_unique"]


def test_evaluate_has_them(tmp_path):
    (tmp_path / "a.smi").write_text("CCO\nCCN\nCCO\nC(\n")
    found = st.evaluate(
        tmp_path / "a.smi", domain="molecules", metrics="guacamol", reference=str(tmp_path / "a.smi"), quiet=True
    )["a.smi"]
    assert found["guacamol_valid"].value == 0.75 and found["guacamol_unique"].value == pytest.approx(2 / 3)
    assert found["guacamol_novelty"].value == 0
    with pytest.raises(UserError, match="did you mean guacamol"):
        st.evaluate(tmp_path / "a.smi", domain="molecules", metrics="guacamole", quiet=True)


def test_the_docs_have_every_metric():
    page = (ROOT / "docs" / "files.md").read_text()
    assert all(f"`guacamol_{name}`" in page for name in (*NAMES.values(), "fcd"))
