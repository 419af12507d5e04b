"""A config of REINVENT 4: its scores by its own formulas, its settings, and a line for all that has no counterpart."""

import json
import math

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import QED, Crippen, Descriptors, rdMolDescriptors

import seqtutor
from seqtutor.cli.main import run
from seqtutor.config import load
from seqtutor.domains import make_domain
from seqtutor.domains.molecules.smiles import END
from seqtutor.domains.reward_spec import make_reward
from seqtutor.domains.vocabulary import Vocabulary
from seqtutor.errors import UserError
from seqtutor.exchange import reinvent_config
from seqtutor.exchange.reinvent_scoring import score_of
from tests.support.places import DATA

STAGED = (DATA / "reinvent" / "staged_learning.toml").read_text()
NOTES = (
    "parameters.prior_file priors/reinvent.prior: import-reinvent makes a run of it; give that as --prior",
    "parameters.agent_file: no counterpart; tuning begins at the prior",
    "parameters.randomize_smiles True: no counterpart",
    "inception.smiles_file good.smi: no counterpart",
    "stage: there are 2, one after the other; this is number 1",
    "stage.min_steps 25: no counterpart, and max_score 0.6: here what invalid molecules lose counts in the mean",
    "component custom_alerts (Unwanted): there a match makes the score 0, here each takes 1 off",
    "component Maize (docking): no counterpart; write a function of your own",
    "diversity_filter IdenticalMurckoScaffold: there a full bucket makes the score 0, here it takes 1 off; all "
    "molecules count, not only those above minscore 0.3",
)
MORE = "[[component]]\n[component.QED]\n[[component.QED.endpoint]]\nweight = 0.5\n"
TEXTS = ("CC(=O)Oc1ccccc1C(=O)O", "CCCCCCCCCCCCO", "C1CCCCCCCCC1", "c1ccc2c(c1)CCN2CC#C", "OCC(F)(F)Cl")


@pytest.fixture
def staged(tmp_path):
    path = tmp_path / "staged.toml"
    path.write_text(STAGED)
    (tmp_path / "more.toml").write_text(MORE)
    return path


