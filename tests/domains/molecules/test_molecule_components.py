"""Components against values known from the literature or counted by hand, and how they count in a reward."""

import numpy as np
import pytest
from rdkit import Chem

from seqtutor.config import Config, ModelConfig, TuneConfig
from seqtutor.domains import domain_class
from seqtutor.domains.molecules.components import COMPONENTS, check, measure
from seqtutor.domains.molecules.pool import Pool
from seqtutor.domains.molecules.reward import REWARD_NAMES, SCORES, parts_of
from seqtutor.domains.reward_spec import make_reward
from seqtutor.errors import UserError
from seqtutor.policy.sequence_model import SequenceModel
from seqtutor.tuning.tuner import Tuner
from tests.support.terms import terms

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
CAFFEINE = "Cn1c(=O)c2c(ncn2C)n(C)c1=O"
RHODANINE = "O=C1NC(=S)SC1=Cc1ccccc1"


def value(smiles, name):
    return measure(Chem.MolFromSmiles(smiles), name)


@pytest.mark.parametrize(
    ("name", "aspirin", "caffeine"),
    [
        ("tpsa", 63.60, 61.82),  # as PubChem and RDKit's own table quote them
        ("weight", 180.159, 194.194),
        ("donors", 1, 0),
        ("acceptors", 3, 3),  # of caffeine: two carbonyls and the nitrogen without hydrogen or methyl
        ("rotatable", 2, 0),  # neither bond of the ester's C-O is free
        ("rings", 1, 2),
        ("smarts(C(=O)[OX2H1])", 1, 0),  # a carboxylic acid
        ("smarts([#7]~[#6]~[#7])", 0, 1),
        ("smarts(a:a)", 1, 1),
        ("count(C=O)", 2, 0),
        ("count([CH3])", 1, 3),
        ("descriptor(FractionCSP3)", 1 / 9, 3 / 8),
        ("descriptor(NumAromaticRings)", 1, 2),
        ("descriptor(NumHeteroatoms)", 4, 6),
    ],
)
def test_known_values(name, aspirin, caffeine):
    assert value(ASPIRIN, name) == pytest.approx(aspirin, abs=6e-3)
    assert value(CAFFEINE, name) == pytest.approx(caffeine, abs=6e-3)


def test_alerts_of_both_catalogues():
    assert value(CAFFEINE, "alerts") == value("CCO", "alerts") == 0
    assert value("c1ccccc1C=O", "alerts") == 1  # Brenk: an aldehyde
    assert value(RHODANINE, "alerts") == 3  # PAINS: ene_rhod_A; Brenk: a Michael acceptor, a thiocarbonyl


def test_similarity_by_hand():
    """Ethane has 2 environments of radius 0 to 2: CH3, CH3-CH3. Propane has 4: CH3, CH2, CH3-CH2, CH3-CH2-CH3."""
    assert value("CC", "similar(CCC)") == value("CCC", "similar(CC)") == pytest.approx(1 / 5)
    assert value("CC", "similar(O,CCC,O)") == value("CC", "similar(CCC)")  # the nearest of several
    assert value("OCC", "similar(CCO)") == 1 and value("C", "similar(O)") == 0


@pytest.mark.parametrize(
    ("name", "kind"), [("smarts(C=)", "SMARTS"), ("similar(c1cc)", "SMILES"), ("smarts()", "SMARTS")]
)
def test_what_rdkit_cannot_read_is_refused_in_one_line(name, kind, capfd):
    with pytest.raises(UserError, match=rf"RDKit cannot read '.*' as {kind}$") as caught:
        check(name)
    assert str(caught.value).startswith(f"reward '{name}': ")
    with pytest.raises(UserError, match="RDKit cannot read"):
        parts_of(terms({name: 1.0}))
    assert capfd.readouterr().err == ""


def test_each_of_several_references_must_be_read():
    for name, bad in {"similar(CC,c1cc)": "c1cc", "similar(CC,)": ""}.items():
        with pytest.raises(UserError, match=rf"cannot read '{bad}' as SMILES"):
            check(name)


