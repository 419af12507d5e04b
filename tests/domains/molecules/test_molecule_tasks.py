"""The tasks of the benchmarks: against GuacaMol's own numbers, and by hand."""

import math

import numpy as np
import pytest
from rdkit import Chem

from seqtutor.domains import domain_class
from seqtutor.domains.molecules.suites import SUITES
from seqtutor.domains.molecules.tasks import TASKS
from seqtutor.domains.reward_spec import make_reward
from seqtutor.errors import UserError

MOLECULES = [
    "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1", "CC(=O)Oc1ccccc1C(=O)O",
    "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34",
    "NC(CC(=O)N1CCn2c(nnc2C(F)(F)F)C1)Cc1cc(F)c(F)cc1F", "CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C",
    "CN(C=O)Cc1ccc(c2ccccc2)cc1", "CC(=O)N(CC)c1cccc(-c2ccnc3c(C#N)cnn23)c1", "C",
]  # fmt: skip
# What guacamol 0.5.5 gives for them, with RDKit 2026.9.1: objective.score of each of goal_directed_suite_v2().
GUACAMOL = {
    "celecoxib_rediscovery": [0.104762, 0.115789, 0.151316, 0.166667, 0.179104, 0.237113, 0.192982, 0],
    "troglitazone_rediscovery": [0.12931, 0.12037, 0.144578, 0.087248, 0.168919, 0.144068, 0.118519, 0],
    "thiothixene_rediscovery": [0.12069, 0.142857, 0.219355, 0.133803, 0.186207, 0.218182, 0.181102, 0],
    "aripiprazole_similarity": [0.121212, 0.132132, 0.18254, 0.175926, 0.192982, 0.177778, 0.20202, 0],
    "albuterol_similarity": [1, 0.235294, 0.171717, 0.217949, 0.252252, 0.273504, 0.296296, 0.02963],
    "mestranol_similarity": [0.241309, 0.091503, 0.110345, 0.141844, 0.118089, 0.10084, 0.116195, 0],
    "isomers_c11h24": [0.078735, 0, 0, 0, 0, 0, 0, 0],
    "isomers_c9h10n2o2pf2cl": [1.8e-05, 0.184981, 0, 3.1e-05, 0, 0.009067, 0.000213, 0],
    "median1": [0.064349, 0.03983, 0.030024, 0.044499, 0.034582, 0.022792, 0.031083, 0],
    "median2": [0.076832, 0.09552, 0.140781, 0.097243, 0.136083, 0.095469, 0.112367, 0],
    "osimertinib_mpo": [0.246951, 0.129513, 0.133342, 0.30819, 0.07381, 0.000162, 0.240518, 1e-06],
    "fexofenadine_mpo": [0.314643, 0.148553, 0.525804, 0.400953, 0.398572, 0.000175, 0.361488, 0],
    "ranolazine_mpo": [0.007777, 0.007333, 0.277405, 0.001217, 0.406349, 0.013002, 0.046271, 0],
    "perindopril_mpo": [0.100124, 0.118733, 0.004743, 0.270172, 0.00501, 0.160128, 0.09197, 0],
    "amlodipine_mpo": [0.006325, 0.00854, 0.15067, 0.317363, 0.144801, 0.140304, 0.393029, 0],
    "sitagliptin_mpo": [0.01777, 0.000195, 0, 4e-06, 0, 0, 0.096917, 0],
    "zaleplon_mpo": [0.018088, 0, 0, 0.133438, 0.001814, 0.048013, 0.466499, 0],
    "valsartan_smarts": [0, 0, 0, 0, 0, 0, 0, 0],
    "deco_hop": [0.52087, 0.50915, 0.587638, 0.551701, 0.5, 0.506604, 0.551116, 0.5],
    "scaffold_hop": [0.364871, 0.34716, 0.465765, 0.41146, 0.666667, 0.343313, 0.410575, 0.333333],
}  # fmt: skip


def value(name, smiles):
    return TASKS[name](Chem.MolFromSmiles(smiles))


@pytest.mark.parametrize("name", GUACAMOL)
def test_scores_are_those_of_guacamol(name):
    np.testing.assert_allclose([value(name, smiles) for smiles in MOLECULES], GUACAMOL[name], rtol=1e-5, atol=1e-6)


def test_scores_by_hand():
    """Benzene-1,2-diamine with two acids has the formula; each atom off costs exp(-1/2) once, exp(-1/8) in the sum."""
    assert value("isomers_c7h8n2o2", "Nc1ccc(C(=O)O)c(N)c1") == pytest.approx(1.0)
    assert value("isomers_c7h8n2o2", "Nc1ccc(C(=O)O)c(N)c1Cl") == pytest.approx(math.exp(-0.5 / 5))  # H for Cl
    assert value("isomers_c11h24", "CCCCCCCCCC") == pytest.approx(math.exp(-(1 + 4 + 9 / 4) / 2 / 3))  # CH2 less
    assert value("celecoxib_rediscovery", "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F") == 1.0
    assert value("qed", "CC(=O)Oc1ccccc1C(=O)O") == pytest.approx(0.550, abs=1e-3)  # aspirin, Bickerton et al. 2012


def test_the_suites_are_complete():
    pmo, guacamol = SUITES["pmo"], SUITES["guacamol"]
    assert len(guacamol.tasks) == 20 and set(guacamol.tasks) == set(GUACAMOL)
    assert len(pmo.tasks) + len(pmo.left_out) == 23
    only = {"qed", "isomers_c7h8n2o2", "aripiprazole_similarity", "isomers_c11h24"}
    assert set(pmo.tasks) ^ set(guacamol.tasks) == only
    for figures in pmo.published.values():
        assert set(figures) == set(pmo.tasks)
    assert sum(pmo.published["Graph GA"].values()) == pytest.approx(13.751 - 0.964 - 0.788 - 0.553, abs=0.02)


def test_a_task_as_a_reward_gives_an_invalid_molecule_nothing():
    domain = domain_class("molecules")({"length": 24}).with_vocabulary("CNO(=)1c")
    rows = [domain.encode(text) for text in ("CC(=O)Oc1ccccc1C(=O)O", "C(")]
    tokens = np.zeros((2, 24), np.int32)
    for place, row in zip(tokens, rows, strict=True):
        place[: len(row)] = row
    lengths = np.array([len(row) for row in rows], np.int32)
    with make_reward(domain, "task(perindopril_mpo),qed:0.5") as reward:
        total, components = reward(tokens, lengths)
    aspirin = GUACAMOL["perindopril_mpo"][1]
    np.testing.assert_allclose(components["task(perindopril_mpo)"].sum(axis=1), [aspirin, 0], rtol=1e-5)
    np.testing.assert_allclose(total.sum(axis=1), [aspirin + 0.5 * components["qed"][0].sum(), -0.5], rtol=1e-5)
    with pytest.raises(UserError, match="unknown task 'celecoxib'; did you mean celecoxib_rediscovery"):
        make_reward(domain, "task(celecoxib)")