def test_the_settings_and_what_has_none(staged, tmp_path, capsys):
    out = tmp_path / "new" / "mine.yaml"
    assert run(["convert-reinvent", str(staged), "--out", str(out)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert sorted(told[:-1]) == sorted(NOTES)
    text = out.read_text()
    assert [line.removeprefix("# ") for line in text.splitlines() if line.startswith("#")][1:] == told[:-1]
    tune = load(out).tune
    assert (tune.variant, tune.c, tune.rounds, tune.batch, tune.learning_rate) == ("dap", 1 / 128, 70, 64, 0.0001)
    assert tune.until == 0.6
    assert (tune.best, tune.best_batch, tune.warmup, tune.final_rate) == (100, 10, 0, 1.0)
    assert tune.reward == (
        "geometric(qed:0.59999999999999998,weight@double_sigmoid/200/500/0.040000000000000001/0.040000000000000001:"
        "0.29999999999999999),smarts([*;r{8-17}]):-1,smarts(C#C):-1,scaffold_seen@step/10:-1"
    )
    with pytest.raises(UserError, match="is there already"):
        seqtutor.convert_reinvent(staged, out)
    notes = seqtutor.convert_reinvent(staged, out, stage=2, force=True)
    assert "scoring" not in " ".join(notes) and load(out).tune.reward == "qed,scaffold_seen@step/10:-1"
    assert load(out).tune.rounds == 5 and load(out).tune.until is None
    assert (
        "stage: there are 2, one after the other; this is number 2: begin with the run of number 1, by --initial"
        in notes
    )


def endpoint(name, transform=None, weight=1.0, **params):
    return {
        name: {"endpoint": [{"weight": weight, "params": params, **({"transform": transform} if transform else {})}]}
    }


def sigmoid(x, low, high, k):
    return 1 / (1 + 10 ** (-10 * k * (x - (low + high) / 2) / (high - low)))


def rewards_of(kind, *components):
    """The reward of TEXTS by a scoring function, and what was noted of it."""
    score = score_of({"type": kind, "component": list(components)})
    symbols = sorted({letter for text in TEXTS for letter in make_domain({"name": "molecules"}).tokenize(text)})
    domain = make_domain({"name": "molecules"}, Vocabulary((END, *symbols), 0))
    rows = [domain.encode(text) for text in TEXTS]
    tokens = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for padded, row in zip(tokens, rows, strict=True):
        padded[: len(row)] = row
    with make_reward(domain, score.reward) as reward:
        return reward(tokens, np.array(list(map(len, rows)))).total.sum(axis=1), score.notes


def test_scores_are_those_of_its_formulas():
    mols = [Chem.MolFromSmiles(text) for text in TEXTS]
    logp = {"type": "reverse_sigmoid", "low": 1, "high": 3, "k": 0.5}
    rings = {"type": "value_mapping", "mapping": {"0": 0.2, "1": 1}}
    components = (
        endpoint("qed", weight=2),
        endpoint("SlogP", logp, weight=3),
        endpoint("num-rings", rings),
        endpoint("RDKitDescriptors", {"type": "left_step", "low": 40}, descriptor="tpsa"),
        endpoint("GroupCount", {"type": "exponential_decay", "k": 0.3}, smarts="[F,Cl]", weight=0.5),
    )
    scores = np.array([
        [QED.qed(mol), 1 - sigmoid(Crippen.MolLogP(mol), 1, 3, 0.5),
         {0: 0.2, 1: 1}.get(rdMolDescriptors.CalcNumRings(mol), 0), float(Descriptors.TPSA(mol) <= 40),
         math.exp(-0.3 * len(mol.GetSubstructMatches(Chem.MolFromSmarts("[F,Cl]"))))]
        for mol in mols
    ])  # fmt: skip
    weights = np.array([2, 3, 1, 1, 0.5]) / 7.5
    found, _ = rewards_of("arithmetic_mean", *components)
    np.testing.assert_allclose(found, scores @ weights, rtol=1e-5)
    found, notes = rewards_of("custom_product", *components)
    np.testing.assert_allclose(found, np.prod(np.maximum(scores, 1e-8) ** weights, axis=1), rtol=1e-4)
    assert notes == ["component num-rings: a value that is not in its mapping earns 0"]


def test_filters_and_penalties_are_beside_the_mean():
    alerts = endpoint("custom_alerts", smarts=["C#C", "[r{8-}]"])
    wanted = endpoint("MatchingSubstructure", smarts=["c1ccccc1", "C#C"])
    found, notes = rewards_of("geometric_mean", endpoint("QED"), endpoint("QED"), alerts, wanted)
    qed = [QED.qed(Chem.MolFromSmiles(text)) for text in TEXTS]
    np.testing.assert_allclose(found, np.add(qed, [0, -0.5, -1.5, -1, -0.5]), rtol=1e-5)
    assert len(notes) == 2


@pytest.mark.parametrize(
    "change, said",
    [
        (("staged_learning", "transfer_learning"), "has the run type 'transfer_learning'"),
        (("prior_file", "prior_files"), "it has no prior_file"),
        (('type = "geometric_mean"', 'type = "median"'), "scoring.type is median"),
        (("sigma = 128", "sigma = 0"), "division by zero"),
        (("sigma = 128", "sigma = -1"), "tune.c"),
        (("[*;r{8-17}]", "[*;r"), "[*;r"),
        (("coef_div = 500.0", "coef_di = 500.0"), "it has no coef_div"),
        (("[learning_strategy]", "[learning_strategy"), "not a config of REINVENT"),
    ],
)
def test_what_is_wrong_is_one_line(staged, tmp_path, change, said, capsys):
    staged.write_text(STAGED.replace(*change, 1))
    assert run(["convert-reinvent", str(staged), "--out", str(tmp_path / "x.yaml")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not (tmp_path / "x.yaml").exists()


def test_scoring_alone_and_json(tmp_path):
    scoring = {"type": "geometric_mean", "component": [endpoint("TanimotoDistance", smiles=["CCO", "CCN"])]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"run_type": "scoring", "parameters": {"smiles_file": "a.smi"}, "scoring": scoring}))
    found = reinvent_config.convert(path)
    assert found.settings["tune"] == {"reward": "similar(CCO,CCN)"}
    with pytest.raises(UserError, match="give --stage a number from 1 to 2"):
        (tmp_path / "b.toml").write_text(STAGED)
        reinvent_config.convert(tmp_path / "b.toml", 3)
