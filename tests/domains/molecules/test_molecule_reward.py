"""Rewards of molecules by hand."""

import numpy as np
import pytest

from seqtutor.domains.molecules import published_reward
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.properties import PROPERTIES, examine
from seqtutor.domains.molecules.reward import MOLECULE, REWARD_NAMES, SCORES, MoleculeReward
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError
from tests.support.terms import terms

VOCABULARY = Vocabulary(("<end>", *"()123=CNOcno", "Cl"), end=0)
DRUG = "CC(=O)Nc1ccc(O)cc1"  # paracetamol, 18 characters


def decode(row):
    return "".join(VOCABULARY.symbols[i] for i in row if i != VOCABULARY.end)


def batch(*sequences, width=40):
    """Token arrays of sequences, each a string or a list of symbols; a final "!" stands for the end token."""
    rows = [[0 if symbol == "!" else VOCABULARY.symbols.index(symbol) for symbol in text] for text in sequences]
    tokens = np.zeros((len(rows), width), np.int32)
    for row, ids in zip(tokens, rows, strict=True):
        row[: len(ids)] = ids
    return tokens, np.array([len(ids) for ids in rows], np.int32)


@pytest.fixture(scope="module")
def pool():
    with Pool(2) as pool:
        yield pool


@pytest.fixture
def rewards(pool):
    def score(weights, *sequences):
        return MoleculeReward(terms(weights), decode, VOCABULARY, pool)(*batch(*sequences))

    return score


def of(smiles):
    return dict(zip(PROPERTIES, examine(smiles).values, strict=True))


def test_everything_stands_on_the_last_token_and_components_are_raw(rewards):
    total, components = rewards({"molecule": 1.0}, DRUG + "!", "C1CC!", DRUG, ["C", "Cl", "!"])
    raw = of(DRUG)
    last = [len(DRUG), 4, len(DRUG) - 1, 2]
    assert tuple(components) == tuple(SCORES)
    assert components["valid"][range(4), last].tolist() == [1, 0, 0, 1]  # the third was cut before its end token
    for name in PROPERTIES:
        assert components[name][0, last[0]] == pytest.approx(raw[name], rel=1e-6)
        assert components[name][3, 2] == pytest.approx(of("CCl")[name], rel=1e-6)
        assert not components[name][1:3].any()
    expected = (
        5 * raw["qed"] + 2 * (10 - raw["sa"]) / 9 + 2 * 1 + 1 * 1
    )  # logP 1.35 lies between 1 and 3; no large ring
    assert total[range(4), last][:3] == pytest.approx([expected, -10, -10])
    for array in (total, *components.values()):
        assert array.shape == (4, 40) and array.dtype == np.float32
        array[range(4), last] = 0
        assert not array.any()


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("valid", {0: 1, 1: 1}),
        ("qed", {0: 0, 0.3: 0.3, 1: 1}),
        ("logp", {-9: 0, -1: 0, 0: 0.5, 1: 1, 2.2: 1, 3: 1, 4: 0.5, 5: 0, 9: 0}),
        ("sa", {1: 1, 5.5: 0.5, 10: 0}),
        ("ring_penalty", {0: 1, -1: 0.5, -3: 0.25}),
        ("penalised_logp", {-900: 0, 0: 0.5, 2 * np.log(3): 0.75, 900: 1}),
    ],
)
def test_every_component_is_mapped_to_the_unit_interval(name, points):
    assert SCORES[name](np.array(list(points), float)) == pytest.approx(list(points.values()))


def test_the_names_agree():
    assert set(SCORES) == {"valid", *PROPERTIES} and set(MOLECULE) < set(SCORES)
    assert sum(MOLECULE.values()) == 10
    assert ("molecule", "published", *SCORES) == REWARD_NAMES[:8]


def test_given_weights_are_taken_as_they_are(rewards):
    raw = of("CCO")
    total = rewards({"qed": 2.0, "sa": -1.0}, "CCO!", "C(!").total.sum(1)
    assert total == pytest.approx([2 * raw["qed"] - (10 - raw["sa"]) / 9, -3])


@pytest.mark.parametrize(
    "weights", [{"qed": 2.0, "sa": 1.0}, {"qed": 1.0, "logp": -4.0}, {"valid": 3.0}, {"molecule": 1}]
)
def test_no_valid_molecule_is_worse_than_an_invalid_one(rewards, weights):
    valid = ["C!", "CCCCCCCCCCCCCC!", "C1CCCCCCCCC1!", "OO!", "c1ccccc1!", "O=C(O)C(O)(O)O!"]
    total = rewards(weights, "C(!", *valid).total.sum(1)
    assert total[0] == -sum(map(abs, (MOLECULE if weights == {"molecule": 1} else weights).values()))
    assert np.all(total[1:] > total[0])


def test_presets_add_up_with_components(rewards):
    sequences = [DRUG + "!", "C(!", "CCO"]
    one = [rewards({name: 1.0}, *sequences).total for name in ("molecule", "published")]
    both = rewards({"molecule": 2.0, "published": 0.35}, *sequences).total
    np.testing.assert_allclose(both, 2 * one[0] + 0.35 * one[1], rtol=1e-5)
    np.testing.assert_allclose(
        rewards({"molecule": 1.0, "qed": 1.0}, *sequences).total,
        rewards({**MOLECULE, "qed": 6.0}, *sequences).total,
    )


def property_sum(smiles):
    raw = of(smiles)
    return 3 * raw["logp"] - 2 * raw["sa"] + 5 * raw["ring_penalty"] + 40 * raw["qed"]


