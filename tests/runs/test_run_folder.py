"""The run folder: nothing is overwritten unasked, and history.csv survives kills at any byte."""

import json
import os
import platform
from importlib import metadata

import pandas as pd
import pytest
import yaml

import seqtutor
from seqtutor.config import from_tree, to_tree
from seqtutor.errors import UserError
from seqtutor.reports.collect import read_history
from seqtutor.runs.history import Clock, History
from seqtutor.runs.run_folder import RunFolder
from seqtutor.sweeps.sweep import Job

CONFIG = from_tree({"domain": {"name": "music"}, "seed": 5}, "test")
OTHER = CONFIG.model_copy(update={"seed": 6})
ABOUT = {"kind": "prior"}


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "deep" / "run")


def error_of(make):
    with pytest.raises(UserError) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_is_made_before_it_is_asked_for(run):
    assert not run.path.parent.exists()


def test_config_yaml_holds_everything(run):
    run.create(CONFIG, {"kind": "tuned", "prior": "runs/x"}, resume=False, force=False)
    tree = yaml.safe_load((run.path / "config.yaml").read_text())
    about = tree.pop("run")
    assert tree == to_tree(CONFIG)
    assert run.config() == CONFIG
    assert run.about() == about
    assert (about["kind"], about["prior"]) == ("tuned", "runs/x")
    versions = about["versions"]
    assert versions["seqtutor"] == seqtutor.__version__
    assert versions["python"] == platform.python_version()
    assert versions["numpy"] == metadata.version("numpy")
    assert any(path.name == "config.yaml" for path in run.path.iterdir())
    assert len(list(run.path.iterdir())) == 1


def test_an_existing_run_is_left_alone(run):
    run.create(CONFIG, ABOUT, resume=False, force=False)
    (run.path / "history.csv").write_text("step\n1\n")
    assert "holds a run already; use --resume, --force or another --out" in error_of(
        lambda: run.create(CONFIG, ABOUT, resume=False, force=False)
    )
    run.create(CONFIG, ABOUT, resume=True, force=False)
    assert "started with other settings" in error_of(lambda: run.create(OTHER, ABOUT, resume=True, force=False))
    assert (run.path / "history.csv").exists()
    assert run.config() == CONFIG
    run.create(OTHER, ABOUT, resume=False, force=True)
    assert not (run.path / "history.csv").exists()
    assert run.config() == OTHER


def test_resume_begins_a_run_where_there_is_none(run):
    run.create(CONFIG, ABOUT, resume=True, force=False)
    assert run.config() == CONFIG


def test_other_files_in_the_folder_stay(run):
    run.path.mkdir(parents=True)
    (run.path / "mine.txt").write_text("keep")
    run.create(CONFIG, ABOUT, resume=False, force=True)
    assert (run.path / "mine.txt").read_text() == "keep"


def test_force_removes_a_run_and_nothing_else(run):
    run.create(CONFIG, ABOUT, resume=False, force=False)
    for name in ("checkpoints", "samples", "mine"):
        (run.path / name).mkdir()
        (run.path / name / "file").write_text("x")
    run.create(OTHER, ABOUT, resume=False, force=True)
    assert sorted(path.name for path in run.path.iterdir()) == ["config.yaml", "mine"]
    assert run.config() == OTHER


@pytest.mark.parametrize("force", [False, True])
def test_a_config_of_the_users_own_is_not_taken_for_a_run(run, force):
    run.path.mkdir(parents=True)
    (run.path / "config.yaml").write_text("domain: {name: music}\n")
    assert "is not a run's; choose another --out" in error_of(lambda: run.create(CONFIG, ABOUT, False, force))
    assert (run.path / "config.yaml").read_text() == "domain: {name: music}\n"


def with_rounds(rounds):
    return from_tree({**to_tree(CONFIG), "tune": {"rounds": rounds}}, "test")


def test_a_run_may_grow_where_that_is_allowed_and_config_yaml_says_so(run):
    def resume(rounds, longer=("tune.rounds",)):
        return run.create(with_rounds(rounds), ABOUT, resume=True, force=False, longer=longer)

    assert resume(5) == {}
    assert resume(8) == {"tune.rounds": (5, 8)}
    assert resume(8) == {}
    assert resume(9) == {"tune.rounds": (8, 9)}
    assert run.config() == with_rounds(9)
    about = run.about()
    assert about["grown"] == [{"tune.rounds": 5}, {"tune.rounds": 8}]
    assert (about["kind"], about["versions"]["seqtutor"]) == ("prior", seqtutor.__version__)
    before = (run.path / "config.yaml").read_bytes()
    assert "(tune.rounds was 9, not 8); resume with the same" in error_of(lambda: resume(8))
    assert "(tune.rounds was 9, not 10); resume with the same" in error_of(lambda: resume(10, ()))
    assert (run.path / "config.yaml").read_bytes() == before


