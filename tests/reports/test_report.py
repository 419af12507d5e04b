"""seqtutor report: what stands on the page, where it comes from, and that nothing of it can do harm."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml

import seqtutor as st
from seqtutor.cli.main import run
from seqtutor.config import load
from seqtutor.domains import domain_class
from seqtutor.domains.neighbours import Neighbour
from seqtutor.evaluation.metric_notes import grouped
from seqtutor.reports.collect import BEST, Kept, Shown, read_history
from seqtutor.reports.collect import _best as best
from seqtutor.reports.page import COLOURS
from tests.conftest import Words
from tests.support.places import ROOT

EVIL = "<script>alert(1)</script>"
VOID = {"meta", "wbr"}


class Tree(HTMLParser):
    """Collects tags, texts and attributes; fails on a tag that is closed in the wrong place."""

    def __init__(self, page: str):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def training(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("bad\ncab\ndada\nabba\n")
    return path


def report(*args):
    assert run(["report", *map(str, args), "--quiet"]) == 0


def test_the_page_of_two_runs(make_run, training):
    prior, tuned = make_run("prior", data=str(training)), make_run("psi", variant="psi", reward="b", c=2.0)
    (prior / "history.csv").write_text("step,loss,validation_loss\n1,2.5,2.6\n2,2.0,2.2\n")
    (tuned / "history.csv").write_text("step,reward,objective,kl_sequence,entropy,td_error\n1,1,2,0,1,3\n2,2,3,1,1,2\n")
    report(prior, tuned, "--num", 40)
    page = (tuned / "report.html").read_text()
    tree = Tree(page)
    assert tree.tags.count("h1") == 1
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert len(titles) == 7 and re.findall(r'<a href="#\w+">(.*?)</a>', page) == titles
    assert re.findall(r'<a href="#(.*?)">', page) == re.findall(r'<section id="(.*?)">', page)
    text = " ".join(tree.texts)
    assert "runs/prior" in text and "Tuned towards b by psi with c = 2" in text
    assert f"seqtutor tune {tuned}/config.yaml --prior" in text
    assert f"seqtutor pretrain {prior}/config.yaml --out {prior}-again" in text
    assert yaml.safe_dump({"units": 8}).strip() in text  # the whole config
    assert "seqtutor 0." in text and "numpy" in text
    assert "among 4 of 4" in text  # neighbours in the training data
    labels = [value for name, value in tree.attributes if name == "aria-label"]
    for chart in ("loss by step", "validation_loss by step", "reward by round", "td_error by round", "reward_b",
                  "reward against KL(π || p) a sequence, nats"):  # fmt: skip
        assert chart in labels
    assert len(page) < 200_000


def test_figures_are_those_of_evaluate(make_run, training, tmp_path):
    import pandas as pd

    prior, tuned = make_run("prior", data=str(training)), make_run("psi", variant="psi", reward="b")
    args = ["--num", "40", "--reward", "b"]
    report(prior, tuned, *args, "--out", tmp_path / "page.htm")
    assert run(["evaluate", str(prior), str(tuned), *args]) == 0
    page = (tmp_path / "page.htm").read_text()
    rows = dict(re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', page))
    table = pd.read_csv(prior / "evaluation.csv")
    names = [re.sub("<wbr>|<small>.*", "", name) for name in rows]
    assert sorted(names) == sorted(table.metric.drop_duplicates())
    rows = dict(zip(names, rows.values(), strict=True))
    for row in table.itertuples():
        cell = rows[row.metric].split("</td>")[row.run == "runs/psi"]
        assert cell.startswith(f"<td>{row.value:.4g}".replace("-", "−")), row
        assert ("*" in cell) == (row.p < 0.05)


def test_figures_are_grouped_with_units_and_what_is_better(make_run, tmp_path):
    prior, tuned = make_run("prior"), make_run("psi", variant="psi", reward="b")
    report(prior, tuned, "--num", 40, "--out", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    groups = re.findall(r'"rowgroup" colspan="3">(.*?)</th></tr>(.*?)</tbody>', page, re.DOTALL)
    rows = {title: re.findall(r'<th scope="row">(.*?)<small>(.*?)</small>', inner) for title, inner in groups}
    assert list(rows) == ["Reward", "Policy", "Words"]  # without data there is no `novel`
    assert ("objective", "nats a sequence; higher is better") in rows["Reward"]
    assert ("reward_<wbr>b", "a sequence, before its weight") in rows["Reward"]
    assert ("kl_<wbr>token", "nats a token; lower is better") in rows["Policy"]
    assert [name for name, _ in rows["Words"]] == ["share of a"]


def test_every_figure_of_melodies_and_molecules_has_its_unit_and_group():
    for name, own in (("music", "not_in_key"), ("molecules", "valid")):
        domain = domain_class(name)().with_vocabulary("CNO")
        found = domain.statistics(None, 0)
        shown = grouped(found.result(), "Own", domain.metric_notes)
        found.close()
        assert own in shown["Own"] and {"unique", "diversity"} <= shown["Variety"].keys()
        assert set(domain.metric_notes) - {"snn", "fragments", "scaffolds"} == set(shown["Own"])
        assert all(note.better in ("", "higher", "lower") for notes in shown.values() for note in notes.values())


def test_the_style_sheet_has_the_colours_of_runs():
    style = (ROOT / "seqtutor/reports/report.css").read_text(encoding="utf-8")
    assert re.findall(r"^\.run(\d+){color:var\(--run\1\)}$", style, re.MULTILINE) == [*map(str, range(COLOURS))]
    assert re.findall(r"--run(\d+):#", style) == [*map(str, range(COLOURS))] * 2  # on light, on dark


def test_the_prior_of_a_tuned_run_stands_before_it(make_run, tmp_path, caplog):
    prior, tuned = make_run("prior"), make_run("psi", variant="psi", reward="b")
    tree = yaml.safe_load((tuned / "config.yaml").read_text())
    tree["run"]["prior"] = str(prior)
    (tuned / "config.yaml").write_text(yaml.safe_dump(tree))
    for given in ([tuned], [prior, tuned]):
        st.report(given, num=8, out=tmp_path / "page.html", quiet=True)
        page = (tmp_path / "page.html").read_text()
        assert re.findall(r'<th scope="col"><span class="[^"]*"></span>(.*?)</th>', page) == ["runs/prior", "runs/psi"]
        assert f"seqtutor report {prior} {tuned} " in page and not caplog.messages
    shutil.move(prior, tmp_path / "gone")
    st.report(tuned, num=8, out=tmp_path / "page.html", quiet=True)
    assert "its prior is no longer at" in caplog.messages[0]


def test_what_comes_from_data_is_escaped_and_nothing_is_asked_of_a_network(make_run, training, monkeypatch):
    prior = make_run(f"{EVIL[:8]}prior", data=str(training))
    monkeypatch.setattr(Words, "decode", lambda self, tokens: EVIL)
    tree = yaml.safe_load((prior / "config.yaml").read_text())
    tree["run"] |= {"imported": EVIL, "versions": {EVIL: EVIL}}
    (prior / "config.yaml").write_text(yaml.safe_dump(tree))
    (prior / "history.csv").write_text(f"step,loss,{EVIL}\n1,2,3\n{EVIL},2,3\n2,1,{EVIL}\n3,nan\n4,1,2,3,4\n")
    report(prior, "--num", 20)
    page = (prior / "report.html").read_text()
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert re.findall(r"<script", page) == ["<script"]  # its own
    assert not re.search(r"https?://|//[a-z]|@import|url\(", page)
    for name, value in Tree(page).attributes:
        assert not name.startswith("on")
        assert name not in ("src", "href") or value.startswith(("data:", "#"))


def test_the_same_runs_make_the_same_page(make_run, training, tmp_path):
    path = make_run(data=str(training))
    for name in ("a", "b"):
        report(path, "--num", 20, "--out", tmp_path / name)
    report(path, "--num", 20, "--seed", 1, "--out", tmp_path / "c")
    a, b, c = ((tmp_path / name / "report.html").read_bytes() for name in "abc")
    assert a == b != c


def test_without_the_training_data_the_page_says_so(make_run):
    path = make_run(data="gone.txt")
    report(path, "--num", 5)
    page = (path / "report.html").read_text()
    assert "the training data are not on this machine" in page and "gone.txt" in page
    assert "similarity" not in page
    path = make_run("other")
    report(path, "--num", 5)
    assert "names no data set" in (path / "report.html").read_text()


def test_bad_input_is_refused(make_run, word_file, tmp_path, capsys):
    prior = make_run()
    for args, said in (
        ([prior, tmp_path / "none"], "is not a run folder"),
        ([word_file], "is not a run folder"),
        ([prior, make_run("stems", domain="stems")], "several domains"),
        ([prior, "--out", word_file], str(word_file)),
    ):
        assert run(["report", *map(str, args), "--num", "4", "--quiet"]) == 2
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1
    assert not (prior / "report.html").exists()


def test_a_run_can_be_made_again_from_its_own_config(make_run, tmp_path):
    """The command on the page: a run's config.yaml is a config."""
    prior = make_run()
    tuned = make_run("psi", variant="psi", rounds=1, batch=4, minibatch=4)
    assert load(tuned / "config.yaml").tune.rounds == 1
    again = tmp_path / "again"
    assert run(["tune", str(tuned / "config.yaml"), "--prior", str(prior), "--out", str(again), "--quiet"]) == 0
    first, second = (yaml.safe_load((path / "config.yaml").read_text()) for path in (tuned, again))
    assert {**first, "run": 0} == {**second, "run": 0}


