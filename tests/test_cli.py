"""The commands as users type them: help, exit codes, one line of error, and what they write."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqtutor.cli import main as cli
from seqtutor.cli.main import COMMANDS, run

HEAVY = ("tensorflow", "keras", "rdkit", "pandas", "music21", "matplotlib", "pretty_midi")
CONFIG = "domain: {name: words}\nmodel: {units: 8}\n"


def error_of(capsys, *args):
    """The one line on standard error of a command that ends with exit code 2."""
    assert run(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    return err


def shell(*args, **more):
    return subprocess.run(
        [sys.executable, "-m", "seqtutor", *args], capture_output=True, text=True, timeout=120, **more
    )


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_quick_and_ends_with_an_example(command):
    """Imports decide how long it takes, so those are looked at and not the clock alone."""
    code = (
        "import sys, time; start = time.process_time()\n"
        "from seqtutor.cli.main import run\n"
        f"code = run({[command, '--help'] if command else ['--help']!r})\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), time.process_time() - start)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *text, last = done.stdout.splitlines()
    assert last.startswith("[] ")
    assert float(last.split()[-1]) < 0.5  # processor time: it does not depend on what else runs
    if command != "data":
        assert any(line.strip() == "Example:" for line in text[-4:])
        assert text[-1].strip().startswith(f"seqtutor {command or 'pretrain'}")


def test_the_list_of_commands_has_their_summaries(capsys):
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    for name, (_, summary) in COMMANDS.items():
        assert f"  {name} " in text
        assert summary[:30] in text


def test_version_names_what_decides_the_numbers(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("seqtutor 0.1.0 (TensorFlow 2.")


def test_without_arguments_it_shows_the_help(capsys):
    assert run([]) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["tuen"], "unknown command 'tuen'; did you mean tune?"),
        (["sample", "runs/x", "--nmu", "3"], "--num"),
        (["sample", "runs/x"], "Missing option '--num'"),
        (["sample", "runs/x", "--num", "0"], "--num"),
        (["tune", "x.yaml", "--prior", "y", "--variant", "ps"], "unknown variant 'ps'; did you mean psi"),
        (["pretrain", "no-such.yaml"], "unknown config file 'no-such.yaml'"),
        (["score", "x.mid"], "--domain"),
        (["score", "x.mid", "--domain", "musik"], "unknown domain 'musik'; did you mean music?"),
        (["score", "x.mid", "--domain", "music", "--reward", "tonik"], "unknown reward 'tonik'; did you mean tonic"),
        (["score", "x.mid", "--domain", "music"], "x.mid"),
        (["sample", "runs/none", "--num", "3"], "runs/none is not a run folder"),
        (["evaluate", "runs/none"], "no run or file runs/none"),
    ],
)
def test_wrong_usage_is_one_line_with_the_mend(capsys, args, says):
    assert says in error_of(capsys, *args)


def test_a_traceback_only_with_v(capsys):
    assert run(["score", "x.mid", "--domain", "musik", "-v"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("error: unknown domain")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (RuntimeError("two\nlines"), 1, "error: RuntimeError: two lines; run again with -v for the traceback\n"),
        (EOFError("no data"), 1, "error: EOFError: no data; run again with -v for the traceback\n"),
        (BrokenPipeError("a worker"), 1, "error: BrokenPipeError: a worker; run again with -v for the traceback\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_exit_codes_of_what_nobody_expects(monkeypatch, capsys, error, code, says):
    def fail(self, ctx):
        raise error

    monkeypatch.setattr(cli.Commands, "invoke", fail)
    assert run(["sample"]) == code
    assert capsys.readouterr().err == says


def test_a_process_says_one_line_and_exits_with_2(tmp_path):
    """TensorFlow runs, and still there is nothing else on standard error."""
    np.savez(tmp_path / "x.npz", tokens=np.full((3, 8), 99))
    done = shell("score", "x.npz", "--domain", "music", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "x.npz" in done.stderr


def test_a_closed_pipe_is_quiet():
    done = subprocess.run(
        f"{sys.executable} -m seqtutor --help | true",
        shell=True,
        capture_output=True,
        text=True,
        executable="/bin/bash",
    )
    assert done.stderr == ""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_in_a_process(tmp_path):
    os.mkfifo(tmp_path / "never.txt")  # reading it waits for ever
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "seqtutor", "pretrain", tmp_path / "never.txt"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background inherits "ignored"
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2.0)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == "interrupted\n"
    assert process.returncode == 130


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
    assert (prior / "rejected.csv").exists()
    assert set(pd.read_csv(prior / "evaluation.csv").run) == set(tree)


def test_evaluate_without_the_training_data(make_run, tmp_path, capsys):
    """A data set that is not here costs novelty, and one line; but a reference that was asked for must be there."""
    args = ["evaluate", str(make_run(data="gone.txt")), "--num", "5", "--out", str(tmp_path)]
    assert run(args) == 0
    err = capsys.readouterr().err
    assert err.startswith("novelty is left out: ")
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
    assert not (tmp_path / "o").exists()


def test_tune_takes_model_and_flags(make_run, tmp_path, monkeypatch):
    """The run lands in runs/<config's name>/<variant>, with the prior's model and the command's settings."""
    config = tmp_path / "quick.yaml"
    config.write_text(CONFIG.replace("8", "99") + "tune: {rounds: 1, batch: 8, minibatch: 8, c: 3.0}\n")
    prior = make_run()
    monkeypatch.chdir(tmp_path)
    flags = ["--variant", "g", "--c", "0.5", "--reward", "a:2,b:1", "--seed", "4", "--set", "tune.rounds=2", "--quiet"]
    assert run(["tune", str(config), "--prior", str(prior), *flags]) == 0
    from seqtutor.load import load_run

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
    said = f"rejected 3 of 7 sequences (2 no letter: '4', 1 blank): see {out / 'rejected.csv'}\n"
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
    from seqtutor.progress import Progress

    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with Progress(None, "sequence", what="reading tunes") as progress:
        progress.advance(by=3)
    assert "reading tunes: 3 sequence" in capsys.readouterr().err
    with Progress(None, "sequence", quiet=True, what="reading tunes") as progress:
        progress.advance(by=3)
    assert capsys.readouterr().err == ""
