"""The Frechet ChemNet Distance, with a stand-in for the package fcd: activations that are known."""

import sys
import types

import numpy as np
import pytest

from seqtutor.domains.molecules import frechet_chemnet


@pytest.fixture
def chemnet(monkeypatch):
    """ChemNet's activations are the counts of letters here."""
    package = types.ModuleType("fcd")
    package.load_ref_model = lambda: "model"
    package.get_predictions = lambda model, smiles, n_jobs, device: np.array(
        [[text.count(letter) for letter in "CNO"] for text in smiles], np.float32
    )
    monkeypatch.setitem(sys.modules, "fcd", package)
    return package


def test_activations_in_blocks_have_the_mean_and_covariance_of_all(chemnet, monkeypatch):
    monkeypatch.setattr(frechet_chemnet, "BLOCK", 3)
    smiles = ["CCO", "CCCN", "NNO", "C", "CO", "OON", "CCCCCCN"]
    rows = chemnet.get_predictions("model", smiles, 0, "cpu").astype(float)
    found = frechet_chemnet.activations(iter(smiles))
    np.testing.assert_allclose(found.mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(rows.T), rtol=1e-9)
