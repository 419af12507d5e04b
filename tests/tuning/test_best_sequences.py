"""The best sequences of a run: each once, the highest, in order, the same after a restart."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from seqtutor.domains.rewards import Rewards
from seqtutor.policy.sampler import Rollout
from seqtutor.tuning.best_sequences import BestSequences
from tests.support.toy import Toy

TOY = Toy().with_vocabulary("ab")  # token 0 ends a word, 1 is a, 2 is b


def drawn(*words):
    """Words as a rollout of length 4 whose log-probabilities are -1 and -2 a token."""
    rows = [TOY.encode(word) for word in words]
    lengths = np.array([len(row) for row in rows], np.int32)
    tokens = np.array([np.pad(row, (0, 4 - len(row))) for row in rows], np.int32)
    counts = (np.arange(4) < lengths[:, None]).astype(np.float32)
    return Rollout(tokens, lengths, -counts, -2 * counts, counts, counts)


def scored(*totals):
    """Rewards on the first token, with a component that is half of each."""
    array = np.zeros((len(totals), 4), np.float32)
    array[:, 0] = totals
    return Rewards(array, {"half": array / 2})


def texts(best):
    rows = best.state()
    return [TOY.decode(row[:n]) for row, n in zip(rows["tokens"], rows["lengths"], strict=True)] if rows else []


rounds = st.lists(
    st.lists(st.tuples(st.text("ab", max_size=3), st.integers(-3, 3)), min_size=1, max_size=8), min_size=1, max_size=6
)


@given(rounds, st.integers(0, 5))
def test_it_is_what_sorting_everything_ever_drawn_would_give(rounds, size):
    """Each word counts as it was rewarded first. A word that was forgotten, being too bad, may come again."""
    best, every = BestSequences(size), {}
    for step, words in enumerate(rounds):
        reward = {word: every.setdefault(word, total) for word, total in words}  # the same word, the same reward
        best.add(step, drawn(*(word for word, _ in words)), scored(*(reward[word] for word, _ in words)))
    assert len(best) == min(size, len(every))
    totals = best.state()["total"].tolist() if size else []
    assert totals == sorted(every.values(), reverse=True)[:size]
    assert len(set(texts(best))) == len(best)
    assert [every[word] for word in texts(best)] == totals


def test_of_equal_rewards_the_first_is_kept_with_the_reward_it_had_then():
    best = BestSequences(2)
    best.add(1, drawn("a", "b", "a"), scored(1, 1, 5))
    assert texts(best) == ["a", "b"]
    assert best.state()["total"].tolist() == [5, 1]
    best.add(2, drawn("ab", "a", "b"), scored(1, 9, 9))  # one is no better than the worst, the others are known
    assert texts(best) == ["a", "b"]
    assert best.state()["total"].tolist() == [5, 1]
    best.add(3, drawn("ba"), scored(2))
    assert (texts(best), best.state()["step"].tolist()) == (["a", "ba"], [1, 3])


def test_a_restored_one_goes_on_the_same():
    whole, half = BestSequences(3), BestSequences(3)
    for best in (whole, half):
        best.add(1, drawn("a", "b", "ab", "ba"), scored(0, 3, 1, 2))
    resumed = BestSequences(3)
    resumed.restore(half.state())
    for best in (whole, resumed):
        best.add(2, drawn("aa", "b", ""), scored(4, 3, 2))
    assert whole.state().keys() == resumed.state().keys()
    for name, array in whole.state().items():
        np.testing.assert_array_equal(array, resumed.state()[name], err_msg=name)


def test_the_file(tmp_path):
    best = BestSequences(3)
    best.add(1, drawn("a", "bab"), scored(1, 0.5))
    best.add(2, drawn("bb", "aba", "a"), scored(7, -1, 1))
    best.write(tmp_path / "best.csv", TOY)
    table = pd.read_csv(tmp_path / "best.csv")
    assert list(table) == ["rank", "step", "text", "total", "half", "log_prior", "log_prob"]
    assert table.values.tolist() == [
        [1, 2, "bb", 7, 3.5, -6, -3], [2, 1, "a", 1, 0.5, -4, -2], [3, 1, "bab", 0.5, 0.25, -8, -4],
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["best.csv"]
