"""What a run says of its calls: how many, how good the best, and PMO's area under the curve."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seqtutor
from seqtutor.errors import UserError
from seqtutor.tuning.calls import Calls
from tests.support.commands import untrained


def area(scores, budget):
    """The definition, word by word: a point every 100 calls and one at the end, the last value up to the budget."""
    places = [0, *range(100, len(scores), 100), len(scores), budget]
    values = [0.0, *(np.sort(scores[:n])[-10:].mean() for n in places[1:-1])]
    return np.trapezoid([*values, values[-1]], places) / budget


@given(
    st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1)), min_size=1, max_size=600), st.integers(0, 900),
    st.integers(1, 50),
)  # fmt: skip
def test_figures_are_those_of_the_definition(drawn, budget, batch):
    """Whatever is drawn, in batches of any size, kept and restored between them; a repeat counts as scored first."""
    first = {}
    for name, score in drawn:
        first.setdefault(name, score)
    scores, calls = np.array(list(first.values())), Calls(budget)
    for at in range(0, len(drawn), batch):
        part = drawn[at : at + batch]
        calls.add([str(name) for name, _ in part] + [None], np.array([score for _, score in part] + [9.0]))
        saved, calls = calls.state(), Calls(budget)
        calls.restore(saved)
    figures = calls.figures()
    assert figures["calls"] == len(calls) == len(scores)
    for count in (1, 10, 100):
        assert figures[f"top{count}"] == pytest.approx(np.sort(scores)[-count:].mean())
    assert figures["auc_top10"] == pytest.approx(area(scores, max(budget, len(scores))))
    assert calls.spent == (0 < budget <= len(scores))


def test_figures_by_hand():
    calls = Calls(400)
    calls.add([str(i) for i in range(100)], np.full(100, 0.5))
    assert calls.figures() == {"calls": 100, "top1": 0.5, "top10": 0.5, "top100": 0.5, "auc_top10": (25 + 150) / 400}
    calls.add([str(100 + i) for i in range(100)], np.array([1.0] * 10 + [0.0] * 90))
    assert calls.figures()["top100"] == pytest.approx(0.55)
    assert calls.figures()["auc_top10"] == pytest.approx((25 + 75 + 200) / 400)


def test_what_can_still_be_scored():
    calls = Calls(3)
    calls.add(["a", "b"], np.zeros(2))
    assert calls.within(["a", None, "c", "c", "b", "d", "a"]) == 5
    assert calls.within(["a", "b", None]) == 3


SETTINGS = {"tune.batch": 256, "tune.minibatch": 32, "tune.rounds": 40, "tune.evaluate_every": 2, "tune.variant": "tb"}

TRIED = ["CCO", "CC(=O)O", "CC(C)N"]  # the examples that fit 8 tokens


class Oracle:
    """The length of a SMILES; it notes what it is given."""

    __name__ = "oracle"

    def __init__(self):
        self.asked = []

    def __call__(self, tokens, texts):
        self.asked += texts
        return [len(text) / 10 for text in texts]


@pytest.fixture
def prior(tmp_path):
    untrained(tmp_path / "prior", "molecules", length=8)
    return tmp_path / "prior"


def arrays_of(run):
    with np.load(sorted(run.path.glob("checkpoints/step-*"))[-1] / "arrays.npz") as arrays:
        return dict(arrays)


def canonical(texts):
    from rdkit import Chem

    return [Chem.CanonSmiles(text) for text in texts]


def test_a_dear_function_is_called_once_for_each_molecule_and_no_more_often_than_asked(prior, tmp_path):
    """The first of what it is asked are the examples that it is tried on."""
    oracle = Oracle()
    run = seqtutor.tune(prior, reward=oracle, calls=50, settings=SETTINGS, out=tmp_path / "run", quiet=True)
    assert oracle.asked[: len(TRIED)] == TRIED
    asked = oracle.asked[len(TRIED) :]
    assert len(asked) == len(set(canonical(asked))) == 50
    history = pd.read_csv(run.path / "history.csv")
    assert history.calls.iloc[-1] == 50 and history.calls.iloc[-2] < 50 and history.calls.is_monotonic_increasing
    assert len(history) < 40 and history.valid.min() < 1  # it ended before the rounds did, and drew invalid ones too
    best = sorted((len(text) / 10 for text in asked), reverse=True)
    assert history.top10.iloc[-1] == pytest.approx(np.mean(best[:10]), rel=1e-5)
    assert history.auc_top10.iloc[-1] == pytest.approx(np.mean(best[:10]) / 2, rel=1e-5)  # one trapezoid from 0


@pytest.mark.slow
def test_a_resumed_run_asks_for_nothing_twice_and_equals_the_unbroken_one(prior, tmp_path):
    def tune(name, oracle, resume=False, rounds=40):
        settings = {**SETTINGS, "tune.rounds": rounds, "tune.final_rate": 1.0}
        how = {"calls": 60, "settings": settings, "resume": resume, "quiet": True}
        return seqtutor.tune(prior, reward=oracle, out=tmp_path / name, **how)

    whole, before, after = Oracle(), Oracle(), Oracle()
    unbroken = tune("whole", whole)
    tune("broken", before, rounds=2)
    resumed = tune("broken", after, resume=True)
    assert [*before.asked, *after.asked[len(TRIED) :]] == whole.asked
    one, other = arrays_of(unbroken), arrays_of(resumed)
    assert one.keys() == other.keys() and any(key.startswith("reward/") for key in one)
    for key, array in one.items():
        np.testing.assert_array_equal(array, other[key], err_msg=key)
    tables = [pd.read_csv(run.path / "history.csv").drop(columns="seconds") for run in (unbroken, resumed)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert tune("whole", Oracle(), resume=True).step == unbroken.step  # there is nothing left to do


def test_a_built_in_reward_is_counted_alike(prior, tmp_path):
    run = seqtutor.tune(prior, reward="qed", calls=40, settings=SETTINGS, out=tmp_path / "run", quiet=True)
    assert pd.read_csv(run.path / "history.csv").calls.iloc[-1] == 40


def test_populations_have_no_calls(prior, tmp_path):
    settings = {**SETTINGS, "tune.particles": 4}
    with pytest.raises(UserError, match=r"tune\.calls counts what a policy draws"):
        seqtutor.tune(prior, reward="qed", calls=40, settings=settings, out=tmp_path / "run", quiet=True)
