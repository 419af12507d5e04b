"""Drawing from a run: repeatable, the first of many are the few, and what is written is what was drawn."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest

from seqtutor.domains.reward_spec import make_reward
from seqtutor.errors import UserError
from seqtutor.evaluation.draw import FIRST, Draw, Target, draw
from seqtutor.evaluation.sample import write
from seqtutor.runs.run import load_run


def joined(run, how):
    """All batches of a draw as one: primers, tokens, lengths, log_prob, log_prior, kl, entropy, counts."""
    batches = list(draw(run, how))
    arrays = [(batch.primers, *batch.sequences, batch.drawn_lengths) for batch in batches]
    return [np.concatenate(parts) for parts in zip(*arrays, strict=True)]


def test_the_first_of_many_are_the_few(make_run):
    run = load_run(make_run(variant="psi"))
    many, few = joined(run, Draw(50, 3, 16)), joined(run, Draw(21, 3, 16))
    assert len(many[0]) == 50
    for all_of_them, first in zip(many, few, strict=True):
        np.testing.assert_array_equal(all_of_them[:21], first)
    assert (joined(run, Draw(21, 4, 16))[1] != few[1]).any()


def test_batches_are_not_copies_of_each_other(make_run):
    tokens = joined(load_run(make_run()), Draw(32, 0, 16))[1]
    assert (tokens[:16] != tokens[16:]).any()


def test_a_low_temperature_finds_likelier_sequences(make_run):
    run = load_run(make_run())
    draws = [joined(run, Draw(200, 0, 100, temperature)) for temperature in (0.2, 1.0, 5.0)]
    cold, mild, hot = (log_prob.sum() / lengths.sum() for _, _, lengths, log_prob, *_ in draws)
    assert cold > mild > hot


def test_a_primer_stands_before_the_sequences(make_run):
    run = load_run(make_run())
    free, primed = joined(run, Draw(16, 0, 16)), joined(run, Draw(16, 0, 16, primer="dab"))
    np.testing.assert_array_equal(primed[0], np.tile(run.domain.vocabulary.ids("dab"), (16, 1)))
    assert (primed[3] != free[3]).any()
    np.testing.assert_array_equal(primed[-1], primed[2])  # every token of the sequence was drawn


def test_a_kept_primer_is_the_beginning_of_each_sequence(make_run):
    run = load_run(make_run(domain="stems"))
    primers, tokens, lengths, log_prob, *_, count = joined(run, Draw(40, 0, 16, primer="dab"))
    assert primers.shape == (40, 0)
    assert tokens.shape == (40, 6)
    assert (tokens[:, :3] == run.domain.vocabulary.ids("dab")).all()
    assert not log_prob[:, :3].any()
    assert log_prob[:, 3].all()
    np.testing.assert_array_equal(count, lengths - 3)
    assert lengths.max() <= 6


def written(run, folder, how, kind="csv", reward=""):
    with make_reward(run.domain, reward) as scores:
        write(run, how, kind, Target(scores, 1.0), folder, quiet=True)
    return pd.read_csv(folder / "samples.csv", keep_default_na=False)


def test_samples_csv_holds_what_was_drawn(make_run, tmp_path):
    run, how = load_run(make_run(variant="g")), Draw(20, 1, 16)
    table = written(run, tmp_path / "out", how, reward="a:2,b:-1")
    assert list(table) == ["file", "text", "primer", "tokens", "log_prior", "log_prob", "a", "b", "total"]
    _, tokens, lengths, log_prob, log_prior, *_ = joined(run, how)
    for i, row in table.iterrows():
        ids = [int(token) for token in row.tokens.split()]
        assert ids == tokens[i, : lengths[i]].tolist()
        assert row.text == run.domain.decode(ids)
    np.testing.assert_allclose(table.log_prob, log_prob.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(table.log_prior, log_prior.sum(axis=1), rtol=1e-6)
    assert (table.log_prob != table.log_prior).all()
    assert table.a.tolist() == [text.count("a") for text in table.text]
    np.testing.assert_array_equal(table.total, 2 * table.a - table.b)
    assert not list((tmp_path / "out").glob(".*"))


def test_files_of_the_domain_and_arrays(make_run, tmp_path):
    run, how = load_run(make_run()), Draw(20, 1, 16, primer="dab")
    table = written(run, tmp_path, how, "txt")
    assert set(table.file) == {"words.txt"}
    assert (tmp_path / "words.txt").read_text().splitlines() == table.text.tolist()
    assert written(run, tmp_path, how, "npz").file.tolist() == [""] * 20
    primers, tokens, lengths, log_prob, log_prior, *_ = joined(run, how)
    with np.load(tmp_path / "samples.npz", allow_pickle=False) as arrays:
        for name, value in {
            "tokens": tokens, "lengths": lengths, "primer": primers, "log_prob": log_prob, "log_prior": log_prior,
        }.items():  # fmt: skip
            np.testing.assert_array_equal(arrays[name], value)


def test_a_billion_sequences_begin_at_once_and_it_is_said_how_long_they_take(make_run, capsys, monkeypatch):
    """Each batch is drawn when it is asked for, and a few of them tell how long all will take."""
    now = itertools.count(0.0, 2.0)
    monkeypatch.setattr("seqtutor.evaluation.draw.time.monotonic", lambda: next(now))
    batches = draw(load_run(make_run()), Draw(10**9, 0, 16))
    for _ in range(2 * FIRST):
        assert len(next(batches).sequences.tokens) == 16
    assert capsys.readouterr().err == ""
    next(batches)
    next(batches)
    said = f"1,000,000,000 sequences: about {10**9 / 16 / FIRST * 2 / 3600:,.0f} more hours at this rate"
    assert capsys.readouterr().err == f"warning: {said}\n"


def test_an_unknown_format_leaves_nothing(make_run, tmp_path):
    run = load_run(make_run())
    with pytest.raises(UserError, match="unknown format 'nzp' in domain words; did you mean npz"):
        written(run, tmp_path / "out", Draw(5, 0, 16), "nzp")
    assert not (tmp_path / "out").exists()


def test_a_failure_leaves_the_old_table(make_run, tmp_path):
    run = load_run(make_run())
    before = written(run, tmp_path, Draw(3, 0, 16))
    with pytest.raises(UserError, match="no letter"):
        written(run, tmp_path, Draw(5, 0, 16, primer="qqq"))
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "samples.csv", keep_default_na=False), before)
    assert not list(tmp_path.glob(".samples*"))


def test_primer_and_reward_of_a_run(make_run, capsys):
    run = load_run(make_run(variant="psi", primer="dab", reward="b:2"))
    assert (run.primer, run.reward_spec) == ("dab", "b:2")
    config = run.config.model_copy(update={"sample": run.config.sample.model_copy(update={"primer": "bad"})})
    assert dataclasses.replace(run, config=config).primer == "bad"
    assert capsys.readouterr().err == ""


def test_a_file_named_by_a_run_is_not_executed(make_run, tmp_path, capsys):
    evil = tmp_path / "evil.py"
    evil.write_text("raise SystemExit('executed')\n")
    assert load_run(make_run(variant="psi", reward=f"{evil}:f")).reward_spec == ""
    assert f"{evil}:f" in capsys.readouterr().err