def test_what_differs_is_named(run):
    run.create(CONFIG, {"kind": "tuned", "prior": "runs/x"}, resume=False, force=False)
    kind = {"kind": "tuned", "prior": "runs/y"}
    assert "(seed was 5, not 6)" in error_of(lambda: run.create(OTHER, kind, resume=True, force=False))
    assert "(another prior)" in error_of(lambda: run.create(CONFIG, kind, resume=True, force=False))


def test_a_prior_is_not_resumed_as_a_tuned_run(run):
    run.create(CONFIG, ABOUT, resume=False, force=False)
    tuned = {"kind": "tuned", "prior": "runs/x"}
    assert "started with other settings" in error_of(lambda: run.create(CONFIG, tuned, resume=True, force=False))


def test_places_that_cannot_be_a_run(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        message = error_of(lambda path=path: RunFolder(path).create(CONFIG, ABOUT, resume=False, force=False))
        assert str(path) in message
    assert "is not a run folder" in error_of(RunFolder(tmp_path).config)
    for text in ("a: [", "\x00"):
        (tmp_path / "config.yaml").write_text(text)
        assert "is not a run folder" in error_of(RunFolder(tmp_path).config)
    (tmp_path / "config.yaml").write_text("[]")
    assert "not a mapping" in error_of(RunFolder(tmp_path).about)


ROWS = [{"step": 10 * i, "loss": 1 / (i + 3), "note": f"n{i}"} for i in range(1, 5)]
WHOLE = "step,loss,note\n10,0.25,n1\n20,0.2,n2\n30,0.166667,n3\n40,0.142857,n4\n"


def write(history, rows):
    for row in rows:
        history.add(row)


@pytest.mark.parametrize("how", ["fifo", "device"])
def test_a_history_without_an_end_is_not_read(tmp_path, how):
    """Whoever made the folder may have put anything there."""
    path = tmp_path / "history.csv"
    os.mkfifo(path) if how == "fifo" else path.symlink_to("/dev/zero")
    for read in (lambda: Clock(path, 1), lambda: History(path, 1)):
        with pytest.raises(UserError, match="which may never end"):
            read()
    assert read_history(path) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000, '{"status": "done"}', '{"status": ["done"]}',
                                  '{"status": "done", "reward": 1, "kl_sequence": [], "objective": {}}'])  # fmt: skip
def test_a_summary_that_is_none_counts_as_unfinished(tmp_path, text):
    run = RunFolder(tmp_path)
    run.summary_file.write_text(text)
    assert run.summary() == (json.loads(text) if text.startswith('{"') else {})
    assert not Job(None, None, run).finished


def test_history_is_read_by_pandas(tmp_path):
    path = tmp_path / "history.csv"
    write(History(path), ROWS)
    assert path.read_text() == WHOLE
    assert pd.read_csv(path).step.tolist() == [10, 20, 30, 40]


def test_a_column_whose_name_has_a_comma(tmp_path):
    path, row = tmp_path / "history.csv", {"step": 1, 'reward_smarts([C,N]"x")': 0.5, "last": 2}
    History(path).add(row)
    History(path, keep_until=1).add({**row, "step": 2})
    table = pd.read_csv(path)
    assert list(table) == list(row) and table.step.tolist() == [1, 2] and table["last"].tolist() == [2, 2]


def test_each_row_reaches_the_disk_at_once(tmp_path):
    history = History(tmp_path / "history.csv")
    history.add(ROWS[0])
    assert (tmp_path / "history.csv").read_text() == WHOLE[: WHOLE.index("20,")]


def test_a_new_run_drops_old_rows(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(WHOLE)
    write(History(path), ROWS[:1])
    assert path.read_text() == "step,loss,note\n10,0.25,n1\n"


@pytest.mark.parametrize("step", [0, 10, 15, 20, 40, 99])
def test_rows_after_the_checkpoint_are_dropped(tmp_path, step):
    path = tmp_path / "history.csv"
    path.write_text(WHOLE)
    History(path, keep_until=step)
    assert pd.read_csv(path).step.tolist() == [row["step"] for row in ROWS if row["step"] <= step]


def test_a_kill_at_any_byte_leaves_a_history_that_goes_on(tmp_path):
    """The file cut anywhere, resumed from the checkpoint before the cut, ends as if it had never been cut."""
    path = tmp_path / "history.csv"
    for cut in range(len(WHOLE) + 1):
        path.write_text(WHOLE[:cut])
        rows = max(0, WHOLE[:cut].count("\n") - 1)  # those that are whole
        for saved in {rows, max(0, rows - 1)}:
            path.write_text(WHOLE[:cut])
            write(History(path, keep_until=10 * saved), ROWS[saved:])
            assert path.read_text() == WHOLE, cut


@pytest.mark.parametrize("text", ["loss,note\n1,2\n", "step,loss\nten,1\n", "loss,step\n1\n"])
def test_a_damaged_history_is_one_line_of_error(tmp_path, text):
    path = tmp_path / "history.csv"
    path.write_text(text)
    assert error_of(lambda: History(path, keep_until=5)).startswith(f"{path} is damaged; delete it")
    assert path.read_text() == text
