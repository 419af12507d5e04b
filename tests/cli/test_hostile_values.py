"""Values that files and users' code give, each of another kind than expected: one line says so."""

import json
import os

import pytest
import yaml

from seqtutor.cli.main import run
from seqtutor.config import from_tree, load, strict_yaml
from seqtutor.errors import UserError
from seqtutor.runs import checkpoint
from seqtutor.runs.run import load_run
from seqtutor.system.tables import aligned, csv_file
from seqtutor.system.terminal import in_a_line, printable
from tests.support.commands import PRETRAIN, error_of, words_config

# config.yaml of a run


@pytest.mark.parametrize("section", ["run", "domain", "tune", "model"])
@pytest.mark.parametrize("value", [["a"], "text", 3])
@pytest.mark.parametrize("flag", ["--resume", "--force"])
def test_a_section_that_is_not_one(make_run, capsys, section, value, flag):
    path = make_run("prior")
    tree = yaml.safe_load((path / "config.yaml").read_text())
    (path / "config.yaml").write_text(yaml.safe_dump({**tree, section: value}))
    if flag == "--resume":
        assert str(path) in error_of(capsys, *PRETRAIN, "--out", str(path), flag)
    if section != "run":  # that is left out
        assert section in error_of(capsys, "pretrain", str(path / "config.yaml"), "--out", str(path.parent / "new"))


def test_what_a_run_grew_by_is_a_list(make_run, capsys):
    path = make_run("prior")
    tree = yaml.safe_load((path / "config.yaml").read_text())
    tree["run"]["grown"] = 3
    (path / "config.yaml").write_text(yaml.safe_dump(tree))
    assert "`run` is not as seqtutor writes it" in error_of(capsys, *PRETRAIN, "--out", str(path), "--resume")


# YAML


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: 1\ndomain: {name: music}\nseed: 2\n", "line 1: not valid YAML ('seed' is there twice)"),
        ("domain: {name: music}\ntune:\n  c: 1\n  c: 2\n", "line 3: not valid YAML ('c' is there twice)"),
        ("domain: {name: music}\ntune: {learning_rate: 1:30:00}\n", "tune.learning_rate is '1:30:00'"),
        ("domain: {name: music}\ntune: {rounds: 1:30}\n", "tune.rounds is '1:30'"),
        ("domain: {name: music}\ntune: {learning_rate: true}\n", "tune.learning_rate is True: true is not a number"),
        ("domain: {name: music}\nseed: yes\n", "seed is True: true is not a number"),
        ("domain: {name: music}\ntune: {learning_rate: 1.0e+30}\n", "input should be from 1e-30 to 1e+06"),
        ("domain: {name: music}\ntune: {weight_decay: 1.0e+30}\n", "less than or equal to 1000000"),
    ],
)
def test_values_that_settings_do_not_have(tmp_path, text, said):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load(tmp_path / "a.yaml")
    assert said in str(caught.value)


def test_yaml_is_else_as_ever():
    text = "a: [1, 0x1F, 1_000, -3, 1.5, .inf, true, no, ~, 2001-01-01]\nb: {<<: {c: 1}, d: '1:30'}\n"
    assert strict_yaml.parse(text) == yaml.safe_load(text)


def test_the_highest_learning_rates_diverge_or_not_but_do_not_fail(make_run, tmp_path):
    for name in ("pretrain.learning_rate", "tune.learning_rate", "tune.weight_decay"):
        assert from_tree({"domain": {"name": "words"}, name.split(".")[0]: {name.split(".")[1]: 1e6}}, "test")
    settings = ("learning_rate=1.0e+6", "weight_decay=1.0e+6", "rounds=4", "batch=4", "minibatch=4")
    args = ["tune", words_config(tmp_path), "--prior", str(make_run("prior")), "--out", str(tmp_path / "o"), "--quiet"]
    assert run([*args, *(f"--set=tune.{setting}" for setting in settings)]) in (0, 2)


# Checkpoints


def test_a_checkpoint_whose_words_were_changed_is_not_used(make_run, capsys):
    """Two letters of the vocabulary are swapped: everything fits, and every sequence would be another."""
    path = make_run("prior")
    file = path / "checkpoints" / "step-00000007" / "checkpoint.json"
    meta = json.loads(file.read_text())
    symbols = meta["vocabulary"]["symbols"]
    symbols[1], symbols[2] = symbols[2], symbols[1]
    file.write_text(json.dumps(meta))
    assert run(["sample", str(path), "--num", "2"]) == 2
    said = capsys.readouterr().err
    assert "checkpoint.json does not match its digest" in said
    del meta["digest"]  # as version 0.1.0 wrote it
    file.write_text(json.dumps(meta))
    assert load_run(path).domain.vocabulary.symbols == tuple(symbols)