@pytest.fixture(scope="module")
def domain():
    made = domain_class("molecules")({"length": 30}).with_vocabulary("()123=CNOSc")
    with made._pool:
        yield made


def scored(domain, spec, *texts):
    """Total and components of sequences, summed over their tokens; a text with a final ! is cut before its end."""
    rows = [domain.encode(text.rstrip("!"))[: -1 if text.endswith("!") else None] for text in texts]
    tokens = np.zeros((len(rows), domain.length), np.int32)
    for row, ids in zip(tokens, rows, strict=True):
        row[: len(ids)] = ids
    rewards = make_reward(domain, spec)(tokens, np.array([len(row) for row in rows], np.int32))
    return rewards.total.sum(1), {name: array.sum(1) for name, array in rewards.components.items()}


def test_components_are_reported_as_they_are_and_scored_by_their_transforms(domain):
    spec = "weight@sigmoid/100/300:2,rings@step/1,smarts(C(=O)O):-3,logp@clip/-1/1,similar(CCO):0.5"
    total, components = scored(domain, spec, ASPIRIN, "CCO", "C(")
    assert tuple(components) == (*SCORES, "weight", "rings", "smarts(C(=O)O)", "similar(CCO)")
    np.testing.assert_allclose(components["weight"], [180.159, 46.069, 0], atol=1e-3)
    sigmoid = 1 / (1 + 19 ** -((2 * components["weight"] - 400) / 200))
    similar = value(ASPIRIN, "similar(CCO)")
    expected = [2 * sigmoid[0] + 1 - 3 + 1 + similar / 2, 2 * sigmoid[1] + 0 + 0 - 0.0014 + 0.5]
    np.testing.assert_allclose(total[:2], expected, atol=1e-4)  # aspirin's logP is 1.31, ethanol's -0.0014
    assert total[2] == pytest.approx(-(2 + 1 + 3 + 1 + 0.5))
    assert all(values[2] == 0 for values in components.values())


@pytest.mark.parametrize(
    ("spec", "forfeit"),
    [
        ("alerts:-1", 5), ("alerts:2", 2), ("weight:-0.01", 10), ("tpsa@step/140:-2", 2), ("logp@clip/-8/2", 8),
        ("logp@clip/-8/2:-3", 6), ("qed:2,alerts@clip/0/2:-1", 4), ("similar(CCO):-1,smarts(C)", 2), ("molecule", 10),
    ],
)  # fmt: skip
def test_no_valid_molecule_is_worse_than_an_invalid_one(domain, spec, forfeit):
    valid = ["C", ASPIRIN, RHODANINE, "C" * 29, "O=C(O)C(O)(O)O", "C1CCCCCCCCC1", "OOOOOOOO", "CCN=NOSSOC=S"]
    total, _ = scored(domain, spec, "C(", "CCO!", *valid)
    np.testing.assert_allclose(total[:2], -forfeit)
    assert (total[2:] >= total[0]).all()


def test_untransformed_values_count_up_to_a_most(domain):
    long = "C" * 29
    (total,), components = scored(domain, "rotatable", long)
    assert components["rotatable"][0] == 26 and total == COMPONENTS["rotatable"].most == 20
    assert scored(domain, "rotatable@clip/0/99", long)[0] == 26


def test_a_preset_takes_no_transform():
    with pytest.raises(UserError, match="'molecule' is a sum: transform its components"):
        parts_of(terms({"molecule@clip/0/1": 1.0}))


def test_every_name_can_be_written():
    arguments = {"PATTERN": "C", "SMILES": "CC", "NAME": "qed", "TERMS": "qed,sa"}
    names = []
    for name in REWARD_NAMES:
        kind, _, argument = name.partition("(")
        names.append(f"{kind}({arguments[argument[:-1]]})" if argument else kind)
    specs = [name + "@clip/0/9" * name.startswith("descriptor") for name in names]
    presets = {"molecule", "published"}
    assert {part.component for part in parts_of(terms(dict.fromkeys(specs, 1.0)))} == {*names} - presets
    assert len(set(REWARD_NAMES)) == len(REWARD_NAMES) == 9 + len(COMPONENTS)


