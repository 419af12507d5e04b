"""Children of molecules: what crossover and each mutation can make, by hand; always molecules, by their own names."""

import numpy as np
import pytest
from rdkit import Chem

from seqtutor.domains import make_domain
from seqtutor.domains.molecules import offspring

HIT = "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1"
MOLECULES = ("CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C", "CC(=O)N(CC)c1cccc(-c2ccnc3c(C#N)cnn23)c1", HIT)


def canonical(text):
    return Chem.MolToSmiles(Chem.MolFromSmiles(text))


def many(make, *texts, times=300):
    """The canonical SMILES of what `make` makes of molecules, over many seeds."""
    found = (make(*map(Chem.MolFromSmiles, texts), np.random.default_rng(seed)) for seed in range(times))
    return {None if mol is None else Chem.MolToSmiles(mol) for mol in found}


def test_crossover_joins_either_side_of_a_cut_of_each_parent():
    found = many(offspring.crossed, "c1ccccc1Br", "NC1CC1", times=100)
    assert found == set(map(canonical, ("c1ccccc1C1CC1", "Nc1ccccc1", "BrC1CC1", "NBr")))
    assert many(offspring.crossed, "c1ccccc1", "NC1CC1", times=3) == {None}  # no single bond outside a ring


@pytest.mark.parametrize(
    "mutation, text, right",
    [
        ("_other_element", "CC", "CC CN CO CF CS CCl CBr"),
        ("_appended_atom", "C", "CC CN CO CF CS CCl CBr"),
        ("_inserted_atom", "CO", "CCO CNO COO CSO"),
        ("_removed_atom", "CCO", "CC CO"),
        ("_other_order", "CCO", "CCO CC=O C=CO C#CO"),
        ("_closed_ring", "CCCCCC", "CCCCCC C1CCCCC1 CC1CCCC1"),
        ("_opened_ring", "OC1CC1", "CC(C)O CCCO"),
    ],
)
def test_what_each_mutation_makes(mutation, text, right, monkeypatch):
    monkeypatch.setattr(offspring, "_MUTATIONS", (getattr(offspring, mutation),))
    assert many(offspring.mutated, text) == set(map(canonical, right.split()))


def test_children_are_named_as_the_domain_names_them_and_the_generator_decides():
    domain = make_domain({"name": "molecules"})
    children = [domain.child(MOLECULES, np.random.default_rng(seed)) for seed in range(60)]
    again = [domain.child(MOLECULES, np.random.default_rng(seed)) for seed in range(60)]
    assert children == again and len(set(children)) > 40
    assert all(child is None or child == canonical(child) for child in children)
    assert not any("." in child for child in children if child)


def test_what_has_no_child():
    assert offspring.child(["C", "C"], np.random.default_rng(0)) is None
    assert offspring.child(["no molecule"], np.random.default_rng(0)) is None
