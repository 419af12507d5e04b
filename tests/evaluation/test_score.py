"""Judging given sequences: the same numbers as drawing them gave, and bad lines told apart."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from seqtutor.cli.main import run
from seqtutor.data import sequence_files as given_module
from seqtutor.data.sequence_files import SequenceFile
from seqtutor.domains import domain_class
from seqtutor.domains.reward_spec import make_reward
from seqtutor.errors import UserError
from seqtutor.evaluation.draw import Draw, Target
from seqtutor.evaluation.sample import write
from seqtutor.evaluation.score import of_another_length, score
from seqtutor.runs.run import load_run
from tests.support.places import DATA


def scored(path, folder, run=None, per_step=False, reward="a:2,b:-1"):
    domain = run.domain if run else domain_class("words")()
    found = SequenceFile(domain, path, own_vocabulary=run is None)
    with make_reward(found.domain, reward) as scores:
        score(found, scores, run, folder, per_step, quiet=True)
    return pd.read_csv(folder / "scores.csv")


def encoded(run, *texts):
    return np.array([run.domain.encode(text) for text in texts])


@pytest.mark.parametrize(("variant", "primer"), [("", "dab"), ("psi", "start"), ("g", "dab")])
def test_log_probabilities_are_those_of_the_draw(make_run, tmp_path, variant, primer):
    run = load_run(make_run(variant=variant))
    write(run, Draw(40, 2, 16, primer=primer), "npz", Target(make_reward(run.domain, ""), 1.0), tmp_path, quiet=True)
    table = scored(tmp_path / "samples.npz", tmp_path, run, per_step=True)
    with np.load(tmp_path / "samples.npz") as drawn, np.load(tmp_path / "scores.npz") as found:
        ended = (drawn["tokens"] == run.domain.vocabulary.end).any(axis=1)  # a text has an end, a cut sequence has not
        assert 10 < ended.sum() < 40
        lengths, log_prob = drawn["lengths"][ended], drawn["log_prob"][ended]
        np.testing.assert_array_equal(found["lengths"][ended], lengths)
        np.testing.assert_allclose(found["log_prob"][ended, :6], log_prob, atol=2e-6)
    np.testing.assert_allclose(table.log_prob[ended], log_prob.sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(table.nll_per_token[ended], -log_prob.sum(axis=1) / lengths, rtol=1e-5)


def test_a_primer_of_one_token_may_be_flat_and_counts(make_run, tmp_path):
    run = load_run(make_run())
    tokens = encoded(run, "bad", "cab")
    for name, primer in {"flat": np.array([1, 2]), "deep": np.array([[1], [2]])}.items():
        np.savez(tmp_path / f"{name}.npz", tokens=tokens, primer=primer)
    np.savez(tmp_path / "none.npz", tokens=tokens)
    flat, deep, none = (scored(tmp_path / f"{name}.npz", tmp_path, run).log_prob for name in ("flat", "deep", "none"))
    np.testing.assert_array_equal(flat, deep)
    assert (flat != none).all()


@pytest.mark.parametrize(
    ("primer", "says"),
    [
        (np.array([1]), "fewer"),
        (np.array([1, 99]), r"integers 0 \.\. 4"),
        (np.array([0.5, 1]), "integers"),
        (np.array([{}, {}], object), "x.npz.*Python objects"),  # pickled
    ],
)
def test_a_bad_primer(make_run, tmp_path, primer, says):
    run = load_run(make_run())
    np.savez(tmp_path / "x.npz", tokens=encoded(run, "bad", "cab"), primer=primer)
    with pytest.raises(UserError, match=says) as caught:
        scored(tmp_path / "x.npz", tmp_path, run)
    assert "x.npz" in str(caught.value)


def test_rewards_of_a_file_and_its_bad_lines(words, word_file, tmp_path):
    """Without a model the file's own letters are the vocabulary, so only the line that is no word is bad."""
    table = scored(word_file, tmp_path)
    assert list(table) == ["name", "a", "b", "total"]
    assert table.values.tolist() == [
        ["words.txt:1", 1, 1, 1], ["words.txt:2", 1, 1, 1], ["words.txt:4", 2, 0, 4], ["words.txt:5", 2, 2, 2],
        ["words.txt:6", 0, 1, -1],
    ]  # fmt: skip
    assert (tmp_path / "rejected.csv").read_text() == "name,reason\nwords.txt:3,no letter: '4'\n"