def test_links_in_place_of_checkpoints(tmp_path):
    made = {step: checkpoint.Checkpoint(step, {}, {}) for step in (1, 3, 4, 5)}
    checkpoint.save(tmp_path / "a", made[1])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "step-00000001").symlink_to(tmp_path / "a" / "step-00000001")
    (tmp_path / "b" / "step-00000002").symlink_to(tmp_path / "b" / "step-00000002")  # a loop
    assert checkpoint.load_newest(tmp_path / "b").step == 1
    for step in (3, 4, 5):
        checkpoint.save(tmp_path / "b", made[step])
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["step-00000004", "step-00000005"]
    assert checkpoint.load_newest(tmp_path / "a").step == 1


# What users' rewards do


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise GeneratorExit", "f raised GeneratorExit"),
        ("raise SystemExit(3)", "f raised SystemExit: 3"),
        ("return [10**400] * len(texts)", "did not return an array of numbers"),
        ("return [10**39] * len(texts)", "return finite numbers"),
        ("class Odd(BaseException): pass\n    raise Odd('x')", "f raised Odd: x"),
    ],
)
def test_a_reward_is_blamed_in_a_line(make_run, tmp_path, capsys, body, said):
    path = tmp_path / "mine.py"
    path.write_text(f"def f(tokens, texts):\n    {body}\n")
    args = ["tune", words_config(tmp_path), "--prior", str(make_run("prior")), "--out", str(tmp_path / "o")]
    line = error_of(capsys, *args, "--reward", f"{path}:f", "--quiet")
    assert str(path) in line and said in line
    assert not (tmp_path / "o").exists()


# What is printed and written


def test_nothing_steers_the_terminal(tmp_path, capsys):
    assert printable("a\x1b[31mb\x9bc\u202ed\ne") == "a\\x1b[31mb\\x9bc\\u202ed\ne"
    assert printable("Müller 東京 🎵\n") == "Müller 東京 🎵\n"
    assert in_a_line("a\nb") == "a\\nb"
    assert "\x1b" not in aligned([["\x1b[2J", "x"]])
    name = "evil\x1b]0;owned\x07\nline.txt"
    (tmp_path / name).write_text("")
    for args in (["score", str(tmp_path / name), "--domain", "chain", "--out", str(tmp_path / "out")],
                 ["evaluate", str(tmp_path / name), "--domain", "chain", "--out", str(tmp_path / "out")]):  # fmt: skip
        line = error_of(capsys, *args)
        assert "\x1b" not in line and "\x07" not in line


def test_names_are_no_formulas_of_a_spreadsheet(tmp_path):
    with csv_file(tmp_path / "a.csv", ("name", "text", "total")) as table:
        for name in ("=1+1", "+1", "-1", "@x", "a=1"):
            table.add({"name": name, "text": "=O", "total": -1.5})
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[1:] == [f"{name},=O,-1.5" for name in ("'=1+1", "'+1", "'-1", "'@x", "a=1")]


def test_names_in_tables_steer_no_terminal(tmp_path):
    name, shown = "a\x1b[2J\nb\u202e", "a\\x1b[2J\\nb\\u202e"
    (tmp_path / f"{name}.txt").write_text("abca\nabcb\na\x1bca\n")
    args = ["score", str(tmp_path / f"{name}.txt"), "--domain", "chain", "--set", "domain.length=4", "--quiet"]
    assert run([*args, "--out", str(tmp_path / "out")]) == 0
    for table in ("scores.csv", "rejected.csv"):
        text = (tmp_path / "out" / table).read_text()
        assert shown in text and not {"\x1b", "\u202e"} & set(text)


@pytest.mark.parametrize("name", ["..", "--help", "-", ".hidden", "a/b", "a\nb", "a\x1bb"])
def test_names_of_data_sets(tmp_path, capsys, name):
    (tmp_path / "words.txt").write_text("abcdab\n")
    line = error_of(capsys, "data", "import", str(tmp_path / "words.txt"), "--domain", "chain", f"--name={name}")
    assert "cannot be a data set's name" in line


def test_nothing_is_written_through_a_link(make_run, tmp_path):
    (tmp_path / "precious.txt").write_text("precious")
    out = tmp_path / "out"
    out.mkdir()
    for name in ("samples.csv", "words.txt", "rejected.csv"):
        (out / name).symlink_to(tmp_path / "precious.txt")
    path = make_run("prior")
    assert run(["sample", str(path), "--num", "3", "--format", "txt", "--out", str(out), "--quiet"]) == 0
    assert (tmp_path / "precious.txt").read_text() == "precious"
    assert sorted(os.listdir(out)) == ["samples.csv", "words.txt"]
    assert not any(file.is_symlink() for file in out.iterdir())
    assert len((out / "words.txt").read_text().splitlines()) == 3
