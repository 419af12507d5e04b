"""Judging given sequences: the same numbers as drawing them gave, and bad lines told apart."""

import numpy as np
import pandas as pd
import pytest

from seqtutor import given as given_module
from seqtutor.domains import domain_class
from seqtutor.errors import UserError
from seqtutor.given import Given
from seqtutor.load import load_run
from seqtutor.rewards import make_reward
from seqtutor.sample import Draw, draw, sample
from seqtutor.score import score


def scored(path, folder, run=None, per_step=False, reward="vowels:2,z:-1"):
    domain = run.domain if run else domain_class("letters")()
    found = Given(domain, path, own_vocabulary=run is None)
    with make_reward(found.domain, reward) as scores:
        score(found, scores, run, folder, per_step, quiet=True)
    return pd.read_csv(folder / "scores.csv")


@pytest.mark.parametrize("variant", ["", "psi", "g", "rl-only"])
@pytest.mark.parametrize("primer", ["start", "fab"])
def test_log_probabilities_are_those_of_the_draw(make_run, tmp_path, variant, primer):
    run, how = load_run(make_run(variant=variant)), Draw(20, 2, 16, primer=primer)
    sample(run, how, "npz", make_reward(run.domain, ""), tmp_path, quiet=True)
    table = scored(tmp_path / "samples.npz", tmp_path, run, per_step=True)
    drawn = [batch.sequences for batch in draw(run, how)]
    log_prob = np.concatenate([sequences.log_prob for sequences in drawn])
    lengths = np.concatenate([sequences.lengths for sequences in drawn])
    with np.load(tmp_path / "scores.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["lengths"], lengths)
        np.testing.assert_allclose(arrays["log_prob"], log_prob[:, : lengths.max()], atol=2e-6)
    np.testing.assert_allclose(table.log_prob, log_prob.sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(table.nll_per_token, -log_prob.sum(axis=1) / lengths, rtol=1e-5)


def test_a_primer_of_one_token_may_be_flat_and_counts(make_run, tmp_path):
    run = load_run(make_run())
    tokens = np.array([run.domain.encode("bad"), run.domain.encode("fed")])
    for name, primer in {"flat": np.array([1, 2]), "deep": np.array([[1], [2]])}.items():
        np.savez(tmp_path / f"{name}.npz", tokens=tokens, primer=primer)
    np.savez(tmp_path / "none.npz", tokens=tokens)
    flat, deep, none = (scored(tmp_path / f"{name}.npz", tmp_path, run).log_prob for name in ("flat", "deep", "none"))
    np.testing.assert_array_equal(flat, deep)
    assert (flat != none).all()


@pytest.mark.parametrize(
    ("primer", "says"),
    [(np.array([1]), "fewer"), (np.array([1, 99]), r"integers 0 \.\. 7"), (np.array([0.5, 1]), "integers")],
)
def test_a_bad_primer(make_run, tmp_path, primer, says):
    run = load_run(make_run())
    np.savez(tmp_path / "x.npz", tokens=np.array([run.domain.encode("bad"), run.domain.encode("fed")]), primer=primer)
    with pytest.raises(UserError, match=f"x.npz.*{says}"):
        scored(tmp_path / "x.npz", tmp_path, run)


def test_a_pickled_primer_is_refused(make_run, tmp_path):
    run = load_run(make_run())
    np.savez(tmp_path / "x.npz", tokens=np.array([run.domain.encode("bad")]), primer=np.array([{}], object))
    with pytest.raises(UserError, match="cannot read the primers of .*x.npz"):
        scored(tmp_path / "x.npz", tmp_path, run)


def test_rewards_of_a_file_and_its_bad_lines(letters, words, tmp_path):
    """Without a model the file's own letters are the vocabulary, so only the line that is no word is bad."""
    table = scored(words, tmp_path)
    assert list(table) == ["name", "vowels", "z", "total"]
    assert table.values.tolist() == [
        ["words.txt:1", 1, 0, 2], ["words.txt:2", 2, 0, 4], ["words.txt:4", 2, 0, 4], ["words.txt:5", 1, 1, 1],
        ["words.txt:6", 0, 0, 0],
    ]  # fmt: skip
    assert (tmp_path / "rejected.csv").read_text() == "name,reason\nwords.txt:3,not a word\n"


def test_a_token_unknown_to_the_model_is_rejected(make_run, words, tmp_path):
    table = scored(words, tmp_path, load_run(make_run()))
    assert table.name.tolist() == [f"words.txt:{line}" for line in (1, 2, 4, 5)]
    rejected = pd.read_csv(tmp_path / "rejected.csv")
    assert rejected.values.tolist() == [["words.txt:3", "not a word"], ["words.txt:6", "unknown token 'x'"]]


def test_an_earlier_list_of_rejected_does_not_stay(letters, words, tmp_path):
    scored(words, tmp_path)
    words.write_text("bad\n")
    scored(words, tmp_path)
    assert not (tmp_path / "rejected.csv").exists()


def test_per_step_rewards_stand_at_their_tokens(letters, words, tmp_path):
    scored(words, tmp_path, per_step=True)
    with np.load(tmp_path / "scores.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == ["lengths", "total", "vowels", "z"]
        assert arrays["lengths"].tolist() == [4, 5, 5, 4, 3]  # each with its end token
        assert arrays["total"][1].tolist() == [0, 2, 0, 2, 0]  # c a f e .
        assert arrays["total"][3].tolist() == [0, 2, -1, 0, 0]  # f e z .


def test_batches_do_not_change_a_score(make_run, words, tmp_path, monkeypatch):
    run = load_run(make_run())
    whole = scored(words, tmp_path, run)
    monkeypatch.setattr(given_module, "MOST_TOKENS", 10)
    assert max(len(batch.names) for batch in Given(run.domain, words, False).batches()) == 2
    pd.testing.assert_frame_equal(scored(words, tmp_path, run), whole, rtol=1e-6)
    monkeypatch.setattr(given_module, "MOST_ROWS", 1)
    pd.testing.assert_frame_equal(scored(words, tmp_path, run), whole, rtol=1e-6)


def test_more_than_half_bad_is_an_error_and_leaves_no_scores(letters, tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("bad\n1\n2\nfed\n")
    assert len(scored(path, tmp_path / "out")) == 2  # half is not more than half
    (tmp_path / "out" / "scores.csv").unlink()
    path.write_text("bad\n1\n2\n")
    with pytest.raises(UserError, match=r"2 of 3 sequences are bad; the first is x.txt:2: not a word"):
        scored(path, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["rejected.csv"]


def test_no_sequence_at_all(letters, tmp_path):
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(UserError, match="holds no sequence"):
        scored(tmp_path / "x.txt", tmp_path)