def test_scaffolds():
    """A scaffold keeps rings, what joins them and what hangs on them by a double bond."""
    assert value("CC(C)Cc1ccc(C(C)C(=O)O)cc1", "scaffold_seen") == "c1ccccc1"
    assert value("Cc1ccc(CCC2CC2)cc1", "scaffold_seen") == "c1ccc(CCC2CC2)cc1"
    assert value("OCC", "scaffold_seen") == "CCO"  # no ring: the molecule itself


def test_a_scaffold_seen_too_often_costs(domain):
    reward = make_reward(domain, "valid:3,scaffold_seen@step/2:-1")
    texts = ["Cc1ccccc1", "c1ccccc1", "CCO", "C(", "Oc1ccccc1", "CCO", "Nc1ccccc1"]
    rows = [domain.encode(text) for text in texts]
    tokens = np.zeros((len(rows), domain.length), np.int32)
    for row, ids in zip(tokens, rows, strict=True):
        row[: len(ids)] = ids
    lengths = np.array([len(row) for row in rows], np.int32)
    total, components = reward(tokens, lengths)
    assert components["scaffold_seen"].sum(1).tolist() == [0, 1, 0, 0, 2, 1, 3]
    assert total.sum(1).tolist() == [3, 3, 3, -4, 2, 3, 2]
    saved = reward.state()
    assert saved["scaffolds"].tolist() == [b"c1ccccc1", b"CCO"] and saved["times"].tolist() == [4, 2]
    other = make_reward(domain, "valid:3,scaffold_seen@step/2:-1")
    other.restore(saved)
    for again in (reward, other):
        assert again(tokens, lengths).components["scaffold_seen"].sum(1).tolist() == [4, 5, 2, 0, 6, 3, 7]
    assert make_reward(domain, "valid").state() == {}


def test_a_run_resumed_remembers_its_scaffolds(domain):
    """Chains of C, N and O are all valid and soon repeat: three rounds, and three more from their snapshot."""
    small = domain_class("molecules")({"length": 4}).with_vocabulary("CNO")
    settings = {"rounds": 6, "batch": 32, "minibatch": 16, "reward": "valid:2,scaffold_seen@step/3:-2", "c": 0.5}
    config = Config(domain={"name": "molecules", "length": 4}, model=ModelConfig(units=8), tune=TuneConfig(**settings))

    def tuner():
        prior = SequenceModel(config.model, small.vocabulary.size, seed=1)
        return Tuner(config, small, prior, make_reward(small, config.tune.reward))

    with small._pool:
        whole, broken = tuner(), tuner()
        rows = [whole.round(number)[0] for number in range(3)]
        broken.restore(whole.snapshot(3))
        rows += [whole.round(number)[0] for number in range(3, 6)]
        assert [broken.round(number)[0] for number in range(3, 6)] == rows[3:]
    assert rows[0]["reward"] > rows[-1]["reward"]  # the chains get used up
    first, second = whole.snapshot(6).arrays, broken.snapshot(6).arrays
    assert first.keys() == second.keys() and "reward/scaffolds" in first
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def test_only_what_is_asked_for_is_computed_and_cached():
    with Pool(1) as pool:
        (plain,) = pool.map(["OCC"])
        assert plain.extra == ()
        (more,) = pool.map(["OCC"], ("rings", "smarts(O)"))
        assert more.extra == (("rings", 0.0), ("smarts(O)", 1.0)) and more.values == plain.values
        assert pool._cache.get("CCO") is more  # by its canonical SMILES
        assert pool.map(["OCC"], ("rings",))[0] is pool.map(["OCC"])[0] is more
        (other,) = pool.map(["OCC"], ("donors",))
        assert other.extra == (("donors", 1.0),)
        assert pool.map(["C("], ("donors",))[0] is pool.map(["C("], ("donors",))[0]  # invalid: not tried again
