"""evaluate and score from Python."""

import json

import numpy as np
import pandas as pd
import pytest

import seqtutor as st
from seqtutor.cli.main import run as command
from tests.api.test_training import error_of
from tests.support.python_api import count_a
from tests.support.toy import word_list


def chain_words(folder):
    path = folder / "words.txt"
    path.write_text("abcdab\naaaaaa\nabc\ndddddd\n")
    return path


def test_runs_paths_and_files_side_by_side(prior, tuned, tmp_path):
    words = chain_words(tmp_path)
    found = st.evaluate([prior, tuned.path, str(words)], num=64, reward="random", quiet=True)
    assert list(found) == [prior.name, tuned.name, "words.txt"]
    assert len(found) == 3 and found.c == 1.0
    reward = found[tuned.name]["reward"]
    assert reward.low < reward.value < reward.high and reward.n == 64
    assert found["words.txt"]["reward"].n == 3
    assert found["words.txt"]["length"].value == 6
    assert "kl_sequence" not in found["words.txt"]
    assert found[prior.name]["kl_sequence"].value == 0 < found[tuned.name]["kl_sequence"].value


def test_one_run_in_every_form(prior):
    forms = (prior, prior.path, str(prior.path), [prior])
    one, *others = [st.evaluate(form, num=16, quiet=True) for form in forms]
    assert all(dict(one) == dict(other) for other in (*others, prior.evaluate(num=16, quiet=True)))


def test_a_function_judges(prior, tuned, tmp_path):
    found = st.evaluate([tuned, chain_words(tmp_path)], num=50, reward=count_a, quiet=True)
    assert found["words.txt"]["reward"].value == pytest.approx(8 / 3)
    assert found["words.txt"]["reward_count_a"].value == pytest.approx(8 / 3)
    assert 0.5 < found[tuned.name]["reward_count_a"].value < 3


def test_the_table_is_that_of_the_file(prior, tuned, tmp_path):
    found = st.evaluate([prior, tuned], num=32, out=tmp_path / "there", quiet=True)
    table = pd.read_csv(tmp_path / "there/evaluation.csv")
    pd.testing.assert_frame_equal(found.to_pandas(), table, check_dtype=False, rtol=1e-8)
    found.save(tmp_path / "later")
    for name in ("evaluation.csv", "evaluation.json"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "later" / name).read_bytes()
    tree = json.loads((tmp_path / "there/evaluation.json").read_text())
    assert tree[tuned.name]["reward"]["low"] == found[tuned.name]["reward"].low


def test_the_command_and_the_function_find_the_same(prior, tuned, tmp_path, capsys):
    paths = [prior.path, tuned.path, chain_words(tmp_path)]
    args = ["evaluate", *map(str, paths), "--num", "40", "--seed", "7", "--out", str(tmp_path / "command"), "--quiet"]
    assert command(args) == 0
    printed = capsys.readouterr().out
    found = st.evaluate(paths, num=40, seed=7, out=tmp_path / "function", quiet=True)
    assert str(found) + "\n" == printed
    for name in ("evaluation.json", "evaluation.csv"):
        assert (tmp_path / "command" / name).read_bytes() == (tmp_path / "function" / name).read_bytes()
    assert "3 letters instead of 6" in (tmp_path / "function/rejected.csv").read_text()


def test_without_a_folder_nothing_is_written(prior, tmp_path):
    before = sorted(prior.path.rglob("*"))
    st.evaluate(prior, num=8, quiet=True)
    assert sorted(prior.path.rglob("*")) == before


def test_settings_and_reference(make_run, tmp_path):
    run = st.load_run(make_run())
    found = st.evaluate(run, settings={"evaluate.num": 12, "sample.batch": 4}, quiet=True)
    assert found[run.name]["reward"].n == 12
    assert "novel" not in found[run.name]
    known = word_list(tmp_path, "ab", "ba")
    assert st.evaluate(run, num=12, reference=known, quiet=True)[run.name]["novel"].n == 12
    files = st.evaluate(known, domain="words", quiet=True)
    assert files["words.txt"]["share of a"].value == 0.5 and files.c is None


def test_evaluate_refuses(prior, make_run, tmp_path):
    assert "give at least one run" in error_of(st.evaluate, [])
    assert "num is 1; give 2 or more" in error_of(st.evaluate, prior, num=1)
    assert "seed is -2; give 0 or more" in error_of(st.evaluate, prior, seed=-2)
    assert "there is no run or file" in error_of(st.evaluate, [prior, tmp_path / "none"])
    assert "say what the files hold" in error_of(st.evaluate, word_list(tmp_path, "ab"))
    assert "cannot compare sequences of several domains" in error_of(st.evaluate, [prior, make_run()])


def test_a_notebook_shows_the_table(prior, tuned):
    found = st.evaluate([prior, tuned], num=16, quiet=True)
    assert repr(found) == f"<Evaluation of {prior.name}, {tuned.name}>"
    page = found._repr_html_()
    assert page.count("<tr>") == 1 + len({name for metrics in found.values() for name in metrics})
    assert f">{tuned.name}</th>" in page and "objective with c = 1" in page
    cell = f"{found[tuned.name]['reward'].value:.4g} ["
    assert f">{cell}" in page


# score


def test_score_gives_the_table_and_keeps_no_file(prior, tmp_path, caplog):
    words = chain_words(tmp_path)
    table = st.score(words, model=prior, reward=count_a, quiet=True)
    assert table["total"].tolist() == table["count_a"].tolist() == [2, 6, 0]
    assert (table["log_prob"] < 0).all()
    assert caplog.messages == [f"left out 1 sequences of {words} that cannot be read"]
    assert list(tmp_path.iterdir()) == [words]


def test_the_command_and_the_function_score_the_same(prior, tmp_path):
    args = ["score", str(chain_words(tmp_path)), "--model", str(prior.path), "--per-step", "--quiet", "--out"]
    assert command([*args, str(tmp_path / "command")]) == 0
    st.score(args[1], model=prior, per_step=True, out=tmp_path / "function", quiet=True)
    names = ["rejected.csv", "scores.csv", "scores.npz"]
    assert sorted(path.name for path in (tmp_path / "function").iterdir()) == names
    for name in names:
        assert (tmp_path / "command" / name).read_bytes() == (tmp_path / "function" / name).read_bytes()
    with np.load(tmp_path / "function/scores.npz") as arrays:
        np.testing.assert_array_equal(arrays["lengths"], [6, 6, 6])


def test_score_refuses(prior, tmp_path):
    words = chain_words(tmp_path)
    assert "score needs --domain" in error_of(st.score, words)
    assert "say where, as out=" in error_of(st.score, words, domain="chain", per_step=True)
    assert "but --model" in error_of(st.score, words, domain="music", model=prior)
    assert "domain.* can be changed" in error_of(st.score, words, domain="chain", settings={"tune.c": 2.0})