def test_history_of_any_kind(tmp_path):
    path = tmp_path / "history.csv"
    assert read_history(path) == {}
    path.write_bytes(b"step,loss\n1,2\n2,x\xff\n3\n4,1,9\n")
    history = read_history(path)
    assert list(history) == ["step", "loss"]
    np.testing.assert_array_equal(history["step"], [1, 2, 3, 4])
    np.testing.assert_array_equal(history["loss"], [2, np.nan, np.nan, 1])


def test_the_best_are_different_ones_and_say_how_often_they_came():
    rewards = {"a": 1.0, "b": 5.0, "c": 2.0, "d": 2.0, "e": 0.0}
    drawn = [Shown(text, "", rewards[text], 1, False) for text in "abcbdbe"]
    assert [(shown.text, shown.times) for shown in best(drawn)] == [("b", 3), ("c", 1), ("d", 1), ("a", 1)]
    assert BEST == 4


def test_what_the_length_limit_cut_is_marked(words):
    domain = Words().with_vocabulary("ab")  # . a b
    kept = Kept(domain)
    kept.add(np.array([[1, 0, 0], [1, 2, 1]]), np.array([2, 3]), np.array([0.5, 1.0]))
    assert [(shown.text, shown.cut, shown.reward) for shown in kept.sequences] == [("a", False, 0.5), ("aba", True, 1)]


def test_neighbours_by_text(words):
    domain = Words()
    known = domain.reference(["bad", "cab", "dada"])
    how, found = domain.nearest(["cab", "dadb", "eeee"], known)
    assert found[0] == Neighbour("cab", 1.0)
    assert found[1] == Neighbour("dada", 0.75)
    assert found[2].similarity == 0
    assert "among 3 of 3" in how
    assert domain.nearest(["cab"], set()).found == [None]
    many = {f"{i:05d}" for i in range(12_000)}
    how, found = domain.nearest(["00001"], many)
    assert found == [Neighbour("00001", 1.0)]
    assert "among 4,000 of 12,000" in how


def test_a_figure_is_the_text_where_the_domain_has_no_other():
    assert Words().figures(["a<b"]) == ["<code>a&lt;b</code>"]


def test_a_report_goes_with_the_run_it_is_of(make_run):
    from seqtutor.runs.run_folder import RunFolder

    path = make_run()
    report(path, "--num", 5)
    config = load(path / "config.yaml")
    RunFolder(path).create(config, {"kind": "prior"}, resume=False, force=True)
    assert not Path(path, "report.html").exists()
