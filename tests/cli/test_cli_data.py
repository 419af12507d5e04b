"""The `data` commands, with the toy domain installed as another package would."""

from importlib import metadata

import pytest
from click.testing import CliRunner

from seqtutor.cli.data import data
from seqtutor.data import corpus
from seqtutor.domains import GROUP, domain_class
from seqtutor.domains.base import DataSet
from seqtutor.errors import UserError
from tests.support.toy import Toy, word_list


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def run(monkeypatch):
    """Runs a `data` command with the toy domain installed as another package would."""
    installed = metadata.entry_points

    def entry_points(**chosen):
        return [*installed(**chosen), metadata.EntryPoint("toy", "tests.support.toy:Toy", GROUP)]

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    return lambda *args: CliRunner().invoke(data, args, catch_exceptions=False).output


def test_list_and_fetch(run, named):
    row = ["toy", "known", "2", "no", "free"]
    assert row in [line.split() for line in run("list").splitlines()]
    assert "get it with `seqtutor data fetch known`" in run("info", "known")
    assert f"known is at {named}" in run("fetch", "known")
    assert [*row[:3], "yes", "free"] in [line.split() for line in run("list").splitlines()]


def test_fetch_checks_what_it_got(run, named, monkeypatch):
    item = Toy.data_sets()["known"]
    wrong = DataSet(item.name, item.description, item.licence, 2, "0" * 64, item.locate, item.fetch)
    monkeypatch.setattr(Toy, "data_sets", classmethod(lambda cls: {"known": wrong}))
    with pytest.raises(UserError, match="its sha256 differs"):
        run("fetch", "known")


def test_info_describes_the_sequences(run, named):
    run("fetch", "known")
    named_facts = dict(line.split(maxsplit=1) for line in run("info", "known").splitlines() if len(line.split()) > 1)
    assert named_facts["licence"] == "free"
    assert named_facts["usable"] == "2 sequences, 6 tokens; a vocabulary of 3"
    assert named_facts["length"] == "3 to 3 tokens, mean 3.0"
    assert named_facts["frequent"] == ". 33.3%, a 33.3%, b 33.3%"
    assert named_facts["3-3"].split() == ["2", "#" * 40]


def test_import_remembers_the_name_and_lists_what_was_rejected(run, tmp_path, cache):
    path = word_list(tmp_path, "ab", "x", "bada", "cab")
    output = run("import", path, "--domain", "toy", "--name", "mine", "--out", str(tmp_path / "out"))
    assert "1: 1 no letter: 'x'" in output and "imported as mine" in output
    assert (tmp_path / "out" / "rejected.csv").read_text() == "name,reason\nwords.txt:2,no letter: 'x'\n"
    assert list(corpus.load(Toy(), "mine").texts()) == ["ab", "bada", "cab"]
    assert "3 sequences" in run("info", "mine")
    assert f"imported from {path}" in run("list")
    run("import", path, "--domain", "toy", "--quiet")  # by default the name of the file
    assert len(corpus.load(Toy(), "words")) == 3
    assert (cache / "imported" / "toy" / "words" / "rejected.csv").exists()


def test_import_of_a_column(run, tmp_path):
    """The name stands for the column from then on; each column has a cache of its own."""
    path = tmp_path / "tunes.csv"
    path.write_text("text;other\nC4;E4 G4\n")
    assert "1 sequences, 2 tokens" in run("import", f"{path}:other", "--domain", "music", "--name", "mine")
    assert "1 sequences, 2 tokens" in run("info", "mine")
    assert next(line for line in run("list").splitlines() if " mine " in line).split()[:3] == ["music", "mine", "yes"]
    assert list(corpus.load(domain_class("music")(), "mine").texts()) == ["E4 G4"]
    assert list(corpus.load(domain_class("music")(), str(path)).texts()) == ["C4"]
    with pytest.raises(UserError, match=r"no column third .* 'text', 'other'"):
        run("import", f"{path}:third", "--domain", "music", "--name", "third")
    path.unlink()
    with pytest.raises(UserError, match="which is gone"):
        run("info", "mine")


def test_info_says_and_draws_the_properties(run, tmp_path):
    path = tmp_path / "tunes.txt"
    path.write_text("C4 hold E4\nG4 off off\n")
    run("import", str(path), "--domain", "music")
    said = run("info", "tunes", "--out", str(tmp_path / "out"))
    assert ["pitch", "C4", "C4", "E4", "G4", "G4"] in [line.split() for line in said.splitlines()]
    assert (tmp_path / "out" / "info.png").read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["info.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "knwon"], "did you mean known"),
        (["fetch", "mosses"], "did you mean moses"),
        (["import", "nowhere.txt", "--domain", "toy"], "no file or folder nowhere.txt"),
        (["import", "nowhere.txt", "--domain", "toi"], "did you mean toy"),
    ],
)
def test_errors_say_the_mend(run, named, arguments, message):
    with pytest.raises(UserError, match=message):
        run(*arguments)


@pytest.mark.parametrize("command", [[], ["list"], ["info"], ["fetch"], ["import"]])
def test_help_has_an_example(command):
    assert "Example:\n    seqtutor data" in CliRunner().invoke(data, [*command, "--help"]).output


def test_names_in_several_domains_need_the_option(run, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("C4 hold E4\n")
    run("import", str(path), "--domain", "music", "--name", "both")
    word_list(tmp_path, "ab")
    run("import", str(path), "--domain", "toy", "--name", "both")
    with pytest.raises(UserError, match="--domain music or toy"):
        run("info", "both")
    assert "1 sequences, 3 tokens" in run("info", "both", "--domain", "toy")