def test_published_token_by_token(rewards):
    """C, CC, CC(, CC(O, CC(O), CC(O)C, end: a token is paid for the text before it."""
    rewarded = rewards({"published": 1.0}, "CC(O)C!")
    prefixes = {1: "C", 2: "CC", 5: "CC(O)"}  # CC( and CC(O do not parse; the whole stands at the end
    expected = np.zeros(40)
    expected[list(prefixes)] = [5 + property_sum(text) for text in prefixes.values()]
    expected[6] = 600 + property_sum("CC(O)C") - 200
    np.testing.assert_allclose(rewarded.total[0], expected, rtol=1e-5)
    np.testing.assert_array_equal(rewarded.total, rewarded.components["published"])
    assert rewarded.components["logp"][0, 6] == pytest.approx(of("CC(O)C")["logp"])


@pytest.mark.parametrize(
    ("text", "bonus"),
    [
        ("C" * 18, 600 - 200),
        ("C" * 19, 600 - 25),
        ("C" * 26, 600 - 25),
        ("C" * 27, 600),
        ([*"C" * 17, "Cl"], 600 - 25),  # 19 characters, 18 tokens
        ("C1" + "C" * 24 + "1", 600),  # 27 characters, a ring of 25 atoms
    ],
)
def test_published_lengths_are_in_characters(rewards, text, bonus):
    last = rewards({"published": 1.0}, [*text, "!"]).total[0, len(text)]
    assert last == pytest.approx(property_sum("".join(text)) + bonus, rel=1e-5)


def test_published_invalid_and_cut_sequences_end_without_bonus(rewards):
    total = rewards({"published": 1.0}, "CC(!", "C" * 30 + "(!", "C" * 30).total
    assert total[0, 3] == -200 and total[0, 2] == pytest.approx(5 + property_sum("CC"), rel=1e-5)
    assert total[1, 31] == 0
    assert total[2, 29] == 0 and total[2, 28] == pytest.approx(5 + property_sum("C" * 28), rel=1e-5)


def test_published_constants():
    assert published_reward.WEIGHTS == {"logp": 3, "sa": -2, "ring_penalty": 5, "qed": 40}


def test_rows_do_not_depend_on_their_batch(rewards):
    sequences = [DRUG + "!", "C(!", "CCO!", "c1ccccc1", "C1CCCCCC1!"]
    whole = rewards({"molecule": 1.0, "published": 1.0}, *sequences).total
    for i, sequence in enumerate(sequences):
        np.testing.assert_array_equal(rewards({"molecule": 1.0, "published": 1.0}, sequence).total[0], whole[i])


def test_what_the_workers_could_not_examine_is_said_once(pool, capsys):
    reward = MoleculeReward(terms({"valid": 1.0}), decode, VOCABULARY, pool)
    pool.failures["timed out"] += ["C", "N" * 200, "O", "F", "S", "P"]
    reward.close()
    reward.close()
    named = f"C, {'N' * 100}, O, F, S and 1 more"
    assert capsys.readouterr().err == f"warning: counted as invalid, since RDKit timed out: {named}\n"


def test_an_unknown_name_is_refused_with_the_nearest(pool):
    with pytest.raises(UserError, match=r"unknown reward 'qde'.*qed"):
        MoleculeReward(terms({"qde": 1.0}), decode, VOCABULARY, pool)


def test_a_geometric_mean(rewards):
    """(qed^3 f(logp))^(1/4), twice; where logp is below its step that factor is 1e-8."""
    ethanol, drug = of("CCO"), of(DRUG)
    total = rewards({"geometric(qed:3,logp@step/1)": 2.0}, DRUG + "!", "CCO!", "C(!").total.sum(1)
    assert drug["logp"] > 1 > ethanol["logp"]
    assert total == pytest.approx([2 * drug["qed"] ** 0.75, 2 * (ethanol["qed"] ** 3 * 1e-8) ** 0.25, -2], rel=1e-6)


def test_a_geometric_mean_in_a_sum_reports_its_components(rewards):
    scored = rewards({"geometric(tpsa,count(O))": 1.0, "valid": 4.0}, "CCO!", "C(!")
    assert scored.total.sum(1) == pytest.approx([4 + (20.23 * 1) ** 0.5, -5], rel=1e-4)
    assert scored.components["tpsa"].sum(1) == pytest.approx([20.23, 0])
    assert scored.components["count(O)"].sum(1).tolist() == [1, 0]


@pytest.mark.parametrize("inside", ["qed:-1", "logp@clip/-1/1", "geometric(qed)", "published", "qed:0"])
def test_what_a_geometric_mean_cannot_take(inside, pool):
    with pytest.raises(UserError, match="a geometric mean has no transform, and takes terms that are 0 or more"):
        MoleculeReward(terms({f"geometric({inside})": 1.0}), decode, VOCABULARY, pool)


def test_a_descriptor_needs_a_transform_and_a_name(rewards, pool):
    name = "descriptor(HeavyAtomCount)"
    scored = rewards({f"{name}@clip/0/2": 1.0}, "CCO!")
    assert scored.total.sum() == 2 and scored.components[name].sum() == 3
    for text, said in (
        (name, "give it a transform"),
        ("descriptor(HevyAtomCount)@step/1", "mean HeavyAtomCount"),
    ):
        with pytest.raises(UserError, match=said):
            MoleculeReward(terms({text: 1.0}), decode, VOCABULARY, pool)
