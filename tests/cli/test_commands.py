"""What the commands do with runs and files: what they write, and what they refuse."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from seqtutor.api.inputs import common_domain
from seqtutor.cli.main import run
from seqtutor.domains.chain import Chain
from seqtutor.runs.run import load_run
from tests.support.commands import error_of, failing_reward

pytestmark = pytest.mark.usefixtures("eagerly")

CONFIG = "domain: {name: words}\nmodel: {units: 8}\n"


def test_sample_writes_into_the_run_folder(make_run, capsys):
    path = make_run(variant="psi", reward="b")
    assert run(["sample", str(path), "--num", "5", "--format", "txt", "--seed", "3"]) == 0
    assert "5 sequences in" in capsys.readouterr().out
    table = pd.read_csv(path / "samples" / "samples.csv", keep_default_na=False)
    assert len(table) == 5
    assert list(table)[-2:] == ["b", "total"]
    assert (path / "samples" / "words.txt").read_text().splitlines() == table.text.tolist()


def test_seed_batch_and_temperature_decide_the_samples(make_run, tmp_path):
    path = make_run()

    def texts(*args):
        out = tmp_path / "out"
        assert run(["sample", str(path), "--num", "20", "--quiet", "--out", str(out), *args]) == 0
        return (out / "samples.csv").read_text()

    plain = texts()
    assert plain == texts("--seed", "0") == texts("--set", "sample.temperature=1.0")
    assert plain != texts("--seed", "1")
    assert texts("--temperature", "0.3") == texts("--set", "sample.temperature=0.3") != plain


def test_a_folder_of_runs_is_not_a_run(make_run, capsys):
    prior, tuned = make_run("prior"), make_run("psi", variant="psi")
    line = error_of(capsys, "sample", str(prior.parent), "--num", "2")
    assert line == f"error: {prior.parent} is not a run folder; did you mean {prior}, {tuned}?\n"
    assert "`seqtutor pretrain` and `tune` make them" in error_of(
        capsys, "sample", str(prior / "samples"), "--num", "2"
    )


def test_what_training_settled_cannot_be_changed(make_run, capsys):
    line = error_of(capsys, "sample", str(make_run()), "--num", "2", "--set", "model.units=9")
    assert "only sample.* and evaluate.*" in line


def test_score_with_a_run(make_run, word_file, tmp_path, capsys):
    args = ["score", str(word_file), "--model", str(make_run()), "--out", str(tmp_path / "s"), "--per-step"]
    assert run(args) == 0
    assert "4 sequences (2 more rejected, see rejected.csv)" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["rejected.csv", "scores.csv", "scores.npz"]
    assert list(pd.read_csv(tmp_path / "s" / "scores.csv")) == ["name", "a", "total", "log_prob", "nll_per_token"]
    assert "--domain is 'music', but" in error_of(capsys, *args, "--domain", "music")


def test_a_user_file_as_reward(make_run, word_file, tmp_path):
    (tmp_path / "mine.py").write_text("def size(tokens, texts):\n    return [len(text) for text in texts]\n")
    args = [
        "score",
        str(word_file),
        "--domain",
        "words",
        "--out",
        str(tmp_path),
        "--reward",
        f"{tmp_path}/mine.py:size",
    ]
    assert run(args) == 0
    assert pd.read_csv(tmp_path / "scores.csv")["size"].tolist() == [3, 3, 4, 4, 3]


def test_a_user_file_that_fails_in_mid_run(make_run, tmp_path, capsys):
    """One line, exit code 2; the rounds up to the last checkpoint are kept, and the mended run goes on from there."""
    config, path, calls = tmp_path / "c.yaml", tmp_path / "mine.py", tmp_path / "mine.calls"
    config.write_text(CONFIG + "tune: {rounds: 6, batch: 8, minibatch: 8, replay_ratio: 1, evaluate_every: 2}\n")
    failing_reward(path, at=6)
    args = ["tune", str(config), "--prior", str(make_run()), "--reward", f"{path}:f", "--quiet", "--out"]
    line = error_of(capsys, *args, str(tmp_path / "broken"))
    assert line == f"error: {path}, line 8: f raised RuntimeError: no licence left\n"
    kept = sorted(folder.name for folder in (tmp_path / "broken" / "checkpoints").glob("step-*"))
    assert kept[-1].endswith("4")  # one call was the trial, four more made four rounds
    assert run([*args, str(tmp_path / "broken"), "--resume"]) == 0
    calls.write_text("x" * 9)
    assert run([*args, str(tmp_path / "whole")]) == 0
    histories = [pd.read_csv(tmp_path / name / "history.csv").drop(columns="seconds") for name in ("whole", "broken")]
    pd.testing.assert_frame_equal(*histories, check_exact=True)


def test_a_finished_run_goes_on_for_longer(make_run, tmp_path, capsys):
    """Its rounds so far are kept, and those that follow have the learning rate of the longer run."""
    config, out, short = tmp_path / "c.yaml", tmp_path / "tuned", tmp_path / "short"
    config.write_text(CONFIG + "tune: {rounds: 2, batch: 8, minibatch: 8, replay_ratio: 1}\n")
    args = ["tune", str(config), "--prior", str(make_run()), "--out"]
    assert run([*args, str(out), "--quiet"]) == run([*args, str(short), "--quiet"]) == 0
    capsys.readouterr()
    assert run([*args, str(out), "--resume", "--set", "tune.rounds=4"]) == 0
    assert "continuing with tune.rounds 4, after 2: the learning rate" in capsys.readouterr().err
    long, before = (pd.read_csv(path / "history.csv").drop(columns="seconds") for path in (out, short))
    assert long.step.tolist() == [1, 2, 3, 4]
    pd.testing.assert_frame_equal(long[:2], before, check_exact=True, check_dtype=False)
    assert long.kl.iloc[3] != long.kl.iloc[1]  # it went on learning
    assert load_run(out).step == 4 and load_run(out).config.tune.rounds == 4
    assert "(tune.rounds was 4, not 2)" in error_of(capsys, *args, str(out), "--resume")


def test_evaluate_runs_and_a_file_side_by_side(make_run, word_file, capsys):
    prior, tuned = make_run("prior"), make_run("psi", variant="psi")
    args = ["evaluate", str(prior), str(tuned), str(word_file), "--num", "40", "--reference", str(word_file)]
    assert run(args) == 0
    table = capsys.readouterr().out
    tree = json.loads((prior / "evaluation.json").read_text())
    assert list(tree) == ["runs/prior", "runs/psi", "words.txt"] == table.splitlines()[0].split()
    assert tree["runs/prior"]["kl_sequence"]["value"] == 0 < tree["runs/psi"]["kl_sequence"]["value"]
    assert tree["words.txt"]["novel"]["value"] == 0
    assert "kl_sequence" not in tree["words.txt"]
    assert tree["runs/psi"]["reward"]["n"] == 40
    bad = (prior / "rejected.csv").read_text()
    assert bad
    assert run(["evaluate", str(prior), "--num", "40", "--quiet", "--out", str(prior)]) == 0
    assert (prior / "rejected.csv").read_text() == bad  # without a file it may be that of the training data
    assert run([*args, "--quiet"]) == 0
    assert set(pd.read_csv(prior / "evaluation.csv").run) == set(tree)


def test_evaluate_without_the_training_data(make_run, tmp_path, capsys):
    """A data set that is not here costs novelty, and one line; but a reference that was asked for must be there."""
    args = ["evaluate", str(make_run(data="gone.txt")), "--num", "5", "--out", str(tmp_path)]
    assert run(args) == 0
    err = capsys.readouterr().err
    assert err.startswith("warning: novelty is left out: ")
    assert err.count("\n") == 1
    assert "novel" not in json.loads((tmp_path / "evaluation.json").read_text())["runs/prior"]
    assert "gone2.txt" in error_of(capsys, *args, "--reference", "gone2.txt")


def test_runs_of_one_name_are_labelled_by_their_paths(make_run, tmp_path):
    first, other = make_run("a/prior"), make_run("b/a/prior")
    assert run(["evaluate", str(first), str(other), "--num", "5", "--out", str(tmp_path)]) == 0
    assert list(json.loads((tmp_path / "evaluation.json").read_text())) == [str(first), str(other)]


def test_evaluate_refuses_a_mixture(make_run, word_file, capsys):
    line = error_of(capsys, "evaluate", str(make_run("a")), str(make_run("b", domain="stems")))
    assert "several domains: 'words'" in line
    assert "--domain" in error_of(capsys, "evaluate", str(word_file))


def test_runs_of_one_domain_with_other_options_are_compared_with_a_warning(capsys):
    short, long = (SimpleNamespace(domain=Chain({"length": n}), path=Path(name)) for name, n in (("a", 4), ("b", 6)))
    assert common_domain({Path("a"): short, Path("b"): long}, None) is short.domain
    said = "warning: b has domain.length 6, not 4 as a: each is judged by its own, novelty by the first's\n"
    assert capsys.readouterr().err == said
    common_domain({Path("a"): short, Path("b"): short}, None)
    assert capsys.readouterr().err == ""


def test_tune_checks_the_prior(make_run, tmp_path, capsys):
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG)
    tuned = make_run("psi", variant="psi")
    assert "is a tuned run" in error_of(
        capsys, "tune", str(config), "--prior", str(tuned), "--out", str(tmp_path / "o")
    )
    stems = make_run("stems", domain="stems")
    assert "'words'" in error_of(capsys, "tune", str(config), "--prior", str(stems), "--out", str(tmp_path / "o"))
    line = error_of(capsys, "tune", str(config), "--prior", str(stems), "--out", str(stems), "--force")
    assert "own folder" in line
    line = error_of(capsys, "tune", str(config), "--prior", str(stems), "--set", "model.units=3")
    assert "--set model.units=3: domain, data and model are the prior's" in line
    assert not (tmp_path / "o").exists()


def test_the_length_of_a_config_counts(make_run, tmp_path, capsys):
    config, out = tmp_path / "c.yaml", ["--out", str(tmp_path / "o"), "--force"]
    settings = "tune: {rounds: 1, batch: 8, minibatch: 8}\n"
    config.write_text(CONFIG + settings)
    args = ["tune", str(config), "--prior", str(make_run()), *out]
    assert run(args) == 0
    assert capsys.readouterr().err == ""
    config.write_text(CONFIG.replace("words", "words, length: 7") + settings)
    assert run(args) == 0
    assert capsys.readouterr().err == ""
    assert load_run(tmp_path / "o").domain.length == 7


def test_tune_takes_model_and_flags(make_run, tmp_path, monkeypatch):
    """The run lands in runs/<config's name>/<variant>, with the prior's model and the command's settings."""
    config = tmp_path / "quick.yaml"
    config.write_text(CONFIG.replace("8", "99") + "tune: {rounds: 1, batch: 8, minibatch: 8, c: 3.0}\n")
    prior = make_run()
    monkeypatch.chdir(tmp_path)
    flags = ["--variant", "g", "--c", "0.5", "--reward", "a:2,b:1", "--seed", "4", "--set", "tune.rounds=2", "--quiet"]
    assert run(["tune", str(config), "--prior", str(prior), *flags]) == 0
    from seqtutor.runs.run import load_run

    loaded = load_run(Path("runs/quick/g"))
    tune = loaded.config.tune
    assert (tune.variant, tune.c, tune.reward, tune.rounds, tune.batch) == ("g", 0.5, "a:2,b:1", 2, 8)
    assert (loaded.config.seed, loaded.config.model.units, loaded.step) == (4, 8, 2)
    assert loaded.policy.tuned is not None


