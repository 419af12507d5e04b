"""A memory of the best: each identity once, the highest, and learned from beside every minibatch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seqtutor
from seqtutor.config import Config, ModelConfig, TuneConfig
from seqtutor.errors import UserError
from seqtutor.policy.sequence_model import SequenceModel
from seqtutor.tuning.memory import Memory
from seqtutor.tuning.tuner import Tuner
from tests.support.commands import untrained
from tests.support.terms import terms
from tests.support.toy import Toy

TOY = Toy().with_vocabulary("ab")

rounds = st.lists(
    st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 12)), st.integers(-3, 3)), min_size=1, max_size=8),
    min_size=1, max_size=6,
)  # fmt: skip


def rows(*totals):
    """Rows as a replay has them, with the reward on the first of two tokens."""
    reward = np.zeros((len(totals), 2), np.float32)
    reward[:, 0] = totals
    return {"reward": reward, "lengths": np.full(len(totals), 2, np.int32)}


@given(rounds, st.integers(1, 5))
def test_it_is_what_sorting_everything_would_give(rounds, size):
    """Kept and restored between rounds. An identity counts as it was rewarded first; None is never kept."""
    memory, every = Memory(size), {}
    for batch in rounds:
        rewards = [every.setdefault(key, total) if key is not None else 9 for key, total in batch]
        memory.add(rows(*rewards), [key for key, _ in batch])
        saved, memory = memory.state(), Memory(size)
        memory.restore(saved)
    state = memory.state()
    assert len(memory) == min(size, len(every))
    totals = state["total"].tolist() if every else []
    assert totals == sorted(every.values(), reverse=True)[:size]
    assert [every[key] for key in state.get("key", np.zeros(0)).tolist()] == totals
    if every:
        assert set(memory.draw(64, np.random.default_rng(0))["reward"][:, 0].tolist()) <= set(totals)


def test_of_equal_rewards_the_first_is_kept():
    memory = Memory(2)
    memory.add(rows(1, 1, 1, 5), [7, 8, 9, 7])  # the same 7 again, with another reward
    assert memory.state()["key"].tolist() == [7, 8] and memory.state()["total"].tolist() == [5, 1]


def watched(settings, monkeypatch):
    """A tuner, and a list that gets the rewards of the sequences in each of its updates."""
    config = Config(domain={"name": "toy"}, model=ModelConfig(units=4), tune=TuneConfig(**settings))
    tuner = Tuner(config, TOY, SequenceModel(config.model, TOY.vocabulary.size), TOY.reward(terms({"a": 1})))
    update, given = tuner.learner.update, []

    def note(tokens, lengths, primer, reward, log_prior, weight):
        given.append(reward.sum(axis=1).tolist())
        return update(tokens, lengths, primer, reward, log_prior, weight)

    monkeypatch.setattr(tuner.learner, "update", note)
    return tuner, given


@pytest.mark.parametrize("variant", ["dap", "pg", "tb", "psi"])
def test_every_minibatch_has_some_of_the_best_behind_it(variant, monkeypatch):
    settings = {"rounds": 4, "batch": 8, "minibatch": 4, "best": 3, "best_batch": 5, "variant": variant}
    tuner, given = watched(settings, monkeypatch)
    best = set[float]()
    for number in range(4):
        known = set(tuner._memories[0].state().get("total", np.zeros(0)).tolist())
        given.clear()
        tuner.round(number)
        best = set(tuner._memories[0].state()["total"].tolist())
        fresh = 8 if variant in ("dap", "pg") else 4
        assert len(given) == (1 if fresh == 8 else 4 if number else 0)
        for totals in given:
            assert len(totals) == fresh + 5
            assert set(totals[fresh:]) <= (best if fresh == 8 else known)
    assert len(best) <= 3


@pytest.mark.parametrize("variant", ["dap", "tb"])
def test_further_updates_are_of_the_best_alone(variant, monkeypatch):
    settings = {"batch": 8, "minibatch": 4, "best": 3, "best_batch": 5, "best_updates": 3, "variant": variant}
    tuner, given = watched(settings, monkeypatch)
    best: set[float] = set()
    for number in range(2):
        given.clear()
        earlier = best
        tuner.round(number)
        best = set(tuner._memories[0].state()["total"].tolist())
        if variant == "tb" and number == 0:  # nothing has been scored before
            assert not given
            continue
        known = best if variant == "dap" else earlier
        assert [len(totals) for totals in given[-3:]] == [5] * 3 and set().union(*given[-3:]) <= known
        assert len(given) - 3 == (1 if variant == "dap" else 4)


def arrays_of(run):
    with np.load(sorted(run.path.glob("checkpoints/step-*"))[-1] / "arrays.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("variant", ["dap", "tb"])
def test_a_resumed_run_remembers_and_equals_the_unbroken_one(tmp_path, variant):
    prior = tmp_path / "prior"
    untrained(prior, "chain")
    settings = {
        "tune.variant": variant, "tune.batch": 16, "tune.best": 6, "tune.best_batch": 4, "tune.best_updates": 1,
        "tune.embedding": 9,
        "tune.final_rate": 1.0, "tune.warmup": 0, "tune.evaluate_every": 2,
    }  # fmt: skip

    def tune(name, rounds, **how):
        return seqtutor.tune(
            prior, settings={**settings, "tune.rounds": rounds}, out=tmp_path / name, quiet=True, **how
        )

    whole = tune("whole", 6)
    tune("broken", 3)
    broken = tune("broken", 6, resume=True)
    one, other = arrays_of(whole), arrays_of(broken)  # they were loaded, so a network with an embedding can be
    assert one.keys() == other.keys() and {"online/embedding", "memory/0/total"} <= one.keys()
    for key, array in one.items():
        np.testing.assert_array_equal(array, other[key], err_msg=key)
    assert "prior/embedding" not in one


def test_settings_that_do_not_go_together():
    with pytest.raises(ValueError, match=r"tune\.best is 0"):
        TuneConfig(best=0, best_batch=4)
    config = Config(
        domain={"name": "toy"}, model=ModelConfig(units=4), tune=TuneConfig(variant="dpg", best_batch=4, batch=8)
    )
    network = SequenceModel(config.model, TOY.vocabulary.size)
    with pytest.raises(UserError, match=r"tune\.best_batch"):
        Tuner(config, TOY, network, TOY.reward(terms({"a": 1})))