def test_a_token_unknown_to_the_model_is_rejected(make_run, word_file, tmp_path):
    table = scored(word_file, tmp_path, load_run(make_run()))
    assert table.name.tolist() == [f"words.txt:{line}" for line in (1, 2, 4, 5)]
    rejected = pd.read_csv(tmp_path / "rejected.csv")
    assert rejected.values.tolist() == [["words.txt:3", "no letter: '4'"], ["words.txt:6", "unknown token 'e'"]]


def test_an_earlier_list_of_rejected_does_not_stay(words, word_file, tmp_path):
    scored(word_file, tmp_path)
    word_file.write_text("bad\n")
    scored(word_file, tmp_path)
    assert not (tmp_path / "rejected.csv").exists()


def test_per_step_rewards_stand_at_their_tokens(words, word_file, tmp_path):
    scored(word_file, tmp_path, per_step=True)
    with np.load(tmp_path / "scores.npz") as arrays:
        assert sorted(arrays) == ["a", "b", "lengths", "total"]
        assert arrays["lengths"].tolist() == [4, 4, 5, 5, 4]  # each with its end token
        assert arrays["total"].tolist()[1:4] == [[0, 2, -1, 0, 0], [0, 2, 0, 2, 0], [2, -1, -1, 2, 0]]


def test_batches_do_not_change_a_score(make_run, word_file, tmp_path, monkeypatch):
    run = load_run(make_run())
    whole = scored(word_file, tmp_path, run, per_step=True)
    with np.load(tmp_path / "scores.npz") as arrays:
        steps = dict(arrays)
    monkeypatch.setattr(given_module, "MOST_TOKENS", 10)
    batches = list(SequenceFile(run.domain, word_file, own_vocabulary=False).batches())
    assert [batch.tokens.shape for batch in batches] == [(2, 4), (2, 5)]
    pd.testing.assert_frame_equal(scored(word_file, tmp_path, run, per_step=True), whole, rtol=1e-6)
    with np.load(tmp_path / "scores.npz") as arrays:
        for name, array in steps.items():
            np.testing.assert_allclose(arrays[name], array, rtol=1e-5)
    monkeypatch.setattr(given_module, "MOST_ROWS", 1)
    assert len(list(SequenceFile(run.domain, word_file, own_vocabulary=False).batches())) == 4


def test_more_than_half_bad_is_an_error_and_leaves_no_scores(words, tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("bad\n1\n2\ndad\n")
    assert len(scored(path, tmp_path / "out")) == 2  # half is not more than half
    (tmp_path / "out" / "scores.csv").unlink()
    path.write_text("bad\n1\n2\n")
    with pytest.raises(UserError, match=r"2 of 3 sequences are bad; the first is x\.txt:2: no letter: '1'"):
        scored(path, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["rejected.csv"]


def test_no_sequence_at_all(words, tmp_path):
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(UserError, match="holds no sequence"):
        scored(tmp_path / "x.txt", tmp_path)


def test_the_command_matches_the_published_program_on_every_component_of_every_step(tmp_path):
    with np.load(DATA / "magenta_rewards.npz", allow_pickle=False) as arrays:
        golden = dict(arrays)
    np.savez(tmp_path / "melodies.npz", tokens=golden["tokens"])
    flags = ["--domain", "music", "--per-step", "--out", str(tmp_path), "--quiet"]
    assert run(["score", str(tmp_path / "melodies.npz"), *flags]) == 0
    table = pd.read_csv(tmp_path / "scores.csv")
    with np.load(tmp_path / "scores.npz", allow_pickle=False) as scores:
        names = sorted(set(scores.files) & set(golden))
        assert len(names) == 10  # nine rules and their total
        for name in names:
            exact = np.ones(golden["tokens"].shape, bool)
            if name in ("autocorrelation", "total"):
                exact = ~golden["autocorrelation_at_limit"]
            np.testing.assert_allclose(scores[name][exact], golden[name][exact], rtol=0, atol=1e-5, err_msg=name)
            np.testing.assert_allclose(table[name], scores[name].sum(axis=1), rtol=1e-5, atol=1e-3, err_msg=name)


@pytest.mark.parametrize(("told", "count"), [(True, 2), (False, 0)])
def test_lengths_that_a_policy_told_of_the_steps_to_go_does_not_expect_are_counted(words, make_run, told, count):
    """A policy that is told nothing judges every length alike; so does one of sequences with an end."""
    run = load_run(make_run())
    policy = dataclasses.replace(run.policy, lookahead=object() if told else None)
    fixed = dataclasses.replace(run, policy=policy, domain=domain_class("music")())
    lengths = np.array([32, 64, 8])
    assert of_another_length(fixed, lengths) == count
    assert of_another_length(dataclasses.replace(fixed, domain=run.domain), lengths) == 0