def test_pretrain_from_a_file_of_words(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "train.txt").write_text("bad\ncab\ndada\nabba\n" * 20)
    (tmp_path / "tiny.yaml").write_text(CONFIG + "data: {validation: 0, test: 0}\n")
    settings = ["--set", "pretrain.epochs=1", "--set", "pretrain.batch=8", "--quiet"]
    assert run(["pretrain", "tiny.yaml", "--data", "train.txt", *settings]) == 0
    assert Path("runs/tiny/prior/history.csv").exists()
    assert run(["pretrain", "tiny.yaml", "--data", "train.txt", *settings]) == 2  # a run is there already
    assert run(["pretrain", "tiny.yaml", "--data", "train.txt", *settings, "--force"]) == 0


def test_pretrain_says_what_was_rejected(words, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))
    data, config, out = tmp_path / "train.txt", tmp_path / "tiny.yaml", tmp_path / "prior"
    data.write_text("bad\n4\ncab\n\ndada\nabba\n4\n")
    config.write_text(CONFIG + "pretrain: {epochs: 1}\n")
    args = ["pretrain", str(config), "--data", str(data), "--out", str(out), "--force"]
    assert run(args) == 0
    said = f"warning: rejected 3 of 7 sequences (2 no letter: '4', 1 blank): see {out / 'rejected.csv'}\n"
    assert capsys.readouterr().err == said
    assert pd.read_csv(out / "rejected.csv").name.tolist() == ["train.txt:2", "train.txt:4", "train.txt:7"]
    assert run([*args, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert (out / "rejected.csv").exists()
    data.write_text("bad\ncab\ndada\nabba\n")
    assert run(args) == 0
    assert capsys.readouterr().err == ""
    assert not (out / "rejected.csv").exists()


def test_progress_names_what_is_read(monkeypatch, capsys):
    from seqtutor.system.progress import Progress

    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with Progress(None, "sequence", what="reading tunes") as progress:
        progress.advance(by=3)
    assert "reading tunes: 3 sequence" in capsys.readouterr().err
    with Progress(None, "sequence", quiet=True, what="reading tunes") as progress:
        progress.advance(by=3)
    assert capsys.readouterr().err == ""


def test_quiet_leaves_results_and_errors(make_run, word_file, tmp_path, capsys):
    """No command says more, not even what it warns of without --quiet; a damaged checkpoint is one of the things."""
    path, out = make_run("psi", variant="psi", data="gone.txt", reward="mine.py:f"), str(tmp_path / "out")
    (path / "checkpoints" / "step-00000008").mkdir()  # newer than the best, and empty
    (path / "checkpoints" / "best.json").unlink()
    says = {
        "sample": ["sample", str(path), "--num", "3"],
        "score": ["score", str(word_file), "--model", str(path), "--out", out],
        "evaluate": ["evaluate", str(path), "--num", "5"],
        "report": ["report", str(path), "--num", "5"],
        "export": ["export", str(path), "--out", str(tmp_path / "saved")],
    }
    for name, args in says.items():
        assert run([*args, "--quiet", *(["--force"] if name == "export" else [])]) == 0
        out, err = capsys.readouterr()
        assert (bool(out), err) == (name == "evaluate", ""), name
        assert run([*args, *(["--force"] if name == "export" else [])]) == 0
        out, err = capsys.readouterr()
        assert out and err.startswith(f"warning: checkpoint {path}/checkpoints/step-00000008 is damaged"), name
        assert all(line.startswith("warning: ") for line in err.splitlines())
        assert ("novelty is left out" in err) == (name == "evaluate")
        assert ("its reward 'mine.py:f' is a file" in err) == (name in ("sample", "report"))
        assert run([*args, "--quiet", "--seed", "-1"]) == 2
        assert capsys.readouterr().err.startswith("error: ")


def test_stars_are_green_on_a_terminal(make_run, tmp_path, monkeypatch, capsys):
    args = ["evaluate", str(make_run()), str(make_run("g", "g")), "--num", "200", "--quiet", "--out", str(tmp_path)]
    args += ["--set", "sample.batch=200"]
    assert run(args) == 0
    plain = capsys.readouterr().out
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert " *" in plain and "\x1b" not in plain
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert run(args) == 0
    assert capsys.readouterr().out == plain.replace(" *", "\x1b[32m *\x1b[0m")
    monkeypatch.setenv("NO_COLOR", "1")
    assert run(args) == 0
    assert capsys.readouterr().out == plain
